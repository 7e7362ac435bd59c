"""Tables: of picture files, or, with --window, of a sensor's values."""

from underbudget.models.errors import UserError
from underbudget.search.data import picture_table, signal_table
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say

OF_PICTURES = ("image_size", "channels", "skip_bad_images")
OF_SIGNALS = ("step", "time", "window_label", "columns")


def files(definition: Definition) -> list[str]:
    """The files that the table stands for. Raises UserError for options that do not go together."""
    return signal_table.files(definition) if _is_signal(definition) else picture_table.files(definition)


def read(definition: Definition, say: Say) -> Examples:
    """The examples of a table."""
    return signal_table.read(definition, say) if _is_signal(definition) else picture_table.read(definition, say)


def _is_signal(definition: Definition) -> bool:
    is_signal = "window" in definition.options
    for name in OF_PICTURES if is_signal else OF_SIGNALS:
        if name in definition.options:
            option = f"--{name.replace('_', '-')}"
            way = (
                "leave out --window, or it"
                if is_signal
                else "give --window too, the number of rows that are an example"
            )
            raise UserError(f"{option} is for tables of {'pictures' if is_signal else 'sensor values'}: {way}")
    return is_signal
