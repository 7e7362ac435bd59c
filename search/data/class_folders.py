"""Files with a label each: in class folders, PATH/CLASS/..., or named so that their names tell it; where PATH holds
train, val and test folders, in each of these."""

import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from underbudget.models.errors import UserError
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Decoded, Examples, labels_of, part_of
from underbudget.search.data.grouping import groups_of
from underbudget.search.data.store import PartName


class File(NamedTuple):
    """A file of a class. Paths are text: there may be 100,000 of them."""

    part: PartName | None
    label: str
    path: str


def listing(definition: Definition) -> list[File]:
    """Every file, ordered by its name and then by its path; hidden ones are left out.

    With the option `label_pattern` the label is what the first bracket of that regular expression matches in the file's
    name, else the name of its class folder. Raises UserError for a folder that cannot be read, and for names that the
    pattern does not match.
    """
    root, pattern = definition.source, definition.options.get("label_pattern")
    try:
        found = [file for part, place in _parts(root, pattern) for file in _labelled(part, place, pattern)]
    except OSError as error:
        raise UserError(f"{root} cannot be read ({error}): check the path and its rights") from error
    return sorted(found, key=lambda file: (os.path.basename(file.path), file.path))


def examples_of(definition: Definition, listed: Sequence[File], decoded: Decoded, notes: Sequence[str]) -> Examples:
    """Those of the listed files that could be decoded, called by their paths below the folder. Raises UserError for
    fewer than two classes, and for a name that does not tell its group."""
    root, kept = definition.source, [listed[index] for index in decoded.kept]
    labels, classes = labels_of([file.label for file in kept], root)
    names = [shown(os.path.relpath(file.path, root)) for file in kept]
    parts = [file.part for file in kept if file.part is not None]
    return Examples(
        decoded.images,
        labels,
        classes,
        names,
        decoded.frontend,
        parts=parts or None,
        groups=groups_of(names, definition.options.get("group")),
        left_out=decoded.left_out,
        notes=(*notes, *decoded.notes),
    )


def shown(path: str) -> str:
    """A path as text that any file can hold: bytes that are no UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def are_mostly(root: str, is_one: Callable[[str], bool], is_other: Callable[[str], bool], most: int = 2_000) -> bool:
    """Whether there are more files of one sort than of the other below a folder, among the first `most`."""
    ones = others = 0
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        ones += sum(is_one(name) for name in names)
        others += sum(is_other(os.path.join(place, name)) for name in names)
        if ones + others >= most:
            break
    return ones > others


def _parts(root: str, pattern: str | None) -> list[tuple[PartName | None, str]]:
    below = _folders(root)
    parts = {name: part for name in below if (part := part_of(name)) is not None}
    if "train" not in parts.values():
        return [(None, root)]
    if pattern is None and (others := [name for name in below if name not in parts]):
        raise UserError(
            f"{root} holds {', '.join(parts)} and also {others[0]!r}: give either class folders, or train, val and "
            "test folders with class folders in them"
        )
    return [(part, os.path.join(root, name)) for name, part in parts.items()]


def _labelled(part: PartName | None, place: str, pattern: str | None) -> list[File]:
    if pattern is None:
        return [File(part, shown(name), path) for name in _folders(place) for path in _files(os.path.join(place, name))]
    expression = re.compile(pattern)
    return [File(part, _label(expression, path), path) for path in _files(place)]


def _label(expression: re.Pattern[str], path: str) -> str:
    name = shown(os.path.basename(path))
    found = expression.search(name)
    if found is None or not (label := found[1]):
        raise UserError(
            f"--label-pattern {expression.pattern!r} does not match the name {name!r}: it must match every file's"
        )
    return label


def _folders(root: str) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())


def _files(folder: str) -> list[str]:
    """Files below a folder at any depth, hidden ones not; links to folders are not followed."""
    found = []
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(place, name) for name in names if not name.startswith(".")]
    return found


def _raise(error: OSError) -> None:
    raise error
