"""Tables: of picture files, or, with --window, of a sensor's values."""

from underbudget.search.data import picture_table
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say

OF_PICTURES = ("image_size", "channels", "skip_bad_images")


def files(definition: Definition) -> list[str]:
    """The files that the table stands for."""
    return picture_table.files(definition)


def read(definition: Definition, say: Say) -> Examples:
    """The examples of a table."""
    return picture_table.read(definition, say)
