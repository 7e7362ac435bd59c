"""How long a run is: the batch, epochs and steps of a recipe for so many images."""

import math
from dataclasses import replace
from typing import Any

from underbudget.models.errors import UserError
from underbudget.search.training.recipe import LEAST_BATCH, Recipe, check
from underbudget.search.training.schedule import Timeline

DEFAULT_BATCH = 128
LEAST_RUN = 1000  # steps, below which accuracies are rough
MOST_EPOCHS = 60  # that are chosen without being asked for
LEAST_STEPS = 50  # per epoch, below which an automatic batch is made smaller
LEAST_CHOSEN = 8  # the smallest batch that is chosen without being asked for, where there are as many images


def suited_epochs(recipe: Recipe, images: int, batch_size: int | None = None) -> int:
    """The recipe's epochs; of few images more, so that a run has LEAST_RUN steps, up to MOST_EPOCHS."""
    steps = timeline(resolve(recipe, images=images, batch_size=batch_size), images).steps_per_epoch
    return max(recipe.epochs, min(MOST_EPOCHS, math.ceil(LEAST_RUN / steps)))


def resolve(
    recipe: Recipe, *, images: int, epochs: int | None = None, lr: float | None = None, batch_size: int | None = None
) -> Recipe:
    """The recipe with every number filled in, for a training part of `images` images.

    epochs, lr, batch_size: take the place of the recipe's where given. A batch size that is not given is the recipe's
    where that makes at least 50 steps per epoch, else the largest power of two that does (at least 8); the learning
    rate stays as it is (measured in docs/training.md). Raises UserError for a value out of range.
    """
    if images < LEAST_BATCH:
        raise UserError(
            f"training needs at least {LEAST_BATCH} images, the training part has {images}: give more images"
        )
    usual = recipe.batch_size or DEFAULT_BATCH
    batch = _automatic_batch(usual, images) if batch_size is None else batch_size
    given: dict[str, Any] = {"epochs": epochs, "lr": lr, "batch_size": batch}
    result = replace(recipe, **{name: value for name, value in given.items() if value is not None})
    check(result)
    if batch > images:
        raise UserError(f"the batch size must be at most the {images} training images, not {batch}: give a smaller one")
    return result


def timeline(recipe: Recipe, images: int) -> Timeline:
    """How long a run over `images` images is. A last batch of one image joins the batch before it."""
    return Timeline(recipe.epochs, _steps(recipe.batch_size or _automatic_batch(DEFAULT_BATCH, images), images))


def _automatic_batch(usual: int, images: int) -> int:
    """The usual batch where that makes LEAST_STEPS per epoch, else the largest power of two that does, or LEAST_CHOSEN:
    smaller ones make batch norm's statistics poor, and of few images more epochs are better."""
    if _steps(usual, images) >= LEAST_STEPS:
        return usual
    batch = 1 << (usual.bit_length() - 1)
    while batch > LEAST_BATCH and (batch > images or (batch > LEAST_CHOSEN and _steps(batch, images) < LEAST_STEPS)):
        batch //= 2
    return batch


def _steps(batch: int, images: int) -> int:
    steps = math.ceil(images / batch)
    return steps - 1 if steps > 1 and images % batch == 1 else steps
