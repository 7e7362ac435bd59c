"""Pictures in class folders: PATH/CLASS/..., or PATH/{train,val,test}/CLASS/..."""

import os

from underbudget.models.errors import UserError
from underbudget.search.data import pictures
from underbudget.search.data.class_folders import listing, shown
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say, labels_of
from underbudget.search.data.grouping import groups_of


def files(definition: Definition) -> list[str]:
    """All files below the class folders, pictures or not: what a person sees there."""
    return [file.path for file in listing(definition)]


def read(definition: Definition, say: Say) -> Examples:
    """Decode every picture. Files of other endings are left alone. Raises UserError as `pictures.decode` does, and for
    a folder without class folders."""
    root = definition.source
    found = listing(definition)
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
