"""What a reader makes of a user's files: examples with labels, and what a split must know of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.search.data.definition import Definition
from underbudget.search.data.store import PARTS, PartName

Say = Callable[[str], None]

MOST_NAMED = 5  # bad files that a message names

# What people call the parts, in lower case.
PART_NAMES: dict[str, PartName] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class LeftOut:
    """A file that could not be read."""

    name: str
    reason: str


@dataclass(frozen=True)
class Decoded:
    """Files as arrays of one size."""

    images: npt.NDArray[Any]  # as in Examples
    kept: list[int]  # the numbers of the files that they are
    left_out: list[LeftOut]
    notes: list[str]
    frontend: dict[str, Any]


@dataclass(frozen=True)
class Examples:
    """All examples of a data set, in a fixed order."""

    images: npt.NDArray[Any]  # (n, channels, height, width): uint8, or float32 that is still to be made 8 bits
    labels: npt.NDArray[np.int64]  # (n,), 0..classes-1
    classes: tuple[str, ...]  # names, by label
    names: Sequence[str]  # what each example is called: its file, or its row
    frontend: dict[str, Any]  # how images are made of the raw data; `kind` names it
    parts: Sequence[PartName] | None = None  # of each example; None: to be split
    groups: Sequence[str] | None = None  # examples of one group go to one part
    left_out: Sequence[LeftOut] = ()
    notes: Sequence[str] = field(default=())  # what a person should know, a sentence each


@dataclass(frozen=True)
class Kind:
    """A kind of data that a user may bring."""

    name: str  # before the colon of --dataset
    about: str  # one line
    options: tuple[str, ...]  # names of the options that it takes
    endings: tuple[str, ...]  # of its files, in lower case; none: it is a folder
    # The files that the data set is made of, in a fixed order: a change of one of them is noticed.
    files: Callable[[Definition], list[str]]
    read: Callable[[Definition, Say], Examples]


def left_out(names: Sequence[str], bad: Mapping[int, str], what: str, is_allowed: bool) -> list[LeftOut]:
    """The files that cannot be read; bad: why, by their numbers. Raises UserError, naming them, unless it is
    allowed."""
    found = [LeftOut(names[index], bad[index]) for index in sorted(bad)]
    if found and not is_allowed:
        shown = "; ".join(f"{one.name}: {one.reason}" for one in found[:MOST_NAMED])
        more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise UserError(
            f"{len(found)} of {len(names):,} {what} cannot be read ({shown}{more}): mend or remove them, or give "
            "--skip-bad-images to leave them out"
        )
    return found


def labels_of(names: Sequence[str], source: str) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Labels (n,) and the names of the classes, in the order in which people count: "2" before "10".

    Raises UserError for fewer than two classes.
    """
    classes = tuple(sorted(set(names), key=natural))
    if len(classes) < 2:
        have = f"one class, {classes[0]!r}" if classes else "no examples"
        raise UserError(f"{source} has {have}: a classifier needs at least 2, each with examples")
    numbers = {name: label for label, name in enumerate(classes)}
    return np.array([numbers[name] for name in names], dtype=np.int64), classes


def natural(name: str) -> tuple[object, ...]:
    """A key that sorts whole numbers by value, before words."""
    is_whole = name.isascii() and name.removeprefix("-").isdecimal()
    return (0, int(name), name) if is_whole else (1, 0, name)


def part_of(name: str) -> PartName | None:
    """The part that a word means, None for any other word."""
    return PART_NAMES.get(name.strip().lower())


def missing_parts(parts: Sequence[PartName]) -> list[PartName]:
    """The parts that have no example."""
    present = set(parts)
    return [part for part in PARTS if part not in present]
