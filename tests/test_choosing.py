"""Which recipe a data set gets: named ones, a user's own, and what --recipe and --augment change."""

from dataclasses import dataclass, replace

import pytest

from underbudget.models.errors import UserError
from underbudget.search.data.store import DatasetInfo
from underbudget.search.training.built_in_recipes import AUGMENTATIONS, RECIPES, augmented, recipe
from underbudget.search.training.choosing import choose, usual_augmentation
from underbudget.search.training.recipe import Augmentation, check

PETS = DatasetInfo(
    *("pets", "Pets", (3, 32, 32), ("cat", "dog"), {"train": 9, "validation": 9, "test": 9}, (0.5,) * 3, (0.2,) * 3),
    checksum="0",
    frontend={"kind": "pixels"},
)
MNIST = replace(PETS, name="mnist", input_shape=(1, 28, 28), frontend=None)


@dataclass(frozen=True)
class Asked:
    augment: str | None = None
    metric: str | None = None
    class_weights: str | None = None


def test_what_suits_the_data() -> None:
    assert usual_augmentation(MNIST) == "digits"
    assert usual_augmentation(PETS) == "natural"
    assert usual_augmentation(replace(PETS, input_shape=(1, 32, 32))) == "digits"  # of grey images nothing is known
    assert usual_augmentation(replace(PETS, classes=("b", "d"))) == "digits"  # each other's mirror image
    assert usual_augmentation(replace(PETS, frontend={"kind": "sound"})) == "sound"
    assert usual_augmentation(replace(PETS, frontend={"kind": "signal"})) == "signal"


def test_a_recipe_that_is_named_keeps_its_augmentation_unless_another_is_asked_for() -> None:
    named = recipe("affine7-jitter")
    assert choose(None, Asked(), MNIST) == RECIPES["warp10-onecycle"]
    assert choose(None, Asked("auto"), MNIST) == RECIPES["warp10-onecycle"]
    assert choose(None, Asked(), PETS) == replace(RECIPES["onecycle"], augmentation=AUGMENTATIONS["natural"])
    assert choose(None, Asked("none"), MNIST).augmentation == Augmentation()
    assert choose(named, Asked(), PETS) == named
    assert choose(named, Asked("auto"), PETS) == replace(named, augmentation=AUGMENTATIONS["natural"])
    assert choose(named, Asked("signal"), PETS) == replace(named, augmentation=AUGMENTATIONS["signal"])


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
        choose(None, Asked("natura"), PETS)


def test_another_metric_than_accuracy_balances_the_loss_unless_it_is_said_otherwise() -> None:
    def chosen(*given: str | None) -> tuple[str, str]:
        found = choose(None, Asked(None, *given), PETS)
        return found.metric, found.class_weights

    assert chosen() == ("accuracy", "none")
    assert chosen("balanced_accuracy") == ("balanced_accuracy", "balanced")
    assert chosen("f1_macro", "none") == ("f1_macro", "none")
    assert chosen(None, "balanced") == ("accuracy", "balanced")
    assert chosen("accuracy", "auto") == ("accuracy", "none")
    kept = choose(None, Asked(metric="f1_macro", class_weights="none"), PETS)
    assert choose(kept, Asked(), PETS) == kept
    assert choose(kept, Asked(metric="f1_macro"), PETS) == kept
