"""A recipe: how a network is trained, without its seed. Plain data, no torch; stored as JSON in every trial's record.

The recipes are those of the published MNIST series. Where a number differs from the publication, docs/training.md
says so.
"""

import difflib
import math
from dataclasses import replace

from underbudget.models.errors import UserError
from underbudget.search.training.recipe_json import from_json, to_json
from underbudget.search.training.recipe_parts import (
    LEAST_BATCH,
    OPTIMIZERS,
    Affine,
    Augmentation,
    Erasing,
    Jitter,
    Perspective,
    Recipe,
    check,
)
from underbudget.search.training.schedule import OneCycle, Plateau, StepDecay, Timeline

__all__ = [
    "DEFAULT_BATCH",
    "DEFAULT_RECIPE",
    "LEAST_BATCH",
    "LEAST_STEPS",
    "OPTIMIZERS",
    "RECIPES",
    "Affine",
    "Augmentation",
    "Erasing",
    "Jitter",
    "Perspective",
    "Recipe",
    "from_json",
    "recipe",
    "resolve",
    "steps_per_epoch",
    "timeline",
    "to_json",
]

_ROTATION_7 = Augmentation((Affine(rotation=7),))
_WARP_10 = Augmentation((Affine(rotation=10), Affine(rotation=10, shear=5, translation=0.1)))
_WARP_20 = Augmentation((Affine(rotation=20), Affine(rotation=10, shear=5, translation=0.1)), Perspective(0.2, 0.5))
_AFFINE_7 = Augmentation(
    (Affine(rotation=6), Affine(rotation=7, shear=10, translation=0.1, scale=(0.8, 1.2))),
    jitter=Jitter(brightness=0.4, contrast=0.4),
)
_AFFINE_10 = Augmentation((Affine(rotation=10, translation=0.1, scale=(0.9, 1.1)),), jitter=Jitter(0.1, 0.1))
_AFFINE_5 = Augmentation((Affine(rotation=5), Affine(translation=0.05, scale=(0.98, 1.02))))

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("plain"),
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
DEFAULT_RECIPE = "warp10-onecycle"

DEFAULT_BATCH = 128
LEAST_STEPS = 50  # per epoch, below which an automatic batch is made smaller


def recipe(name: str) -> Recipe:
    """A built-in recipe by name. Raises UserError, offering the nearest, for any other name."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name.strip().lower(), RECIPES, 1, 0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"unknown recipe {name[:40]!r}: {hint}there are {', '.join(RECIPES)}")


def resolve(
    recipe: Recipe, *, images: int, epochs: int | None = None, lr: float | None = None, batch_size: int | None = None
) -> Recipe:
    """The recipe with every number filled in, for a training part of `images` images.

    epochs, lr, batch_size: take the place of the recipe's where given. A batch size that is not given is the recipe's
    where that makes at least 50 steps per epoch, else the largest power of two that does (at least 2). A learning rate
    that is not given is the recipe's at every batch size (measured in docs/training.md).

    Raises UserError for a value out of range.
    """
    if images < LEAST_BATCH:
        raise UserError(
            f"training needs at least {LEAST_BATCH} images, the training part has {images}: give more images"
        )
    usual = recipe.batch_size or DEFAULT_BATCH
    batch = _automatic_batch(usual, images) if batch_size is None else batch_size
    result = replace(
        recipe,
        epochs=recipe.epochs if epochs is None else epochs,
        batch_size=batch,
        lr=recipe.lr if lr is None else lr,
    )
    check(result)
    if batch > images:
        raise UserError(f"the batch size must be at most the {images} training images, not {batch}: give a smaller one")
    return result


def steps_per_epoch(recipe: Recipe, images: int) -> int:
    """Optimiser steps in one epoch over `images` images. A last batch of one image joins the batch before it."""
    batch = recipe.batch_size or _automatic_batch(DEFAULT_BATCH, images)
    return _steps(batch, images)


def timeline(recipe: Recipe, images: int) -> Timeline:
    """How long a run of a resolved recipe over `images` images is."""
    return Timeline(recipe.epochs, steps_per_epoch(recipe, images))


def _automatic_batch(usual: int, images: int) -> int:
    if _steps(usual, images) >= LEAST_STEPS:
        return usual
    batch = 1 << (usual.bit_length() - 1)
    while batch > LEAST_BATCH and _steps(batch, images) < LEAST_STEPS:
        batch //= 2
    return batch


def _steps(batch: int, images: int) -> int:
    steps = math.ceil(images / batch)
    return steps - 1 if steps > 1 and images % batch == 1 else steps
