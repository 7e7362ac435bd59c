"""Recordings in class folders, or in one folder with the label in their names."""

import os
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.search.data import pictures, sounds
from underbudget.search.data.class_folders import are_mostly, examples_of, listing
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say

ENDINGS = (".wav", ".wave")


def files(definition: Definition) -> list[str]:
    """All files, recordings or not: what a person sees there."""
    return [file.path for file in listing(definition)]


def holds_sounds(root: Path) -> bool:
    """Whether a folder has more recordings than pictures."""
    return are_mostly(str(root), _is_recording, pictures.has_picture_ending)


def some(definition: Definition, most: int) -> list[Path]:
    """At most so many of the recordings, evenly spread over the folder; none where it is gone or cannot be read."""
    try:
        found = [file.path for file in listing(definition) if _is_recording(file.path)]
    except UserError:
        return []
    return [Path(path) for path in found[:: max(1, len(found) // most)][:most]]


def read(definition: Definition, say: Say) -> Examples:
    """Read every recording. Files of other endings are left alone. Raises UserError as `sounds.decode` and `listing`
    do, and for a folder without recordings."""
    root = definition.source
    found = listing(definition)
    listed = [file for file in found if _is_recording(file.path)]
    if not listed:
        raise UserError(
            f"there are no recordings ({', '.join(ENDINGS)}) in the class folders of {root}: it must hold a folder per "
            "class, CLASS/FILE.wav, or train, val and test folders with those; where the label is in the files' names, "
            "say how: --label-pattern '^([^_]+)_'"
        )
    decoded = sounds.decode([file.path for file in listed], definition.options, say)
    others = len(found) - len(listed)
    notes = [f"{others:,} files that are not called {' or '.join(ENDINGS)} were left alone"] if others else []
    return examples_of(definition, listed, decoded, notes)


def _is_recording(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in ENDINGS
