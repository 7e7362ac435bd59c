"""The width range of a search space: its upper end follows from the budget, once, for a whole study."""

from typing import Any

from underbudget.budget.count import count
from underbudget.budget.limits import Budget
from underbudget.models.plan import plan
from underbudget.search.space.decoding import decode

LEAST_WIDTH = 4
MOST_WIDTH = 512
UNLIMITED_WIDTH = 64  # upper width where no budget tells


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
