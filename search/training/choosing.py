"""The recipe for a data set: what the user named, and what suits the data where nothing was named."""

from dataclasses import replace
from typing import Protocol

from underbudget.search.data.named_sets import DATASETS
from underbudget.search.data.store import DatasetInfo
from underbudget.search.training.built_in_recipes import augmented, usual
from underbudget.search.training.recipe import Recipe

_OF_FRONT_ENDS = {"sound": "sound", "signal": "signal"}


class Asked(Protocol):
    """What options say of a recipe besides its name; None: nothing."""

    @property
    def augment(self) -> str | None:
        """A key of AUGMENTATIONS, or "auto"."""

    @property
    def metric(self) -> str | None:
        """A key of METRICS."""

    @property
    def class_weights(self) -> str | None:
        """One of CLASS_WEIGHTS, or "auto": balanced under another metric than accuracy."""


def choose(recipe: Recipe | None, asked: Asked, info: DatasetInfo) -> Recipe:
    """The recipe with what was asked for in place.

    recipe: the named one, or one that is kept; None for what suits the data. Raises UserError for an unknown
    augmentation.
    """
    base, metric, weights = _augmented(recipe, asked.augment, info), asked.metric, asked.class_weights
    if metric is None:
        metric = base.metric
    if weights == "auto" or (weights is None and metric != base.metric):
        weights = "none" if metric == "accuracy" else "balanced"
    return replace(base, metric=metric, class_weights=weights or base.class_weights)


def _augmented(recipe: Recipe | None, augment: str | None, info: DatasetInfo) -> Recipe:
    if augment == "auto" or (augment is None and recipe is None):
        augment = usual_augmentation(info)
    if recipe is None:
        return usual(str(augment))
    return recipe if augment is None else augmented(recipe, augment)


def usual_augmentation(info: DatasetInfo) -> str:
    """The key in AUGMENTATIONS of what suits a data set.

    A named set says its own. Of a user's own data colour images are taken for natural ones, which stay what they are
    in a mirror, unless each class is called by a single letter or digit; grey images for something like digits.
    """
    if info.frontend is None:
        return DATASETS[info.name].augmentation if info.name in DATASETS else "digits"
    if (kind := info.frontend["kind"]) in _OF_FRONT_ENDS:
        return _OF_FRONT_ENDS[kind]
    are_signs = all(len(name) == 1 for name in info.classes)
    return "natural" if info.input_shape[0] == 3 and not are_signs else "digits"
