"""A proposal made smaller or larger: all its widths by one factor, within their ranges."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from underbudget.search.space.dimensions import Integer, Sampled

_MOST = 64.0  # the largest factor, up and down
_STEPS = 14  # halvings of the factor's logarithm: fine enough to tell any two widths of 512 apart


def resized(
    params: Mapping[str, Any], dimensions: tuple[Sampled, ...], allowed: Callable[[Mapping[str, Any]], bool]
) -> dict[str, Any] | None:
    """The parameters with all widths multiplied by the largest factor that is allowed, rounded down.

    Every cost grows with every width, so the factor is found by bisection. None where even the least widths of the
    ranges are not allowed: then it is the structure that is too large.
    """
    widths = {d.name: d for d in dimensions if isinstance(d, Integer) and "width" in d.name and d.name in params}

    def at(factor: float) -> dict[str, Any]:
        # A hair more than the product, lest 3 x (1 / 3) become 0.
        scaled = {name: math.floor(params[name] * factor + 1e-9) for name in widths}
        return {**params, **{name: min(max(scaled[name], d.low), d.high) for name, d in widths.items()}}

    low, high = -math.log(_MOST), math.log(_MOST)
    best = {**params, **{name: d.low for name, d in widths.items()}}
    if not allowed(best):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if allowed(found := at(math.exp(middle))):
            low, best = middle, found
        else:
            high = middle
    return best
