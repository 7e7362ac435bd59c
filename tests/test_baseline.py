"""The network that a new search begins with, and the padding of larger images."""

from pathlib import Path

import pytest

from underbudget import launch
from underbudget.budget.count import count
from underbudget.budget.limits import Budget
from underbudget.models.plan import plan
from underbudget.search.space import Space
from underbudget.search.space.baseline import baseline
from underbudget.search.study import finding

CASES = [
    ((1, 28, 28), 10, "params<8000"),
    ((3, 32, 32), 10, "params<8000"),
    ((3, 64, 48), 4, "params<8000, macs<=1.5M"),
    ((3, 128, 1), 6, "params<4000"),
    ((1, 8, 8), 3, "params<700"),
]


@pytest.mark.parametrize(("shape", "classes", "text"), CASES)
def test_it_is_a_point_of_the_space_as_large_as_the_budget_allows(
    shape: tuple[int, int, int], classes: int, text: str
) -> None:
    budget = Budget.parse(text)
    space = Space.default(shape, classes, budget)

    def allowed(params: object) -> bool:
        return budget.fits(count(plan(space.decode(params), shape, classes)))  # type: ignore[arg-type]

    params = baseline(space.dimensions, allowed)
    assert params is not None
    assert allowed(params)
    ranges = {dimension.name: dimension for dimension in space.dimensions}
    assert all(ranges[name].contains(value) for name, value in params.items())
    wider = {name: value + 1 if "width" in name else value for name, value in params.items()}
    assert not allowed(wider)
    assert params["block"] == "separable"


def test_a_narrowed_space_has_its_nearest_point() -> None:
    budget = Budget.parse("params<8000")
    table = {"n_before": [1, 2], "block": "conv", "dropout": 0.05, "width": [4, 8], "head": "conv1x1_gap"}
    space = Space.default((1, 28, 28), 10, budget).narrowed(table)
    params = baseline(space.dimensions, lambda found: budget.fits(space.cost(space.decode(found))))
    assert params is not None
    assert (params["n_before"], params["n_after"], params["block"]) == (2, 4, "conv")
    assert (params["dropout"], params["head"], params["padding"]) == (0.05, "conv1x1_gap", "none")
    assert {value for name, value in params.items() if "width" in name} == {8}


def test_a_budget_below_every_width_has_none() -> None:
    space = Space.default((1, 28, 28), 10, Budget.parse("params<136"))
    assert baseline(space.dimensions, lambda params: False) is None


def test_a_new_search_begins_with_it_once(tmp_path: Path) -> None:
    for trials in (1, 2):
        launch(
            "small",
            dataset="digits",
            budget="params<1500",
            trials=trials,
            epochs=1,
            runs=tmp_path,
            engine="in-process",
            space={"width": [4, 12]},
        )
    study = finding.read(finding.find("small", tmp_path, None))
    first, second = (trial.proposal for trial in study.trials[:2])
    assert first is not None
    assert second is not None
    assert first.layers_text.count("sep3x3") == 6
    assert 1_200 < first.cost.params < 1_500
    assert second.id != first.id


def test_larger_images_may_have_every_convolution_padded() -> None:
    """3x32x32 by hand: three convolutions keep 32, after a pool two keep 16, after another two and the head 8."""
    space = Space.default((3, 32, 32), 10, Budget.parse("params<8000"))
    params: dict[str, object] = {**_PLAIN, "padding": "all"}
    network = plan(space.decode(params), (3, 32, 32), 10)
    sides = [layer.output_shape[1] for layer in network.layers if layer.name.startswith(("conv", "pool"))]
    assert sides == [32, 32, 32, 16, 16, 16, 8, 8, 8, 8]
    assert space.locate(space.decode(params)) is not None
    small = Space.default((1, 28, 28), 10, Budget.parse("params<8000"))
    paddings = next(dimension for dimension in small.dimensions if dimension.name == "padding")
    assert paddings.values() == ("none", "first", "last")  # as it was: studies of MNIST keep their space


_PLAIN = {"n_before": 3, "n_after": 4, "transition": "none", "pools": 2, "head": "conv3x3_gap", "dropout": 0.0}
_PLAIN |= {"order": "relu_bn", "first_tail": "full", "block": "conv"}
_PLAIN |= {f"width_{part}_{index}": 4 for part in ("before", "after") for index in range(1, 5)}
