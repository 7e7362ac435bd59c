"""The columns of a recording: its rows in the order of time, its channels, and columns as text."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.search.data.table_file import column, row

if TYPE_CHECKING:
    import pandas

_GAP = 5  # medians of the time between two rows, from which on a recording is broken
_GROWING = 0.98  # share of the steps upwards, over which a column is no sensor's
_MOST_NAMED = 12

Texts = npt.NDArray[np.str_]


def in_time(
    table: "pandas.DataFrame", time: str, group: str | None, source: str, notes: list[str]
) -> "tuple[pandas.DataFrame, npt.NDArray[np.bool_]]":
    """The rows in the order of group and time, and which of them come after a gap."""
    import pandas

    values = column(table, time, "--time", source)
    if values.isna().any():
        raise UserError(f"{source}: {row(int(values.isna().to_numpy().argmax()))} has no time in {time!r}: mend it")
    if not pandas.api.types.is_numeric_dtype(values):
        try:
            values = pandas.to_datetime(values, format="mixed").astype("int64")
        except (ValueError, TypeError) as error:
            what = " ".join(str(error).split())[:120]
            raise UserError(f"{source}: the column {time!r} holds no times ({what}): numbers or dates") from error
    kinds = np.zeros(len(table)) if group is None else texts(column(table, group, "--group", source))
    order = np.lexsort((np.arange(len(table)), values.to_numpy(), kinds))
    if (order[1:] < order[:-1]).any():
        notes.append(f"the rows were put in the order of {time if group is None else f'{group} and {time}'}")
    ordered = values.to_numpy()[order]
    between = np.diff(ordered, prepend=ordered[:1])
    is_within = np.r_[False, kinds[order][1:] == kinds[order][:-1]]
    usual = np.median(between[is_within]) if is_within.any() else 0
    gaps = is_within & (between > _GAP * usual) if usual > 0 else np.zeros(len(table), dtype=bool)
    if gaps.any():
        notes.append(f"{int(gaps.sum()):,} gaps in {time} (over {_GAP} times the usual step): no window crosses one")
    return table.iloc[order], gaps


def channels(
    table: "pandas.DataFrame",
    taken: set[str],
    asked: str | None,
    breaks: npt.NDArray[np.bool_],
    groups: Texts | None,
    source: str,
    notes: list[str],
) -> list[str]:
    """The columns that are channels: those asked for, else all numeric ones that vary and are nothing else."""
    import pandas

    if asked is not None:
        names = [name.strip() for name in asked.split(",") if name.strip()]
        for name in names:
            if not pandas.api.types.is_numeric_dtype(column(table, name, "--columns", source)):
                raise UserError(f"{source}: the column {name!r} holds values that are no numbers: mend or leave it out")
        return names
    others = [name for name in map(str, table.columns) if name not in taken]
    numeric = [name for name in others if pandas.api.types.is_numeric_dtype(table[name])]
    numeric = [name for name in numeric if not name.startswith("Unnamed:")]  # what pandas wrote as the number of a row
    left = [name for name in others if name not in numeric]
    varying = [name for name in numeric if table[name].nunique(dropna=False) > 1]
    if left:
        notes.append(f"the columns {some(left)} are no channels and were left alone")
    if constant := [name for name in numeric if name not in varying]:
        notes.append(f"the columns {some(constant)} have one value everywhere and were left out")
    inside = np.flatnonzero(~breaks[1:] if groups is None else (groups[1:] == groups[:-1]) & ~breaks[1:])
    for name in varying:
        steps = np.diff(table[name].to_numpy(np.float64))[inside]
        if len(steps) and (steps > 0).mean() > _GROWING:
            raise UserError(
                f"{source}: the column {name!r} only grows, as a time or a number of a row does: give it to --time, "
                "or name the channels by --columns"
            )
    if not varying:
        raise UserError(f"{source} has no numeric column that varies, but for {some(sorted(taken))}")
    return varying


def texts(values: "pandas.Series") -> Texts:
    """A column as text; a missing value is "", a whole number has no decimal point."""
    import pandas

    if pandas.api.types.is_float_dtype(values):
        whole = values.dropna()
        if (whole == whole.round()).all():
            values = values.astype("Int64")
    return values.astype(object).where(values.notna(), "").astype(str).str.strip().to_numpy(dtype=np.str_)


def some(names: list[str]) -> str:
    """Names in a message, the first dozen of them."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
