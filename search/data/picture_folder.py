"""Pictures in class folders: PATH/CLASS/..., or PATH/{train,val,test}/CLASS/..."""

from underbudget.models.errors import UserError
from underbudget.search.data import pictures
from underbudget.search.data.class_folders import examples_of, listing
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say


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
    others = len(found) - len(listed)
    notes = [f"{others:,} files without a picture's ending were left alone"] if others else []
    return examples_of(definition, listed, decoded, notes)
