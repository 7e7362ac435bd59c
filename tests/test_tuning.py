"""Tuned values in a recipe: hand-worked results, ranges, and that nothing else changes."""

from dataclasses import replace

import pytest

from underbudget.models.errors import UserError
from underbudget.search.training.built_in_recipes import RECIPES, recipe
from underbudget.search.training.recipe import Affine, Augmentation, Erasing, Jitter, Perspective
from underbudget.search.training.recipe_json import from_json, to_json
from underbudget.search.training.schedule import Constant, Cosine, OneCycle, StepDecay
from underbudget.search.training.tuning import TUNABLE, Range, Values, strengthened, tuned

ONE_CYCLE = recipe("warp10-onecycle")


def test_no_values_no_change() -> None:
    assert tuned(ONE_CYCLE, {}) == ONE_CYCLE


def test_values_that_change_nothing_leave_all_but_the_name() -> None:
    still = {
        "lr": 1.0,
        "weight_decay": 9e-6,
        "augmentation": 1.0,
        "label_smoothing": 0.0,
        "schedule": "one-cycle",
        "ema": 0.0,
    }
    assert set(still) == set(TUNABLE)
    assert replace(tuned(ONE_CYCLE, still), name=ONE_CYCLE.name) == ONE_CYCLE


def test_every_value_takes_its_place() -> None:
    values = {"lr": 0.5, "weight_decay": 2e-4, "augmentation": 0.5, "label_smoothing": 0.1, "ema": 0.99}
    assert tuned(ONE_CYCLE, {**values, "schedule": "cosine"}) == replace(
        ONE_CYCLE,
        name="warp10-onecycle tuned",
        lr=0.05,
        weight_decay=2e-4,
        schedule=Cosine(),
        augmentation=Augmentation((Affine(5.0), Affine(5.0, 2.5, 0.05))),
        label_smoothing=0.1,
        ema=0.99,
    )


@pytest.mark.parametrize(
    ("name", "kind", "epochs", "expected"),
    [
        ("warp10-onecycle", "one-cycle", 15, OneCycle(warm_up=0.2)),
        ("warp20-onecycle20", "one-cycle", 15, OneCycle(warm_up=0.2, length=20 / 15)),
        ("plain", "one-cycle", 15, OneCycle(warm_up=0.2)),
        ("plain", "step", 15, StepDecay(6, 0.1)),
        ("plain", "step", 1, StepDecay(1, 0.1)),
        ("rot7-step6", "step", 30, StepDecay(6, 0.1)),
        ("rot7-plateau", "constant", 15, Constant()),
    ],
)
def test_a_schedule_of_the_recipes_own_kind_stays(name: str, kind: str, epochs: int, expected: object) -> None:
    assert tuned(replace(recipe(name), epochs=epochs), {"schedule": kind}).schedule == expected


def test_the_strength_of_every_kind_of_augmentation() -> None:
    full = Augmentation(
        (Affine(20, 60, 0.4, (0.2, 1.4)),),
        Perspective(0.8, 0.3),
        Jitter(0.4, 0.2),
        Erasing(0.8, (0.1, 0.2), (0.5, 2.0)),
    )
    assert strengthened(full, 1.5) == Augmentation(
        (Affine(30, 80.0, pytest.approx(0.6), (0.1, pytest.approx(1.6))),),
        Perspective(0.9, 0.3),
        Jitter(pytest.approx(0.6), pytest.approx(0.3)),
        Erasing(1.0, (0.1, 0.2), (0.5, 2.0)),
    )
    assert strengthened(full, 0.0) == Augmentation()


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_all_ranges_make_recipes_that_can_be_stored(name: str, end: str) -> None:
    values = {
        part: getattr(values, end) if isinstance(values, Range) else values.options[-1 if end == "high" else 0]
        for part, values in TUNABLE.items()
    }
    result = tuned(recipe(name), values)
    assert from_json(to_json(result)) == result
    assert tuned(result, {"lr": 1.0}).name == f"{name} tuned"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 1.0}, "nothing to tune is called 'rate': there are lr, weight_decay, "),
        ({"lr": 5.1}, "a tuned lr must be from 0.2 to 5, not 5.1"),
        ({"augmentation": "much"}, "a tuned augmentation must be from 0 to 1.5, not 'much'"),
        ({"label_smoothing": float("nan")}, "a tuned label_smoothing must be from 0 to 0.2, not nan"),
        ({"schedule": "plateau"}, "a tuned schedule must be one of constant, step, cosine, one-cycle, not 'plateau'"),
        ({"ema": 0.5}, "a tuned ema must be one of 0.0, 0.99, 0.999, not 0.5"),
    ],
)
def test_bad_values_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        tuned(ONE_CYCLE, values)
    assert message in str(error.value)


def test_the_kinds_of_ranges() -> None:
    assert {name for name, values in TUNABLE.items() if isinstance(values, Values)} == {"schedule", "ema"}
    assert {name for name, values in TUNABLE.items() if isinstance(values, Range) and values.log} == {
        "lr",
        "weight_decay",
    }
