"""Curves of several seeds as one: mean, lowest and highest wherever all of them have a value.

The curves are step functions: a value holds from its place until the next. The band is the plain range of the seeds,
which assumes nothing about how they are spread; an interval of so few would.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from underbudget.reports.statistics import evenly

_MOST = 400  # places of a pooled curve; more than a figure can show


@dataclass(frozen=True)
class Steps:
    """A step function. `x` rises strictly; `y[i]` holds from x[i] to x[i + 1], the last up to `end`."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    end: float

    def at(self, place: float) -> float | None:
        """The value at a place, None before the first and beyond `end`."""
        index = bisect_right(self.x, place) - 1
        return None if index < 0 or place > self.end else self.y[index]


@dataclass(frozen=True)
class Band:
    """Several step functions at the same places; for a single one all three are equal."""

    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: int


def steps(points: Sequence[tuple[float, float]], end: float | None = None) -> Steps:
    """A step function through points with rising x; of points with the same x the last counts."""
    last = dict(points)
    x = tuple(sorted(last))
    return Steps(x, tuple(last[place] for place in x), max([*x, *([] if end is None else [end])], default=0.0))


def pooled(curves: Sequence[Steps]) -> Band | None:
    """The band of curves, from where the last of them begins to where the first of them ends; None where they do not
    overlap, or one is empty."""
    if not curves or not all(curve.x for curve in curves):
        return None
    first, end = max(curve.x[0] for curve in curves), min(curve.end for curve in curves)
    if first > end:
        return None
    places = sorted({first, end, *(place for curve in curves for place in curve.x if first <= place <= end)})
    places = evenly(places, _MOST)
    columns = [[value for curve in curves if (value := curve.at(place)) is not None] for place in places]
    return Band(
        tuple(places),
        tuple(math.fsum(column) / len(column) for column in columns),
        tuple(min(column) for column in columns),
        tuple(max(column) for column in columns),
        len(curves),
    )
