"""The search space of inputs with a side of 1: signals in time."""

import random

import pytest

from underbudget.budget.count import count
from underbudget.budget.limits import Budget
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.space import Space, feasible_share

BUDGET = Budget.parse("params<8000")
PLAIN = {"n_before": 2, "n_after": 2, "transition": "none", "pools": 2, "padding": "first", "head": "gap_conv"}
PLAIN |= {"dropout": 0.0, "order": "relu_bn", "first_tail": "full", "block": "conv", "kernel": "5"}
PLAIN |= {f"width_{part}_{index}": 8 for part in ("before", "after") for index in (1, 2)}


@pytest.mark.parametrize(
    ("shape", "changes", "text"),
    [
        (
            (3, 128, 1),
            {},
            "conv5x1(8,p2x0,s2x1) relu bn | conv5x1(8,p2x0,s2x1) relu bn | maxpool2x1 | conv5x1(8) relu bn | "
            "maxpool2x1 | conv5x1(8) relu bn | gap | conv1x1(6)",
        ),
        (
            (3, 1, 30),
            {"kernel": "9", "padding": "none", "block": "separable"},
            "conv1x9(8) relu bn | sep1x9(8) relu bn | maxpool1x2 | sep1x9(8,p0x4) relu bn | maxpool1x2 | "
            "sep1x9(8,p0x4) relu bn | gap | conv1x1(6)",
        ),
    ],
)
def test_windows_run_along_the_signal(shape: tuple[int, int, int], changes: dict[str, str], text: str) -> None:
    """128 values: 64 after a stride of 2, 32 after another, 16 after the pool, 12, 6 after the next, 2."""
    space = Space.default(shape, 6, BUDGET)
    network = space.decode(PLAIN | changes)
    assert network == parse(text)
    assert space.locate(network) == PLAIN | changes
    if shape[1] == 128:
        weights = 5 * (3 * 8 + 3 * 8 * 8) + 4 * 2 * 8 + 8 * 6
        macs = 5 * (64 * 3 * 8 + 32 * 8 * 8 + 12 * 8 * 8 + 2 * 8 * 8) + 8 * 6
        cost = count(plan(network, shape, 6))
        assert (cost.params, cost.macs, cost.peak_bytes) == (weights, macs, 4 * (128 * 3 + 64 * 8))


def test_the_space_of_a_signal_has_lengths_of_kernels() -> None:
    space = Space.default((9, 128, 1), 6, BUDGET)
    assert space.table()["kernel"] == ["3", "5", "7", "9"]
    assert space.narrowed({"kernel": ["5"]}).table()["kernel"] == ["5"]
    assert 0.5 < feasible_share(space, BUDGET, 300) < 1
    assert "kernel" not in Space.default((1, 28, 28), 10, BUDGET).table()
    source = random.Random(0)
    for _ in range(50):
        network = space.decode(space.draw(source))
        assert space.locate(network) is not None
        assert space.cost(network) == count(plan(network, (9, 128, 1), 6))
