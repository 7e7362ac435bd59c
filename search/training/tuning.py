"""Which parts of a recipe a search may tune, over which range, and the recipe with a trial's values in place."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from underbudget.models.errors import UserError
from underbudget.search.training.recipe import Affine, Augmentation, Erasing, Jitter, Masks, Perspective, Recipe, check
from underbudget.search.training.schedule import SCHEDULES, OneCycle, StepDecay


@dataclass(frozen=True)
class Range:
    """A number from low to high, both included."""

    low: float
    high: float
    log: bool = False  # uniform in the logarithm


@dataclass(frozen=True)
class Values:
    """One of a few values, plain text or numbers."""

    options: tuple[str | float, ...]


NO_DECAY = 1e-5  # a tuned weight decay below it is none: a logarithmic range has no 0

TUNABLE: dict[str, Range | Values] = {
    "lr": Range(0.2, 5.0, log=True),  # factor of the recipe's rate
    "weight_decay": Range(1e-6, 1e-2, log=True),  # below NO_DECAY: none, a quarter of the range
    "augmentation": Range(0.0, 1.5),  # factor of the recipe's own strength
    "label_smoothing": Range(0.0, 0.2),
    "schedule": Values(("constant", "step", "cosine", "one-cycle")),  # the recipe's rate is the highest of each
    "ema": Values((0.0, 0.99, 0.999)),  # decay per step; 0: no averaging
}


def tuned(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with values of some parts named in TUNABLE, each as TUNABLE describes it.

    A schedule of the recipe's own kind stays as it is; a new step decay comes after every two fifths of the run, a new
    one-cycle warms up over a fifth. Raises UserError for an unknown part or a value out of its range.
    """
    changes = {name: _changed(recipe, name, value) for name, value in values.items()}
    if values and not recipe.name.endswith(" tuned"):
        changes["name"] = f"{recipe.name} tuned"
    result = replace(recipe, **changes)
    check(result)
    return result


def _changed(recipe: Recipe, name: str, value: Any) -> Any:
    _check_value(name, value)
    match name:
        case "lr":
            return recipe.lr * value
        case "weight_decay":
            return 0.0 if value < NO_DECAY else value
        case "augmentation":
            return strengthened(recipe.augmentation, value)
        case "schedule" if value != recipe.schedule.kind:
            new = {"step": StepDecay(max(1, round(0.4 * recipe.epochs)), 0.1), "one-cycle": OneCycle(warm_up=0.2)}
            return new.get(value) or SCHEDULES[value]()
        case "schedule":
            return recipe.schedule
    return float(value)


def strengthened(augmentation: Augmentation, factor: float) -> Augmentation:
    """The augmentation with every range `factor` times as wide, within its limits; 0: none at all.

    The probabilities of a perspective and a mirror stay, an erasing's is multiplied.
    """
    if factor == 0:
        return Augmentation()
    view, jitter, erasing = augmentation.perspective, augmentation.jitter, augmentation.erasing
    masks = augmentation.masks
    return replace(
        augmentation,
        warps=tuple(_affine(warp, factor) for warp in augmentation.warps),
        perspective=view and Perspective(min(0.9, view.distortion * factor), view.probability),
        jitter=jitter and Jitter(jitter.brightness * factor, jitter.contrast * factor),
        erasing=erasing and Erasing(min(1.0, erasing.probability * factor), erasing.area, erasing.ratio),
        masks=masks and Masks(min(1.0, masks.rows * factor), min(1.0, masks.columns * factor)),
    )


def _affine(warp: Affine, factor: float) -> Affine:
    low, high = (1 + (scale - 1) * factor for scale in warp.scale)
    return Affine(
        warp.rotation * factor,
        min(80.0, warp.shear * factor),
        min(1.0, warp.translation * factor),
        (max(0.1, low), max(0.1, high)),
        None if warp.translation_y is None else min(1.0, warp.translation_y * factor),
    )


def _check_value(name: str, value: Any) -> None:
    if name not in TUNABLE:
        raise UserError(f"nothing to tune is called {name[:40]!r}: there are {', '.join(TUNABLE)}")
    match TUNABLE[name]:
        case Values(options) if value not in options:
            raise UserError(f"a tuned {name} must be one of {', '.join(map(str, options))}, not {value!r}")
        case Range(low, high) if isinstance(value, bool | str) or not low <= value <= high:
            raise UserError(f"a tuned {name} must be from {low:g} to {high:g}, not {value!r}")
