"""Pictures in class folders: PATH/CLASS/..., or PATH/{train,val,test}/CLASS/..."""

import os
from typing import NamedTuple

from underbudget.models.errors import UserError
from underbudget.search.data import pictures
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say, labels_of, part_of
from underbudget.search.data.grouping import groups_of
from underbudget.search.data.store import PartName


class _File(NamedTuple):
    """A file in a class folder. Paths are text: there may be 100,000 of them."""

    part: PartName | None
    label: str
    path: str


def files(definition: Definition) -> list[str]:
    """All files below the class folders, pictures or not: what a person sees there."""
    return [file.path for file in _listing(definition.source)]


def read(definition: Definition, say: Say) -> Examples:
    """Decode every picture. Files of other endings are left alone. Raises UserError as `pictures.decode` does, and for
    a folder without class folders."""
    root = definition.source
    found = _listing(root)
    listed = [file for file in found if pictures.has_picture_ending(file.path)]
    if not listed:
        raise UserError(
            f"there are no pictures in the class folders of {root}: it must hold a folder per class, CLASS/PICTURE, or "
            "train, val and test folders with those"
        )
    decoded = pictures.decode([file.path for file in listed], definition.options, say)
    kept = [listed[index] for index in decoded.kept]
    labels, classes = labels_of([file.label for file in kept], root)
    names = [shown(os.path.relpath(file.path, root)) for file in kept]
    parts = [file.part for file in kept if file.part is not None]
    others = len(found) - len(listed)
    notes = [f"{others:,} files without a picture's ending were left alone"] if others else []
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


def _listing(root: str) -> list[_File]:
    """Every file, ordered by its name and then by its path. Raises UserError for a folder that cannot be read."""
    try:
        below = _folders(root)
        parts = {name: part for name in below if (part := part_of(name)) is not None}
        if "train" not in parts.values():
            places: list[tuple[PartName | None, str]] = [(None, root)]
        elif others := [name for name in below if name not in parts]:
            raise UserError(
                f"{root} holds {', '.join(parts)} and also {others[0]!r}: give either class folders, or train, val and "
                "test folders with class folders in them"
            )
        else:
            places = [(part, os.path.join(root, name)) for name, part in parts.items()]
        found = []
        for part, place in places:
            for name in _folders(place):
                label = shown(name)
                found += [_File(part, label, path) for path in _files(os.path.join(place, name))]
    except OSError as error:
        raise UserError(f"{root} cannot be read ({error}): check the path and its rights") from error
    return sorted(found, key=lambda file: (os.path.basename(file.path), file.path))


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
