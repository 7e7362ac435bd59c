"""Picture files listed in a table: columns `file` and `label`, and where they are there `split` and `group`."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from underbudget.models.errors import UserError
from underbudget.search.data import pictures
from underbudget.search.data.class_folders import shown
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say, labels_of, part_of
from underbudget.search.data.grouping import check_groups, groups_of
from underbudget.search.data.store import PartName
from underbudget.search.data.table_file import column, read_table, row

if TYPE_CHECKING:
    import pandas

_MOST_NAMED = 5


def files(definition: Definition) -> list[str]:
    """The table, and the pictures that it lists."""
    return [definition.source, *_paths(definition.source, read_table(definition.source, True))]


def read(definition: Definition, say: Say) -> Examples:
    """Decode every picture of the table. Raises UserError for columns and files that are missing, rows without a label,
    splits that are none, and as `pictures.decode` does."""
    source, options = definition.source, definition.options
    table = read_table(source, True)
    paths = _paths(source, table)
    words = column(table, options.get("label", "label"), "--label", source).str.strip().tolist()
    _refuse(source, [index for index, word in enumerate(words) if not word], "no label", words)
    parts = parts_of(table, source)
    if not options.get("skip_bad_images"):
        missing = [index for index, path in enumerate(paths) if not os.path.exists(path)]
        _refuse(source, missing, "a file that is not there", table["file"].tolist(), " or give --skip-bad-images")
    decoded = pictures.decode(paths, options, say)
    kept = decoded.kept
    names = [shown(table["file"][index]) for index in kept]
    labels, classes = labels_of([words[index] for index in kept], source)
    return Examples(
        decoded.images,
        labels,
        classes,
        names,
        decoded.frontend,
        parts=None if parts is None else [parts[index] for index in kept],
        groups=_groups(table, kept, names, options.get("group"), source, parts is not None),
        left_out=decoded.left_out,
        notes=decoded.notes,
    )


def parts_of(table: "pandas.DataFrame", source: str) -> list[PartName] | None:
    """The part of each row by the column `split`, None where there is none or it is empty. Raises UserError for words
    that are no parts."""
    if "split" not in table.columns:
        return None
    words = table["split"].fillna("").astype(str).tolist()
    if not any(word.strip() for word in words):
        return None
    parts = [part_of(word) for word in words]
    _refuse(
        source, [index for index, part in enumerate(parts) if part is None], "no train, val or test in split", words
    )
    return [part for part in parts if part is not None]


def _groups(
    table: "pandas.DataFrame", kept: Sequence[int], names: Sequence[str], asked: str | None, source: str, is_split: bool
) -> list[str] | None:
    """Groups by a column, else by a pattern of the names."""
    name = asked or "group"
    if name not in table.columns:
        return groups_of(names, asked)
    values = table[name].tolist()
    return check_groups([values[index] for index in kept], f"the column {name!r} of {source}", not is_split)


def _paths(source: str, table: "pandas.DataFrame") -> list[str]:
    if "file" not in table.columns:
        raise UserError(
            f"{source} has no column 'file' ({', '.join(map(str, table.columns[:12]))}): a table of pictures has file "
            "and label; of a sensor's recording give --window, the number of rows that are an example"
        )
    folder = os.path.dirname(source)
    return [os.path.join(folder, name.strip()) for name in table["file"]]


def _refuse(source: str, rows: Sequence[int], what: str, values: Sequence[str], way: str = "") -> None:
    """Raises UserError for rows that cannot be used, naming the first of them."""
    if not rows:
        return
    named = "; ".join(f"{row(index)}: {shown(values[index])!r}" for index in rows[:_MOST_NAMED])
    more = f"; and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else ""
    raise UserError(f"{source}: {len(rows):,} of {len(values):,} rows have {what} ({named}{more}): mend the table{way}")
