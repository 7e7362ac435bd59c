"""The first network of a new study: a plain, sound one of the space, as large as the budget allows."""

from collections.abc import Callable, Mapping
from typing import Any

from underbudget.search.space.decoding import active
from underbudget.search.space.dimensions import Choice, Dimension, Integer
from underbudget.search.space.widths import resized

# What hand-made small networks agree on: separable convolutions that widen after each pool, little else.
_WANTED: dict[str, Any] = {
    "n_before": 3,
    "n_after": 4,
    "kernel": "5",
    "transition": "none",
    "pools": 2,
    "padding": "all",
    "head": "gap_conv",
    "dropout": 0.0,
    "order": "relu_bn",
    "first_tail": "full",
    "block": "separable",
    "width_before_1": 16,
    "width_before_2": 24,
    "width_before_3": 24,
    "width_after_1": 32,
    "width_after_2": 32,
    "width_after_3": 32,
    "width_after_4": 40,
}


def baseline(dimensions: tuple[Dimension, ...], allowed: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any] | None:
    """Parameters within the dimensions, their widths as large as `allowed` lets them be; None where it lets none.

    Where the wanted value is out of a range, the nearest one is taken, of words the first.
    """
    params: dict[str, Any] = {}
    for dimension in dimensions:
        if active(dimension.name, params):
            params[dimension.name] = _nearest(dimension, _WANTED.get(dimension.name))
    return resized(params, dimensions, allowed)


def _nearest(dimension: Dimension, wanted: Any) -> Any:
    if isinstance(dimension, Choice):
        return wanted if wanted in dimension.choices else dimension.choices[0]
    values = dimension.values()
    if wanted is None:
        return values[len(values) // 2] if isinstance(dimension, Integer) else values[0]
    return min(values, key=lambda value: abs(value - wanted))
