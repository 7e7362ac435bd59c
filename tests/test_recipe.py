"""Recipes: their published values, their JSON form, and what `resolve` makes of them."""

import json
from dataclasses import replace

import pytest

from underbudget.models.errors import UserError
from underbudget.models.references import REFERENCES
from underbudget.search.training.built_in_recipes import DEFAULT_RECIPE, RECIPES, recipe
from underbudget.search.training.recipe import Affine, Augmentation, Erasing, Jitter, Masks, Perspective, Recipe
from underbudget.search.training.recipe_json import from_json, to_json
from underbudget.search.training.run_length import resolve, timeline
from underbudget.search.training.schedule import Constant, Cosine, OneCycle, Plateau, StepDecay

ROTATION_7 = Augmentation((Affine(7.0, 0.0, 0.0, (1.0, 1.0)),))
UNSCALED = (1.0, 1.0)
CYCLE_20, CYCLE_30 = OneCycle(0.2, 25.0, 10_000.0, 0.85, 0.95), OneCycle(0.3, 25.0, 10_000.0, 0.85, 0.95)
AFFINE_7 = Augmentation(
    (Affine(6.0, 0.0, 0.0, UNSCALED), Affine(7.0, 10.0, 0.1, (0.8, 1.2))), None, Jitter(0.4, 0.4), None
)
# what differs from SGD at 0.01 with momentum 0.9, batch 128, 15 epochs
PUBLISHED: dict[str, dict[str, object]] = {
    "plain": {},
    "rot7": {"augmentation": ROTATION_7},
    "rot7-plateau": {"schedule": Plateau(0.1, 1), "augmentation": ROTATION_7},
    "rot7-step6": {"schedule": StepDecay(6, 0.1), "augmentation": ROTATION_7},
    "warp10-onecycle": {
        "lr": 0.1,
        "schedule": CYCLE_20,
        "augmentation": Augmentation((Affine(10.0, 0.0, 0.0, UNSCALED), Affine(10.0, 5.0, 0.1, UNSCALED))),
    },
    "warp20-onecycle20": {
        "lr": 0.1,
        "schedule": replace(CYCLE_20, length=20 / 15),
        "augmentation": Augmentation(
            (Affine(20.0, 0.0, 0.0, UNSCALED), Affine(10.0, 5.0, 0.1, UNSCALED)), Perspective(0.2, 0.5)
        ),
    },
    "affine7-jitter": {"lr": 0.015, "augmentation": AFFINE_7},
    "affine7-jitter-onecycle": {"lr": 0.015, "schedule": CYCLE_30, "augmentation": AFFINE_7},
    "affine7-jitter-onecycle-l2": {
        "lr": 0.015,
        "schedule": CYCLE_30,
        "augmentation": AFFINE_7,
        "weight_decay": 1e-3,
        "batch_size": 64,
        "epochs": 20,
    },
    "affine10-jitter-step6": {
        "lr": 0.015,
        "schedule": StepDecay(6, 0.1),
        "augmentation": Augmentation((Affine(10.0, 0.0, 0.1, (0.9, 1.1)),), None, Jitter(0.1, 0.1), None),
    },
    "affine5-adam-onecycle": {
        "optimizer": "adam",
        "lr": 0.003,
        "weight_decay": 5e-5,
        "schedule": OneCycle(0.2, 25.0, 1000.0, 0.85, 0.95),
        "augmentation": Augmentation((Affine(5.0, 0.0, 0.0, UNSCALED), Affine(0.0, 0.0, 0.05, (0.98, 1.02)))),
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_is_as_published(name: str) -> None:
    base = Recipe(name, 15, 128, "sgd", 0.01, 0.9, False, 0.0, Constant(), Augmentation(), 0.999, 0.0, 0.0)
    assert recipe(name) == replace(base, **PUBLISHED[name])  # type: ignore[arg-type]


def test_every_recipe_of_the_published_networks_is_there() -> None:
    assert set(RECIPES) == {*PUBLISHED, "onecycle"}
    assert {reference.recipe for reference in REFERENCES.values()} <= set(RECIPES)


def test_the_default_recipe_exists() -> None:
    assert recipe(DEFAULT_RECIPE).name == DEFAULT_RECIPE


@pytest.mark.parametrize(
    ("name", "part"), [("warp10onecycle", "did you mean warp10-onecycle?"), ("x", "there are plain")]
)
def test_an_unknown_recipe_offers_the_nearest(name: str, part: str) -> None:
    with pytest.raises(UserError, match="unknown recipe") as error:
        recipe(name)
    assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", RECIPES)
def test_json_round_trip(name: str) -> None:
    stored = json.loads(json.dumps(to_json(RECIPES[name])))
    assert stored == to_json(RECIPES[name])  # nothing that JSON would change, such as a tuple
    assert from_json(stored) == RECIPES[name]


FULL = Recipe(
    "full",
    30,
    None,
    "adamw",
    0.003,
    0.8,
    False,
    0.05,
    Cosine(0.1),
    Augmentation(
        (Affine(3.0, translation_y=0.2),),
        Perspective(0.3, 0.4),
        Jitter(0.1, 0.2),
        Erasing(0.3, (0.1, 0.2), (0.5, 2.0)),
        mirror=0.5,
        masks=Masks(0.1, 0.2),
        fill="mean",
        name="mine",
    ),
    0.99,
    0.1,
    0.995,
)


def test_a_recipe_of_all_parts_is_plain_json() -> None:
    stored = json.loads(json.dumps(to_json(FULL)))
    assert from_json(stored) == FULL
    assert stored["schedule"] == {"kind": "cosine", "last": 0.1}
    assert stored["augmentation"]["perspective"] == {"distortion": 0.3, "probability": 0.4}
    assert stored["augmentation"]["jitter"] == {"brightness": 0.1, "contrast": 0.2}
    assert stored["augmentation"]["erasing"] == {"probability": 0.3, "area": [0.1, 0.2], "ratio": [0.5, 2.0]}
    assert (stored["optimizer"], stored["beta2"], stored["label_smoothing"], stored["ema"]) == (
        "adamw",
        0.99,
        0.1,
        0.995,
    )
    assert to_json(recipe("rot7-plateau"))["schedule"] == {"kind": "plateau", "factor": 0.1, "patience": 1}
    assert to_json(recipe("warp20-onecycle20"))["schedule"]["length"] == 20 / 15


def test_json_keys_are_stable() -> None:
    """They are stored in every record: a rename needs a new record version. What the first version did not have is left
    out where it is off, so that its records stay equal to those of today."""
    assert to_json(recipe("rot7-step6")) == {
        "name": "rot7-step6",
        "epochs": 15,
        "batch_size": 128,
        "optimizer": "sgd",
        "lr": 0.01,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 0.0,
        "schedule": {"kind": "step", "every": 6, "factor": 0.1},
        "augmentation": {"warps": [{"rotation": 7, "shear": 0.0, "translation": 0.0, "scale": [1.0, 1.0]}]},
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.1}, "recipe: unknown key 'learning_rate'"),
        ({"epoch": 3}, "did you mean epochs?"),
        ({"schedule": {"kind": "step", "evry": 2}}, "step schedule: unknown key 'evry', did you mean every?"),
        (
            {"schedule": {"kind": "plateu"}},
            "unknown schedule 'plateu', known: constant, step, plateau, one-cycle",
        ),
        ({"augmentation": {"warps": [{"rotate": 3}]}}, "warp: unknown key 'rotate', did you mean rotation?"),
        ({"augmentation": {"colour": 1}}, "augmentation: unknown key 'colour'"),
        ({"lr": -1}, "the learning rate must be over 0 and finite, not -1"),
        ({"optimizer": "adagrad"}, "the optimizer must be sgd, adam or adamw, not 'adagrad'"),
        ({"optimizer": "adam", "nesterov": True}, "nesterov needs the optimizer sgd, not adam"),
        ({"beta2": 1.0}, "beta2 must be at least 0 and under 1, not 1.0"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and under 1, not 1.0"),
        ({"label_smoothing": "some"}, "label_smoothing must be a number, not 'some'"),
        ({"ema": 1.0}, "ema, a decay, must be at least 0 and under 1, not 1.0"),
        ({"schedule": {"kind": "plateau", "factor": 1.0}}, "factor must be over 0 and under 1, not 1.0"),
        ({"schedule": {"kind": "plateau", "patience": -1}}, "patience must be at least 0, not -1"),
        ({"schedule": {"kind": "plateau", "patience": 1.5}}, "plateau schedule: patience must be a whole number"),
        ({"schedule": {"kind": "cosine", "last": 1.1}}, "last must be from 0 to 1, not 1.1"),
        ({"schedule": {"kind": "one-cycle", "length": 0.9}}, "length must be at least 1, not 0.9"),
        ({"augmentation": {"perspective": {"distortion": 1}}}, "distortion must be at least 0 and under 1, not 1"),
        ({"augmentation": {"perspective": {"probability": 2}}}, "the perspective's probability must be from 0 to 1"),
        ({"augmentation": {"perspective": 0.2}}, "perspective must be a table of keys and values, not 0.2"),
        ({"augmentation": {"jitter": {"brightness": -1}}}, "brightness must be at least 0, not -1"),
        ({"augmentation": {"jitter": {"contrast": -1}}}, "contrast must be at least 0, not -1"),
        ({"augmentation": {"jitter": {"hue": 0.1}}}, "jitter: unknown key 'hue', known: brightness, contrast"),
        ({"augmentation": {"erasing": {"probability": -1}}}, "the erasing's probability must be from 0 to 1, not -1"),
        ({"augmentation": {"erasing": {"area": [0.3, 0.2]}}}, "area must be two numbers, 0 < low <= high <= 1"),
        ({"class_weights": "some"}, "class_weights must be none or balanced, not 'some'"),
        ({"metric": "auc"}, "the metric must be one of accuracy, balanced_accuracy, f1_macro, not 'auc'"),
        ({"augmentation": {"mirror": 2}}, "mirror, a share, must be from 0 to 1, not 2"),
        ({"augmentation": {"fill": "red"}}, "fill must be black or mean, not 'red'"),
        ({"augmentation": {"masks": {"rows": 2}}}, "the masks' rows must be from 0 to 1, not 2"),
        ({"augmentation": {"masks": {"columns": -1}}}, "the masks' columns must be from 0 to 1, not -1"),
        ({"augmentation": {"warps": [{"translation_y": 2}]}}, "translation_y must be from 0 to 1, not 2"),
        ({"augmentation": {"erasing": {"ratio": [0, 2]}}}, "ratio must be two numbers, 0 < low <= high, not (0, 2)"),
        ({"momentum": 1.0}, "momentum must be at least 0 and under 1"),
        ({"weight_decay": -0.1}, "the weight decay must be at least 0"),
        ({"nesterov": True, "momentum": 0}, "nesterov needs a momentum"),
        ({"schedule": {"kind": "one-cycle", "warm_up": 1.0}}, "warm_up must be over 0 and under 1"),
        ({"schedule": {"kind": "step", "every": 0}}, "every must be at least 1"),
        ({"schedule": "step"}, "schedule must be a table"),
        ({"lr": "fast"}, "lr must be a number"),
    ],
)
def test_bad_json_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        from_json({"name": "mine", **change})
    assert message in str(error.value)


def test_a_recipe_needs_a_name() -> None:
    with pytest.raises(UserError, match="the key 'name' is missing"):
        from_json({"epochs": 3})


# images -> (batch, steps): the recipe's 128 with at least 50 steps, else the largest power of two that has them
AUTOMATIC = {
    50_000: (128, 391),
    6_274: (128, 50),  # 49 * 128 = 6,272 and two more images
    6_273: (64, 98),  # a last batch of one image is no step of its own, 128 would have 49
    1_258: (16, 79),
    1_257: (16, 79),
    100: (8, 13),
    60: (8, 8),  # never under 8
    2: (2, 1),
}


@pytest.mark.parametrize("images", AUTOMATIC)
def test_the_automatic_batch(images: int) -> None:
    resolved = resolve(recipe("plain"), images=images)
    assert (resolved.batch_size, timeline(resolved, images).steps_per_epoch) == AUTOMATIC[images]


def test_a_recipe_without_a_batch_starts_from_128() -> None:
    automatic = replace(recipe("plain"), batch_size=None)
    assert resolve(automatic, images=50_000).batch_size == 128
    assert timeline(automatic, 50_000).steps_per_epoch == 391


def test_a_recipe_with_a_batch_of_its_own_keeps_it_where_it_can() -> None:
    assert resolve(replace(recipe("plain"), batch_size=96), images=4_800).batch_size == 96  # 50 steps
    assert resolve(replace(recipe("plain"), batch_size=96), images=1_257).batch_size == 16


def test_what_is_given_wins() -> None:
    resolved = resolve(recipe("warp10-onecycle"), images=1_257, epochs=3, lr=0.07, batch_size=128)
    assert (resolved.epochs, resolved.lr, resolved.batch_size) == (3, 0.07, 128)
    assert timeline(resolved, 1_257).steps_per_epoch == 10
    assert resolve(recipe("warp10-onecycle"), images=1_257, lr=0.07).lr == 0.07


def test_the_rate_does_not_follow_the_batch() -> None:
    """Lower rates for smaller batches were no better: docs/training.md."""
    one_cycle = recipe("warp10-onecycle")
    for batch in (None, 16, 512):
        assert resolve(one_cycle, images=1_258, batch_size=batch).lr == 0.1


def test_resolving_again_changes_nothing_once_the_batch_is_given() -> None:
    resolved = resolve(recipe("warp10-onecycle"), images=1_258)
    assert resolve(resolved, images=1_258) == resolved
    large = resolve(recipe("warp10-onecycle"), images=1_258, batch_size=128)
    assert resolve(large, images=1_258, batch_size=large.batch_size) == large


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"lr": 0.0}, "the learning rate must be over 0 and finite, not 0.0"),
        ({"lr": float("inf")}, "the learning rate must be over 0 and finite, not inf"),
        ({"batch_size": 1}, "the batch size must be at least 2"),
        ({"images": 1}, "training needs at least 2 images"),
    ],
)
def test_values_out_of_range_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(recipe("plain"), **{"images": 1_000, **changes})  # type: ignore[arg-type]
    assert message in str(error.value)
