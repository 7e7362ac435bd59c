"""A recipe: how a network is trained, without its seed. Plain data, no torch; stored as JSON in every trial's record.

The recipes are those of the published MNIST series. Where a number differs from the publication, docs/training.md
says so.
"""

import dataclasses
import difflib
import math
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from models.errors import UserError
from search.training.schedule import SCHEDULES, Constant, OneCycle, Schedule, StepDecay, Timeline


@dataclass(frozen=True)
class Warp:
    """One random affine map of an image about its centre, with the meaning of torchvision's `RandomAffine`."""

    rotation: float = 0.0  # degrees; the angle is uniform in -rotation..rotation
    shear: float = 0.0  # degrees; x-shear, uniform in -shear..shear
    translation: float = 0.0  # share of width and height, uniform to both sides, rounded to whole pixels
    scale: tuple[float, float] = (1.0, 1.0)  # uniform between the two


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training image each time it is shown."""

    warps: tuple[Warp, ...] = ()  # in this order, composed into one interpolation


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The last short batch of an epoch is kept; the loss is cross-entropy."""

    name: str
    epochs: int = 15
    batch_size: int | None = 128  # images per step; None: chosen by `resolve`
    optimizer: str = "sgd"
    lr: float = 0.01  # what it means is the schedule's: the rate, the first rate or the highest rate
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: Schedule = field(default_factory=Constant)
    augmentation: Augmentation = field(default_factory=Augmentation)


_ROTATION_7 = Augmentation((Warp(rotation=7),))
_WARP_10 = Augmentation((Warp(rotation=10), Warp(rotation=10, shear=5, translation=0.1)))

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("plain"),
        Recipe("rot7", augmentation=_ROTATION_7),
        Recipe("rot7-step6", schedule=StepDecay(every=6, factor=0.1), augmentation=_ROTATION_7),
        Recipe("warp10-onecycle", lr=0.1, schedule=OneCycle(warm_up=0.2), augmentation=_WARP_10),
    )
}
DEFAULT_RECIPE = "warp10-onecycle"

DEFAULT_BATCH = 128
LEAST_STEPS = 50  # per epoch, below which an automatic batch is made smaller
LEAST_BATCH = 2  # batch norm cannot train on one value per channel


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
    _check(result)
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


def to_json(recipe: Recipe) -> dict[str, Any]:
    """A plain JSON object; `from_json` reads it back to an equal recipe."""
    value: dict[str, Any] = _plain(dataclasses.asdict(recipe))
    return value


def from_json(value: dict[str, Any]) -> Recipe:
    """Read what `to_json` wrote. Fields that are left out have their defaults.

    Raises UserError for an unknown key, a missing name, an unknown schedule, or a value out of range.
    """
    given = dict(value)
    schedule = _table(given.pop("schedule", {"kind": "constant"}), "schedule")
    kind = schedule.get("kind")
    if kind not in SCHEDULES:
        raise UserError(f"recipe: unknown schedule {kind!r}, known: {', '.join(SCHEDULES)}")
    augmentation = _table(given.pop("augmentation", {}), "augmentation")
    warps = augmentation.pop("warps", [])
    if not isinstance(warps, list | tuple):
        raise UserError(f"recipe: warps must be a list, not {warps!r}")
    given["schedule"] = _fill(SCHEDULES[kind], schedule, f"{kind} schedule")
    augmentation["warps"] = tuple(_fill(Warp, _table(warp, "warp"), "warp") for warp in warps)
    given["augmentation"] = _fill(Augmentation, augmentation, "augmentation")
    if "name" not in given:
        raise UserError("recipe: the key 'name' is missing")
    result: Recipe = _fill(Recipe, given, "recipe")
    _check(result)
    return result


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


def _check(recipe: Recipe) -> None:
    for holds, rule, value in _rules(recipe):
        if not holds:
            raise UserError(f"recipe {recipe.name}: {rule}, not {value}")


def _rules(recipe: Recipe) -> Iterator[tuple[bool, str, object]]:
    batch = recipe.batch_size
    yield recipe.epochs >= 1, "epochs must be at least 1", recipe.epochs
    yield recipe.lr > 0 and math.isfinite(recipe.lr), "the learning rate must be over 0 and finite", recipe.lr
    yield (
        batch is None or batch >= LEAST_BATCH,
        f"the batch size must be at least {LEAST_BATCH}, since batch norm cannot train on one image",
        batch,
    )
    yield recipe.optimizer == "sgd", "the optimizer must be sgd", repr(recipe.optimizer)
    yield 0 <= recipe.momentum < 1, "momentum must be at least 0 and under 1", recipe.momentum
    yield recipe.momentum > 0 or not recipe.nesterov, "nesterov needs a momentum over 0", recipe.momentum
    yield 0 <= recipe.weight_decay < math.inf, "the weight decay must be at least 0", recipe.weight_decay
    match recipe.schedule:
        case StepDecay(every, factor):
            yield every >= 1, "every must be at least 1", every
            yield 0 < factor < math.inf, "factor must be over 0", factor
        case OneCycle(warm_up, first, last, low, high):
            yield 0 < warm_up < 1, "warm_up must be over 0 and under 1", warm_up
            yield first > 0 and last > 0, "the divisors must be over 0", f"{first} and {last}"
            yield 0 <= low <= high < 1, "the momenta must be in 0 <= low <= high < 1", f"{low} and {high}"
    for warp in recipe.augmentation.warps:
        yield warp.rotation >= 0, "rotation must be at least 0", warp.rotation
        yield 0 <= warp.shear < 90, "shear must be at least 0 and under 90", warp.shear
        yield 0 <= warp.translation <= 1, "translation must be from 0 to 1", warp.translation
        yield 0 < warp.scale[0] <= warp.scale[1], "scale must be two numbers, 0 < low <= high", warp.scale


def _table(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"recipe: {what} must be a table of keys and values, not {value!r}")
    return dict(value)


def _fill(kind: type[Any], value: dict[str, Any], what: str) -> Any:
    """`kind(**value)` with lists made tuples; a key that is unknown or a value of another type is named."""
    hints = typing.get_type_hints(kind)
    for key, item in value.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1, 0.5)
            hint = f", did you mean {near[0]}?" if near else f", known: {', '.join(hints)}"
            raise UserError(f"{what}: unknown key {key!r}{hint}")
        if hints[key] in _FORMS and not _FORMS[hints[key]][1](item):
            raise UserError(f"{what}: {key} must be {_FORMS[hints[key]][0]}, not {item!r}")
    return kind(**{key: tuple(item) if isinstance(item, list) else item for key, item in value.items()})


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)


# type of a field -> what to call it, whether a JSON value is one
_FORMS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("text", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", _is_whole),
    int | None: ("a whole number", lambda value: value is None or _is_whole(value)),
    float: ("a number", _is_number),
    tuple[float, float]: (
        "two numbers",
        lambda value: isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)),
    ),
}


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
