"""The recipe for a data set: what the user named, and what suits the data where nothing was named."""

from underbudget.search.data.named_sets import DATASETS
from underbudget.search.data.store import DatasetInfo
from underbudget.search.training.recipe import Recipe, augmented, usual

_OF_FRONT_ENDS = {"sound": "sound", "signal": "signal"}


def choose(recipe: Recipe | None, augment: str | None, info: DatasetInfo) -> Recipe:
    """The recipe with what is done to images.

    recipe: the named one, None for what suits the data; augment: a key of AUGMENTATIONS or "auto", None for the
    recipe's own. Raises UserError for an unknown augmentation.
    """
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
