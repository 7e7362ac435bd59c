"""C literals and comments, in ASCII, from values that a user may have chosen."""

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.models.export.literal import plain

WIDTH = 120  # columns of a generated line
LONGEST_NAME = 1_000  # bytes of a class's name; C99 promises 4,095 per string
PREFIX = r"[A-Za-z][A-Za-z0-9_]{0,30}"


def comment(text: object, most: int = 100) -> str:
    """`text` for a comment: it can neither end it, nor begin another, nor form a trigraph."""
    return re.sub(r"[*?]", "_", plain(text, most))


def string(text: str) -> str:
    """A string literal of the UTF-8 bytes of `text`. Raises UserError for a text of more than LONGEST_NAME bytes."""
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) > LONGEST_NAME:
        raise UserError(
            f"the name of a class has at most {LONGEST_NAME:,} bytes in C, not {len(encoded):,}: shorten it"
        )
    # three octal digits end by themselves; a question mark could begin a trigraph
    return '"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in encoded) + '"'


def floats(values: npt.NDArray[np.floating]) -> list[str]:
    """Shortest float literals that give back each value as float32."""
    return [_float(value) for value in values.astype(np.float32).ravel()]


def _float(value: np.float32) -> str:
    text = np.format_float_scientific(value, trim="-", exp_digits=1)
    if 1e-4 <= abs(value) < 1e6 or value == 0:
        text = np.format_float_positional(value, trim="0")
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def whole(values: Iterable[int]) -> list[str]:
    """Integer literals; the least int32 has none, it is written as a difference."""
    return ["(-2147483647 - 1)" if value == -(2**31) else str(int(value)) for value in values]


def array(declaration: str, items: list[str]) -> str:
    """`declaration = {items};`"""
    return f"{declaration} = {braces(items, len(declaration) + 4)};"


def braces(items: list[str], used: int = 0) -> str:
    """`{items}`, folded where it does not fit beside the `used` columns of its line."""
    flat = f"{{{', '.join(items)}}}"
    if len(flat) + used <= WIDTH:
        return flat
    lines = ["{", "   "]
    for item in items:
        if len(lines[-1]) + len(item) + 2 > WIDTH:
            lines.append("   ")
        lines[-1] += f" {item},"
    return "\n".join([*lines, "}"])


def prefix_of(value: object) -> str:
    """Check a prefix of C names. Raises UserError."""
    if not isinstance(value, str) or not re.fullmatch(PREFIX, value):
        shown = plain(value, 40)
        raise UserError(
            f"a prefix of C names is a letter and up to 30 letters, digits or underscores, not {shown!r}: give another"
        )
    return value
