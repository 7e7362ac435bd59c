"""The terminal: one console for all commands, and words for numbers."""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@functools.cache
def console() -> "Console":
    """Standard output. Colour only in a terminal, and never with NO_COLOR; nothing is highlighted by guess."""
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=False)


def say(text: str = "") -> None:
    """Print a line as it is: no markup, no wrapping."""
    console().print(text, soft_wrap=True)
