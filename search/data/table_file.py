"""A table in a CSV or Parquet file, by pandas, with mistakes in one line."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError, nearest

if TYPE_CHECKING:
    import pandas

_SEPARATORS = (",", ";", "\t", "|")


def read_table(path: str, as_text: bool) -> "pandas.DataFrame":
    """All rows of a file; with `as_text` every value is text, as it stands, else numbers are numbers.

    The separator of a CSV file is that of , ; tab and | which its first line has most of; where it is ; a comma may
    stand for the decimal point. Raises UserError for a file that is no table, or has no rows.
    """
    try:
        is_parquet = path.lower().endswith(".parquet")
        table = _parquet(path, as_text) if is_parquet else _csv(path, as_text)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8 ({error.reason}): save it as UTF-8") from error
    except (OSError, ValueError, MemoryError) as error:
        raise UserError(f"{path} cannot be read as a table ({' '.join(str(error).split())[:200]}): mend it") from error
    table.columns = [str(name).strip() for name in table.columns]
    if not len(table):
        raise UserError(f"{path} has no rows below its first line, which names the columns")
    return table


def column(table: "pandas.DataFrame", name: str, option: str | None, path: str) -> "pandas.Series":
    """A column by name. Raises UserError where there is none: with the option that names another, and the nearest."""
    if name in table.columns:
        return table[name]
    names = list(map(str, table.columns))
    hint = f"did you mean {near!r}? " if (near := nearest(name, names)) else ""
    way = f"; {option} names another" if option else ""
    raise UserError(f"{path} has no column {name!r}: {hint}there are {', '.join(names[:12])}{way}")


def row(index: int) -> str:
    """How a row is called, as an editor numbers the lines."""
    return f"line {index + 2}"


def _csv(path: str, as_text: bool) -> "pandas.DataFrame":
    import pandas

    separator = _separator(path)
    kinds: Any = {"dtype": str, "keep_default_na": False} if as_text else {"low_memory": False}
    table: pandas.DataFrame = pandas.read_csv(path, sep=separator, encoding="utf-8-sig", skipinitialspace=True, **kinds)
    return table.apply(_with_points) if separator == ";" and not as_text else table


def _separator(path: str) -> str:
    import gzip

    opener = gzip.open if path.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig") as file:
        first = file.readline(100_000)
    return max(_SEPARATORS, key=first.count)


def _with_points(values: "pandas.Series") -> "pandas.Series":
    """A column of texts such as "1,5" as numbers, any other as it is."""
    import pandas

    if pandas.api.types.is_numeric_dtype(values):
        return values
    numbers = pandas.to_numeric(values.astype(str).str.replace(",", ".", regex=False), errors="coerce")
    return values if (numbers.isna() & values.notna()).any() else numbers


def _parquet(path: str, as_text: bool) -> "pandas.DataFrame":
    import pandas

    try:
        table = pandas.read_parquet(path)
    except ImportError as error:
        raise UserError(
            f"reading {Path(path).name} needs pyarrow: pip install pyarrow, or save the table as a CSV file"
        ) from error
    return table.astype(object).where(table.notna(), "").astype(str) if as_text else table
