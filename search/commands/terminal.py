"""The terminal: one console for all commands, and their tables."""

import functools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from underbudget.models.output import drawing, visible

if TYPE_CHECKING:
    from rich.console import Console, OverflowMethod
    from rich.table import Table


@functools.cache
def console() -> "Console":
    """Standard output. Colour only in a terminal, and never with NO_COLOR; nothing is highlighted by guess."""
    from rich.console import Console
    from rich.segment import Segment

    class Terminal(Console):
        """Draws with escape sequences of its own, and lets none through that is in a text."""

        @property  # type: ignore[misc]
        def file(self) -> IO[str]:
            return drawing(super().file)

        def render(self, *given: Any, **named: Any) -> Iterator[Segment]:
            for segment in super().render(*given, **named):
                yield segment if segment.control else Segment(visible(segment.text), segment.style)

    return Terminal(highlight=False, markup=False, soft_wrap=False)


def say(*lines: str) -> None:
    """Print lines as they are: no markup, no wrapping."""
    for line in lines or ("",):
        console().print(line, soft_wrap=True)


def number(value: float | None, form: str = "") -> str:
    """A number in a table, by default as `table` writes it; nothing for None."""
    return "" if value is None else format(value, form or (",d" if isinstance(value, int) else ".2f"))


def print_json(value: Any) -> None:
    """Print JSON; NaN, which is none, is an error."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_result(shown: dict[str, Any] | Sequence[Any], paths: Mapping[str, Path]) -> None:
    """Print a result as JSON, or its lines and tables and then the files that it was written to."""
    if isinstance(shown, dict):
        print_json(shown)
        return
    say()
    for each in shown:
        console().print(each, soft_wrap=isinstance(each, str))
    say(*map(str, paths.values()))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str | float | None]],
    left: Collection[str] | None = None,
    folded: Collection[str] = (),
) -> "Table":
    """A table whose columns are aligned right, those of `left` (the first, unless given) left; one that is `folded`
    takes several lines where the terminal is narrow. Whole numbers get commas, others two decimals, None nothing."""
    from rich.table import Table
    from rich.text import Text

    cut: OverflowMethod = "crop" if console().options.ascii_only else "ellipsis"
    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        aligned = name in (columns[:1] if left is None else left)
        made.add_column(
            name,
            justify="left" if aligned else "right",
            overflow="fold" if name in folded else cut,
            no_wrap=name not in folded,
        )
    for row in rows:
        made.add_row(*(Text(visible(cell) if isinstance(cell, str) else number(cell)) for cell in row))
    return made
