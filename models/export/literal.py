"""Values that a user may have chosen, as text that is safe in a generated file: `literal` in Python code, `plain` in
comments and docstrings, `markdown` and `yaml` in a model card.

Python literals are as a person would write them, in ASCII; their layout follows `ruff format`.
"""

import math
import re
from collections.abc import Mapping, Sequence

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]

WIDTH = 120  # columns of a generated line


def literal(value: JSON, indent: int = 0, used: int = 0) -> str:
    """A Python expression equal to `value` (lists stay lists, tuples tuples), in ASCII.

    `indent` is the column of the line's start, `used` the columns that stand before and after it on its first line.
    Raises TypeError for what is not JSON, ValueError for NaN and infinities.
    """
    flat = _flat(value)
    if len(flat) + used <= WIDTH - indent:
        return flat
    if isinstance(value, str):
        return _folded(value, indent)
    if isinstance(value, Mapping):
        lines = []
        for key, item in value.items():
            before = f"{_flat(key)}: "
            lines.append(before + literal(item, indent + 4, len(before) + 1))
        return _bracketed("{", lines, "}", indent)
    if isinstance(value, Sequence) and value:
        opening, closing = "()" if isinstance(value, tuple) else "[]"
        return _bracketed(opening, [literal(item, indent + 4, 1) for item in value], closing, indent)
    return flat


def _flat(value: JSON) -> str:
    """The expression on one line."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, int):
        return int.__repr__(value)  # subclasses, such as enumerations, print as something else
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a number must be finite, not {value}")
        return float.__repr__(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("the keys of a JSON object must be texts")
        return "{" + ", ".join(f"{_flat(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_flat, value)) + (",)" if len(value) == 1 else ")")
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    raise TypeError(f"a value must be JSON, not {type(value).__name__}")


def _quoted(text: str) -> str:
    """A string literal in ASCII, in double quotes unless that needs more backslashes."""
    quoted = ascii(str.__str__(text))
    if quoted[0] == "'" and '"' not in quoted:
        return '"' + quoted[1:-1] + '"'
    return quoted


def _folded(text: str, indent: int) -> str:
    """A long string as adjacent literals on lines of their own, broken after blanks where there are some."""
    room = WIDTH - indent - 4
    parts: list[str] = []
    part = ""
    for word in re.findall(r"\S*\s+|\S+", text):
        for piece in (word[start : start + room // 10] for start in range(0, len(word), room // 10)):
            if part and len(_quoted(part + piece)) > room:
                parts.append(part)
                part = ""
            part += piece
    parts.append(part)
    lines = [" " * (indent + 4) + _quoted(part) for part in parts]
    return "\n".join(["(", *lines, " " * indent + ")"])


def _bracketed(opening: str, lines: list[str], closing: str, indent: int) -> str:
    return "\n".join([opening, *(" " * (indent + 4) + line + "," for line in lines), " " * indent + closing])


def plain(text: object, most: int = 80) -> str:
    """`text` for a comment or docstring: at most `most` printable ASCII characters, no quotes or backslashes."""
    safe = re.sub(r"[^A-Za-z0-9 ._,:;/+*@()<>=%|#-]", "?", str(text))
    return safe if len(safe) <= most else safe[: most - 3] + "..."


def yaml(value: JSON) -> str:
    """A value in YAML's flow style, ASCII, every text in double quotes: nothing in it can end it."""
    if isinstance(value, str):
        return '"' + "".join(_yaml_character(character) for character in value) + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(yaml, value)) + "]"
    return repr(value)


def _yaml_character(character: str) -> str:
    code = ord(character)
    if 32 <= code < 127 and character not in '"\\':
        return character
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def markdown(text: str) -> str:
    """`text` as Markdown and HTML show it, on one line: punctuation as entities, what cannot be shown as its escape."""
    return "".join(
        character
        if character.isalnum() or character in " .,-()%:+="
        else f"&#{ord(character)};"
        if character.isprintable()
        else f"&#92;u{ord(character):04x}"
        for character in text
    )
