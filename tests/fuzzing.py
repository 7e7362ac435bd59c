"""Mutated inputs for every parser and every file that the program reads: each is read, or refused in one clear line.

A target is a name, valid inputs, and a function that reads one. `attack` mutates the inputs from a seed and reports
every exception that is not the program's own. `python tests/fuzzing.py SECONDS [SEED]` attacks all targets for so long
and prints what it found.
"""

import copy
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from underbudget.models.errors import UnderbudgetError

# What parsers tend to trip over, as text and as a JSON value.
WORDS = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "\xe9",
        "\ud800",
        "\u0663",
        "\uff10",
        "-1",
        "0",
        "1e999",
        "nan",
        "inf",
        "9" * 30,
        "0x10",
        "1_000",
    ),
    *("conv3x3(", "conv999999999x1(1)", "|", "||", "(", ")", ",", "<", "<=", "=", "relu", "bn", "drop2", "gap", "["),
    *("params", "macs", "KiB", "GB", "%", '"', "'", "\\", "{", "}", "../", "/dev/zero", "\x1b[31m"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -0.0, 0.5, 1e308, float("nan"), float("inf"), "", "x", "\0"),
    *([], {}, [[]], [0], ["x"], {"x": 0}, [1, 2, 3], [10**9, 10**9, 10**9], "\x1b[31m", "\xe9" * 300),
)


@dataclass(frozen=True)
class Target:
    """Something that reads input from outside."""

    name: str
    inputs: tuple[Any, ...]  # bytes, text, or JSON values
    read: Callable[[Any], object]  # raises UnderbudgetError for what it refuses
    refuses: tuple[type[BaseException], ...] = ()  # more that a caller turns into one line
    share: float = 1.0  # of the inputs that others get: less where one takes long


@dataclass
class Findings:
    """What an attack came to."""

    tried: dict[str, int] = field(default_factory=dict)  # inputs by target
    accepted: dict[str, int] = field(default_factory=dict)
    faults: list[tuple[str, Any, str]] = field(default_factory=list)  # target, input, what it raised

    def lines(self) -> Iterator[str]:
        """For people."""
        for name, tried in self.tried.items():
            yield f"{name}: {tried:,} inputs, {self.accepted[name]:,} read, the others refused"
        for name, given, raised in self.faults[:50]:
            yield f"FAULT in {name}: {raised} for {str(given)[:300]!r}"
        yield f"{sum(self.tried.values()):,} inputs, {len(self.faults)} faults"


def attack(targets: list[Target], seconds: float, seed: int = 0, most: int | None = None) -> Findings:
    """Attack the targets in turn for so many seconds in all, or until each had `most` inputs.

    The inputs of a target depend on the seed and its name only.
    """
    found = Findings()
    for target in targets:
        source = random.Random(f"{seed}/{target.name}")
        tried = accepted = 0
        end = time.monotonic() + seconds / len(targets)
        while time.monotonic() < end and (most is None or tried < most * target.share):
            given = mutate(copy.deepcopy(source.choice(target.inputs)), source)
            tried += 1
            try:
                target.read(given)
                accepted += 1
            except (UnderbudgetError, *target.refuses) as error:
                if "\n" in str(error) and isinstance(error, UnderbudgetError):
                    found.faults.append((target.name, given, f"several lines: {error}"))
            except Exception as error:
                found.faults.append((target.name, given, f"{type(error).__name__}: {error}"))
        found.tried[target.name], found.accepted[target.name] = tried, accepted
    return found


def mutate(given: Any, source: random.Random) -> Any:
    """The input with one to four changes."""
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        if isinstance(given, bytes):
            given = _bytes(given, source)
        elif isinstance(given, str):
            given = _text(given, source)
        else:
            given = _value(given, source)
    return given


def _text(text: str, source: random.Random) -> str:
    at, to = sorted((source.randint(0, len(text)), source.randint(0, len(text))))
    match source.randrange(6):
        case 0:
            return text[:at] + source.choice(WORDS) + text[at:]
        case 1:
            return text[:at] + source.choice(WORDS) + text[at + 1 :]
        case 2:
            return text[:at] + text[to:]
        case 3:
            return text[:to] + text[at:]  # a part twice
        case 4:
            return text[:at] + str(source.choice((0, 1, 7, 10**6, 10**12))) + text[at + 1 :]
        case _:
            return text[:at]


def _bytes(data: bytes, source: random.Random) -> bytes:
    at, to = sorted((source.randint(0, len(data)), source.randint(0, len(data))))
    match source.randrange(6):
        case 5:
            return data[:at] + source.randbytes(1) + data[at + 1 :]
        case 0:
            return data[:at] + source.randbytes(source.choice((1, 2, 4, 8))) + data[at + 1 :]
        case 1:
            return data[:at] + data[to:]
        case 2:
            return data[:at]
        case 3:
            return data[: at // 16] + source.randbytes(4) + data[at // 16 + 4 :]  # near the beginning: headers
        case _:
            return data[:to] + data[at:]


def _value(value: Any, source: random.Random) -> Any:
    """A JSON value with one leaf, or one branch, changed."""
    if isinstance(value, dict) and value and source.random() < 0.9:
        key = source.choice(list(value))
        match source.randrange(8):
            case 0:
                return {name: inner for name, inner in value.items() if name != key}
            case 1:
                return {**value, key: copy.deepcopy(source.choice(VALUES))}
            case _:
                return {**value, key: _value(value[key], source)}
    if isinstance(value, list) and value and source.random() < 0.9:
        at = source.randrange(len(value))
        match source.randrange(6):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value[:at], copy.deepcopy(source.choice(VALUES)), *value[at:]]
            case _:
                return [*value[:at], _value(value[at], source), *value[at + 1 :]]
    if isinstance(value, str) and source.random() < 0.5:
        return _text(value, source)
    if isinstance(value, int | float) and not isinstance(value, bool) and source.random() < 0.5:
        return value + source.choice((-1, 1, 10**6, 0.5))
    return copy.deepcopy(source.choice(VALUES))


def main(arguments: list[str]) -> int:
    """Attack everything; exit code 1 where a fault was found."""
    from fuzz_targets import targets

    seconds, seed = float(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0
    with tempfile.TemporaryDirectory() as folder:
        found = attack(targets(Path(folder)), seconds, seed)
    print("\n".join(found.lines()))
    return int(bool(found.faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
