"""Where the windows of a recording begin: within runs of rows that belong together, in blocks that none crosses."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

MOST_PER_BLOCK = 10  # windows of a block
LEAST_BLOCKS = 20  # of each class, where it has windows enough


def runs(*keys: npt.NDArray[Any], breaks: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first row, row after the last) of each stretch in which no key changes and no row but its first is a break."""
    changes = breaks.copy()
    changes[0] = True
    for key in keys:
        changes[1:] |= key[1:] != key[:-1]
    bounds = [*np.flatnonzero(changes).tolist(), len(changes)]
    return list(itertools.pairwise(bounds))


def count(length: int, window: int, step: int) -> int:
    """How many windows a run of so many rows has."""
    return max(0, (length - window) // step + 1)


def per_block(counts: Sequence[int]) -> int:
    """How many windows a block has, for classes of so many windows each."""
    return max(1, min(MOST_PER_BLOCK, min(counts) // LEAST_BLOCKS))


def starts(first: int, end: int, window: int, step: int, block: int | None) -> tuple[Indices, Indices]:
    """The first rows of the windows of a run, and the number of the block of each, from 0 on.

    A block is so many windows, one `step` after the other; the next begins where none of its windows overlaps with it.
    Without blocks all windows of the run have the number 0.
    """
    if block is None:
        found = first + step * np.arange(count(end - first, window, step))
        return found, np.zeros_like(found)
    advance = max((block - 1) * step + window, block * step)
    blocks = np.arange(-(-(end - first) // advance))
    found = (first + advance * blocks[:, None] + step * np.arange(block)).reshape(-1)
    fits = found + window <= end
    return found[fits], np.repeat(blocks, block)[fits]
