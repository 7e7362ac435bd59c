"""Recipes and augmentations by name: those of the published MNIST series, and what suits other data.

Where a number differs from the publication, docs/training.md says so.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from underbudget.models.errors import UserError, nearest
from underbudget.search.training.recipe import Affine, Augmentation, Erasing, Jitter, Masks, Perspective, Recipe
from underbudget.search.training.schedule import OneCycle, Plateau, StepDecay

T = TypeVar("T")

DEFAULT_RECIPE = "warp10-onecycle"

_ROTATION_7 = Augmentation((Affine(rotation=7),))
_WARP_10 = Augmentation((Affine(rotation=10), Affine(rotation=10, shear=5, translation=0.1)))
_WARP_20 = Augmentation((Affine(rotation=20), Affine(rotation=10, shear=5, translation=0.1)), Perspective(0.2, 0.5))
_AFFINE_7 = Augmentation(
    (Affine(rotation=6), Affine(rotation=7, shear=10, translation=0.1, scale=(0.8, 1.2))),
    jitter=Jitter(brightness=0.4, contrast=0.4),
)
_AFFINE_10 = Augmentation((Affine(rotation=10, translation=0.1, scale=(0.9, 1.1)),), jitter=Jitter(0.1, 0.1))
_AFFINE_5 = Augmentation((Affine(rotation=5), Affine(translation=0.05, scale=(0.98, 1.02))))

# By what the images show. A mirrored digit or letter is another sign, a mirrored cat is a cat.
AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(name="none"),
    "digits": replace(_WARP_10, name="digits"),
    "natural": Augmentation(
        (Affine(rotation=3, translation=0.05, scale=(0.95, 1.05)),),
        jitter=Jitter(brightness=0.1, contrast=0.1),
        erasing=Erasing(probability=0.1, area=(0.02, 0.1)),
        mirror=0.5,
        name="natural",
    ),
    "sound": Augmentation(
        (Affine(translation=0.1, translation_y=0),),
        jitter=Jitter(brightness=0.4),  # of logarithms: louder and quieter, as another voice or distance
        masks=Masks(0.15, 0.15),
        name="sound",
    ),
    "signal": Augmentation((Affine(translation_y=0.1),), masks=Masks(rows=0.1), fill="mean", name="signal"),
}

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("plain"),
        Recipe("onecycle", lr=0.1, schedule=OneCycle(warm_up=0.2)),
        Recipe("rot7", augmentation=_ROTATION_7),
        Recipe("rot7-plateau", schedule=Plateau(factor=0.1, patience=1), augmentation=_ROTATION_7),
        Recipe("rot7-step6", schedule=StepDecay(every=6, factor=0.1), augmentation=_ROTATION_7),
        Recipe("warp10-onecycle", lr=0.1, schedule=OneCycle(warm_up=0.2), augmentation=_WARP_10),
        Recipe("warp20-onecycle20", lr=0.1, schedule=OneCycle(warm_up=0.2, length=20 / 15), augmentation=_WARP_20),
        Recipe("affine7-jitter", lr=0.015, augmentation=_AFFINE_7),
        Recipe("affine7-jitter-onecycle", lr=0.015, schedule=OneCycle(), augmentation=_AFFINE_7),
        Recipe(
            "affine7-jitter-onecycle-l2",
            epochs=20,
            batch_size=64,
            lr=0.015,
            weight_decay=1e-3,
            schedule=OneCycle(),
            augmentation=_AFFINE_7,
        ),
        Recipe("affine10-jitter-step6", lr=0.015, schedule=StepDecay(every=6, factor=0.1), augmentation=_AFFINE_10),
        Recipe(
            "affine5-adam-onecycle",
            optimizer="adam",
            lr=0.003,
            weight_decay=5e-5,
            schedule=OneCycle(warm_up=0.2, first_divisor=25, last_divisor=1000),
            augmentation=_AFFINE_5,
        ),
    )
}


def recipe(name: str) -> Recipe:
    """A built-in recipe by name. Raises UserError, offering the nearest, for any other name."""
    return _named("recipe", name, RECIPES)


def usual(augmentation: str) -> Recipe:
    """The recipe for data whose recipe nobody named. Raises UserError for an unknown augmentation."""
    if augmentation == "digits":
        return RECIPES[DEFAULT_RECIPE]
    return augmented(RECIPES["onecycle"], augmentation)


def augmented(recipe: Recipe, augmentation: str) -> Recipe:
    """The recipe with one of AUGMENTATIONS. Raises UserError, offering the nearest, for an unknown name."""
    named = _named("augmentation", augmentation, AUGMENTATIONS)
    is_same = replace(recipe.augmentation, name=augmentation) == named
    return recipe if is_same else replace(recipe, augmentation=named)


def _named(what: str, name: str, known: Mapping[str, T]) -> T:
    if name in known:
        return known[name]
    hint = f"did you mean {near}? " if (near := nearest(name, known)) else ""
    raise UserError(f"unknown {what} {name[:40]!r}: {hint}there are {', '.join(known)}")
