"""Which recipe a data set gets: named ones, a user's own, and what --recipe and --augment change."""

from dataclasses import replace

import pytest

from underbudget.models.errors import UserError
from underbudget.search.data.store import DatasetInfo
from underbudget.search.training.choosing import choose, usual_augmentation
from underbudget.search.training.recipe import AUGMENTATIONS, RECIPES, Augmentation, augmented, check, recipe

PETS = DatasetInfo(
    *("pets", "Pets", (3, 32, 32), ("cat", "dog"), {"train": 9, "validation": 9, "test": 9}, (0.5,) * 3, (0.2,) * 3),
    checksum="0",
    frontend={"kind": "pixels"},
)
MNIST = replace(PETS, name="mnist", input_shape=(1, 28, 28), frontend=None)


def test_what_suits_the_data() -> None:
    assert usual_augmentation(MNIST) == "digits"
    assert usual_augmentation(PETS) == "natural"
    assert usual_augmentation(replace(PETS, input_shape=(1, 32, 32))) == "digits"  # of grey images nothing is known
    assert usual_augmentation(replace(PETS, classes=("b", "d"))) == "digits"  # each other's mirror image
    assert usual_augmentation(replace(PETS, frontend={"kind": "sound"})) == "sound"
    assert usual_augmentation(replace(PETS, frontend={"kind": "signal"})) == "signal"


def test_a_recipe_that_is_named_keeps_its_augmentation_unless_another_is_asked_for() -> None:
    named = recipe("affine7-jitter")
    assert choose(None, None, MNIST) == RECIPES["warp10-onecycle"]
    assert choose(None, "auto", MNIST) == RECIPES["warp10-onecycle"]
    assert choose(None, None, PETS) == replace(RECIPES["onecycle"], augmentation=AUGMENTATIONS["natural"])
    assert choose(None, "none", MNIST).augmentation == Augmentation()
    assert choose(named, None, PETS) == named
    assert choose(named, "auto", PETS) == replace(named, augmentation=AUGMENTATIONS["natural"])
    assert choose(named, "signal", PETS) == replace(named, augmentation=AUGMENTATIONS["signal"])


def test_an_augmentation_that_a_recipe_has_already_changes_nothing() -> None:
    default = RECIPES["warp10-onecycle"]
    assert augmented(default, "digits") == default
    assert augmented(augmented(default, "natural"), "digits").augmentation.warps == default.augmentation.warps


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_is_within_its_rules(name: str) -> None:
    check(augmented(RECIPES["plain"], name))
    assert AUGMENTATIONS[name].name == name


def test_an_unknown_augmentation_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown augmentation 'natura': did you mean natural"):
        choose(None, "natura", PETS)
