"""A proposal scaled down to the budget: all its widths by one factor, within their ranges."""

from collections.abc import Callable, Mapping
from typing import Any

from search.space.dimensions import Integer, Sampled

_STEPS = 12  # halvings of the factor's interval: fine enough to tell any two widths of 512 apart


def scaled(
    params: Mapping[str, Any], dimensions: tuple[Sampled, ...], fits: Callable[[Mapping[str, Any]], bool]
) -> dict[str, Any] | None:
    """The parameters with all widths multiplied by the largest factor in 0..1 at which they fit, rounded down.

    Every cost grows with every width, so the factor is found by bisection. None where even the least widths of the
    ranges do not fit: then it is the structure that is too large.
    """
    widths = {d.name: d for d in dimensions if isinstance(d, Integer) and "width" in d.name and d.name in params}

    def at(factor: float) -> dict[str, Any]:
        return {**params, **{name: max(d.low, int(params[name] * factor)) for name, d in widths.items()}}

    best = at(0.0)
    if not fits(best):
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if fits(found := at(middle)):
            low, best = middle, found
        else:
            high = middle
    return best
