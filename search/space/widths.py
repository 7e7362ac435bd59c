"""Widths and the budget: the upper end of their range in a study, and the widths of a proposal scaled to fit."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from underbudget.budget.count import count
from underbudget.budget.limits import Budget
from underbudget.models.plan import plan
from underbudget.search.space.decoding import decode, is_one_dimensional
from underbudget.search.space.dimensions import Integer, Sampled

LEAST_WIDTH = 4
MOST_WIDTH = 512
UNLIMITED_WIDTH = 64  # upper width where no budget tells
_MOST = 64.0  # the largest factor, up and down
_STEPS = 14  # halvings of the factor's logarithm: fine enough to tell any two widths of 512 apart


def upper_width(
    input_shape: tuple[int, int, int], classes: int, budget: Budget | None, precision: str = "float32"
) -> int:
    """The upper end of all width ranges: twice the largest width w for which a plain network of two convolutions, a
    pool, three convolutions and a head, all w wide, fits the budget, rounded up to a multiple of 8, within 8 to 512.

    So it grows with the square root of a limit on parameters (32 at params<8000, 10 classes), and limits on MACs or
    bytes count too. 64 without a budget.
    """
    if budget is None:
        return UNLIMITED_WIDTH
    params: dict[str, Any] = {"n_before": 2, "n_after": 3, "transition": "none", "pools": 1, "padding": "none"}
    params |= {"head": "gap_conv", "dropout": 0.0, "order": "relu_bn", "first_tail": "full", "block": "conv"}
    if is_one_dimensional(input_shape):
        params["kernel"] = "5"
    names = ("width_before_1", "width_before_2", "width_after_1", "width_after_2", "width_after_3")
    fitting, beyond = 0, MOST_WIDTH // 2 + 1
    while beyond - fitting > 1:
        middle = (fitting + beyond) // 2
        probe = decode(params | dict.fromkeys(names, middle), input_shape, classes)
        if budget.fits(count(plan(probe, input_shape), precision)):
            fitting = middle
        else:
            beyond = middle
    return min(max(8 * -(-2 * fitting // 8), 8), MOST_WIDTH)


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
