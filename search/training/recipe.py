"""A recipe: how a network is trained, without its seed. Plain data, no torch; stored as JSON in every trial's record.

The built-in recipes are those of the published MNIST series. Where a number differs from the publication,
docs/training.md says so.
"""

import dataclasses
import math
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from underbudget.models.errors import UserError, nearest
from underbudget.models.metrics import METRICS
from underbudget.search.training.schedule import (
    SCHEDULES,
    Constant,
    Cosine,
    OneCycle,
    Plateau,
    Schedule,
    StepDecay,
    Timeline,
)

DEFAULT_RECIPE = "warp10-onecycle"
DEFAULT_BATCH = 128
LEAST_RUN = 1000  # steps, below which accuracies are rough
MOST_EPOCHS = 60  # that are chosen without being asked for
LEAST_STEPS = 50  # per epoch, below which an automatic batch is made smaller
OPTIMIZERS = ("sgd", "adam", "adamw")
LEAST_CHOSEN = 8  # the smallest batch that is chosen without being asked for, where there are as many images
LEAST_BATCH = 2  # batch norm cannot train on one value per channel


@dataclass(frozen=True)
class Affine:
    """One random affine map of an image about its centre, with the meaning of torchvision's `RandomAffine`."""

    rotation: float = 0.0  # degrees; the angle is uniform in -rotation..rotation
    shear: float = 0.0  # degrees; x-shear, uniform in -shear..shear
    translation: float = 0.0  # share of width and height, uniform to both sides, rounded to whole pixels
    scale: tuple[float, float] = (1.0, 1.0)  # uniform between the two
    translation_y: float | None = None  # share of the height where it is another than that of the width


@dataclass(frozen=True)
class Perspective:
    """A random perspective view, with the meaning of torchvision's `RandomPerspective`."""

    distortion: float = 0.5  # 0 to under 1: each corner moves inwards by up to this share of half the width and height
    probability: float = 0.5  # 0..1: share of the images that it happens to


@dataclass(frozen=True)
class Jitter:
    """Random brightness and contrast, in random order, with the meaning of torchvision's `ColorJitter`."""

    brightness: float = 0.0  # the factor is uniform in 1 - brightness..1 + brightness, at least 0
    contrast: float = 0.0  # likewise, about the image's mean grey


@dataclass(frozen=True)
class Erasing:
    """A rectangle made black, with the meaning of torchvision's `RandomErasing` before normalisation.

    Source: Zhong et al., "Random Erasing Data Augmentation" (AAAI 2020).
    """

    probability: float = 0.5  # 0..1: share of the images that it happens to
    area: tuple[float, float] = (0.02, 0.33)  # share of the image, uniform between the two
    ratio: tuple[float, float] = (0.3, 3.3)  # height by width, its logarithm uniform between the two


@dataclass(frozen=True)
class Masks:
    """A band of rows and a band of columns set to the fill: the frequency and time masks of a spectrogram.

    A band's width is uniform from 0 to its share of the image, cut to whole pixels, with the meaning of torchaudio's
    `FrequencyMasking` and `TimeMasking`. Source: Park et al., "SpecAugment" (Interspeech 2019).
    """

    rows: float = 0.0  # share of the height, 0..1; 0: no band
    columns: float = 0.0  # share of the width, likewise


FILLS = ("black", "mean")
CLASS_WEIGHTS = ("none", "balanced")


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training image each time it is shown: warps, perspective and mirror in one interpolation, then
    jitter, erasing, masks."""

    warps: tuple[Affine, ...] = ()  # in this order
    perspective: Perspective | None = None
    jitter: Jitter | None = None
    erasing: Erasing | None = None
    mirror: float = 0.0  # 0..1: share of the images whose left and right are swapped, as `RandomHorizontalFlip` does
    masks: Masks | None = None
    fill: str = "black"  # of what comes in from outside, is erased or masked: one of FILLS, the train part's mean
    name: str = ""  # its key in AUGMENTATIONS, "" for a recipe's own


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The last short batch of an epoch is kept; the loss is cross-entropy."""

    name: str
    epochs: int = 15
    batch_size: int | None = 128  # images per step; None: chosen by `resolve`
    optimizer: str = "sgd"  # one of OPTIMIZERS
    lr: float = 0.01  # what it means is the schedule's: the rate, the first rate or the highest rate
    momentum: float = 0.9  # adam, adamw: beta1, the decay of the mean gradient
    nesterov: bool = False  # sgd only
    weight_decay: float = 0.0  # sgd, adam: added to the gradient (L2); adamw: decoupled
    schedule: Schedule = field(default_factory=Constant)
    augmentation: Augmentation = field(default_factory=Augmentation)
    beta2: float = 0.999  # adam, adamw: decay of the mean squared gradient
    label_smoothing: float = 0.0  # share of the target that is spread over all classes, in training
    ema: float = 0.0  # decay per step of the averaged weights, which are evaluated and kept; 0: no averaging
    class_weights: str = "none"  # of the loss, one of CLASS_WEIGHTS; balanced: a class weighs as much as any other
    metric: str = "accuracy"  # what the accuracy of the evaluated part is: one of models.metrics.METRICS

    @property
    def title(self) -> str:
        """The name, and that of the augmentation where it is another than the recipe's own."""
        return self.name + (f" with {word} augmentation" if (word := self.augmentation.name) else "")


Rules = Iterator[tuple[bool, str, object]]  # whether a rule holds, the rule, the value


def check(recipe: Recipe) -> None:
    """Raise UserError, with the rule and the value, where a number is out of its range."""
    for holds, rule, value in _rules(recipe):
        if not holds:
            raise UserError(f"recipe {recipe.name}: {rule}, not {value}")


def _rules(recipe: Recipe) -> Rules:
    yield recipe.epochs >= 1, "epochs must be at least 1", recipe.epochs
    yield recipe.lr > 0 and math.isfinite(recipe.lr), "the learning rate must be over 0 and finite", recipe.lr
    batch = recipe.batch_size
    rule = f"the batch size must be at least {LEAST_BATCH}, since batch norm cannot train on one image"
    yield batch is None or batch >= LEAST_BATCH, rule, batch
    optimizer = recipe.optimizer
    yield optimizer in OPTIMIZERS, f"the optimizer must be {', '.join(OPTIMIZERS[:-1])} or adamw", repr(optimizer)
    yield 0 <= recipe.momentum < 1, "momentum must be at least 0 and under 1", recipe.momentum
    yield optimizer == "sgd" or not recipe.nesterov, "nesterov needs the optimizer sgd", optimizer
    yield recipe.momentum > 0 or not recipe.nesterov, "nesterov needs a momentum over 0", recipe.momentum
    yield 0 <= recipe.weight_decay < math.inf, "the weight decay must be at least 0", recipe.weight_decay
    yield 0 <= recipe.beta2 < 1, "beta2 must be at least 0 and under 1", recipe.beta2
    yield 0 <= recipe.label_smoothing < 1, "label_smoothing must be at least 0 and under 1", recipe.label_smoothing
    weights = recipe.class_weights
    yield weights in CLASS_WEIGHTS, f"class_weights must be {' or '.join(CLASS_WEIGHTS)}", repr(weights)
    yield recipe.metric in METRICS, f"the metric must be one of {', '.join(METRICS)}", repr(recipe.metric)
    yield 0 <= recipe.ema < 1, "ema, a decay, must be at least 0 and under 1", recipe.ema
    yield from _schedule_rules(recipe.schedule)
    yield from _augmentation_rules(recipe.augmentation)


def _schedule_rules(schedule: Schedule) -> Rules:
    match schedule:
        case StepDecay(every, factor):
            yield every >= 1, "every must be at least 1", every
            yield 0 < factor < math.inf, "factor must be over 0", factor
        case Plateau(factor, patience):
            yield 0 < factor < 1, "factor must be over 0 and under 1", factor
            yield patience >= 0, "patience must be at least 0", patience
        case OneCycle(warm_up, first, last, low, high, length):
            yield 0 < warm_up < 1, "warm_up must be over 0 and under 1", warm_up
            yield first > 0 and last > 0, "the divisors must be over 0", f"{first} and {last}"
            yield 0 <= low <= high < 1, "the momenta must be in 0 <= low <= high < 1", f"{low} and {high}"
            yield 1 <= length < math.inf, "length must be at least 1", length
        case Cosine(last):
            yield 0 <= last <= 1, "last must be from 0 to 1", last


def _augmentation_rules(augmentation: Augmentation) -> Rules:
    for warp in augmentation.warps:
        yield warp.rotation >= 0, "rotation must be at least 0", warp.rotation
        yield 0 <= warp.shear < 90, "shear must be at least 0 and under 90", warp.shear
        yield 0 <= warp.translation <= 1, "translation must be from 0 to 1", warp.translation
        yield 0 <= (warp.translation_y or 0) <= 1, "translation_y must be from 0 to 1", warp.translation_y
        yield 0 < warp.scale[0] <= warp.scale[1], "scale must be two numbers, 0 < low <= high", warp.scale
    if view := augmentation.perspective:
        yield 0 <= view.distortion < 1, "distortion must be at least 0 and under 1", view.distortion
        yield 0 <= view.probability <= 1, "the perspective's probability must be from 0 to 1", view.probability
    if jitter := augmentation.jitter:
        yield 0 <= jitter.brightness < math.inf, "brightness must be at least 0", jitter.brightness
        yield 0 <= jitter.contrast < math.inf, "contrast must be at least 0", jitter.contrast
    if erasing := augmentation.erasing:
        (small, large), (flat, steep) = erasing.area, erasing.ratio
        yield 0 <= erasing.probability <= 1, "the erasing's probability must be from 0 to 1", erasing.probability
        yield 0 < small <= large <= 1, "area must be two numbers, 0 < low <= high <= 1", erasing.area
        yield 0 < flat <= steep < math.inf, "ratio must be two numbers, 0 < low <= high", erasing.ratio
    if masks := augmentation.masks:
        yield 0 <= masks.rows <= 1, "the masks' rows must be from 0 to 1", masks.rows
        yield 0 <= masks.columns <= 1, "the masks' columns must be from 0 to 1", masks.columns
    yield 0 <= augmentation.mirror <= 1, "mirror, a share, must be from 0 to 1", augmentation.mirror
    yield augmentation.fill in FILLS, f"fill must be {' or '.join(FILLS)}", repr(augmentation.fill)


# Fields that the first records did not have. At their defaults they are left out, so that equal recipes have equal
# records whatever version wrote them.
_LATER = {
    *("beta2", "label_smoothing", "ema", "class_weights", "metric", "perspective", "jitter", "erasing", "length"),
    *("translation_y", "mirror", "masks", "fill"),
    "name",  # an augmentation's; a recipe's has no default
}


def to_json(recipe: Recipe) -> dict[str, Any]:
    """A plain JSON object; `from_json` reads it back to an equal recipe."""
    return typing.cast(dict[str, Any], _plain(recipe))


def _plain(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists, as JSON has them."""
    if dataclasses.is_dataclass(value):
        items = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
        return {name: _plain(item) for name, (item, default) in items.items() if name not in _LATER or item != default}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def from_json(value: dict[str, Any]) -> Recipe:
    """Read what `to_json` wrote. Fields that are left out have their defaults.

    Raises UserError for an unknown key, a missing name, an unknown schedule, or a value out of range.
    """
    if "name" not in value:
        raise UserError("recipe: the key 'name' is missing")
    result: Recipe = _read(Recipe, value, "recipe", "")
    check(result)
    return result


def _read(kind: Any, value: Any, name: str, owner: str) -> Any:
    """A JSON value as the type `kind` of the field `name`; a mistake is named with the object that has the field."""
    parts = typing.get_args(kind)
    if kind in _FORMS:
        form, fits = _FORMS[kind]
        if not fits(value):
            raise UserError(f"{owner}: {name} must be {form}, not {value!r}")
        return tuple(value) if isinstance(value, list) else value
    if type(None) in parts:
        return None if value is None else _read(parts[0], value, name, owner)
    if Ellipsis in parts:
        if not isinstance(value, list | tuple):
            raise UserError(f"recipe: {name} must be a list, not {value!r}")
        return tuple(_read(parts[0], item, name.removesuffix("s"), owner) for item in value)
    if not isinstance(value, dict):
        raise UserError(f"recipe: {name} must be a table of keys and values, not {value!r}")
    if kind == Schedule:
        if value.get("kind") not in SCHEDULES:
            raise UserError(f"recipe: unknown schedule {value.get('kind')!r}, known: {', '.join(SCHEDULES)}")
        kind, name = SCHEDULES[value["kind"]], f"{value['kind']} schedule"
    hints = typing.get_type_hints(kind)
    for key in value:
        if key not in hints:
            near = nearest(key, hints)
            hint = f", did you mean {near}?" if near else f", known: {', '.join(hints)}"
            raise UserError(f"{name}: unknown key {key!r}{hint}")
    return kind(**{key: _read(hints[key], item, key, name) for key, item in value.items()})


def _is_number(value: object, kind: Any = int | float) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


# type of a field -> what to call it, whether a JSON value is one
_FORMS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("text", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: _is_number(value, int)),
    int | None: ("a whole number", lambda value: value is None or _is_number(value, int)),
    float: ("a number", _is_number),
    float | None: ("a number", lambda value: value is None or _is_number(value)),
    tuple[float, float]: (
        "two numbers",
        lambda value: isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)),
    ),
}


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
    if name in RECIPES:
        return RECIPES[name]
    hint = f"did you mean {near}? " if (near := nearest(name, RECIPES)) else ""
    raise UserError(f"unknown recipe {name[:40]!r}: {hint}there are {', '.join(RECIPES)}")


def usual(augmentation: str) -> Recipe:
    """The recipe for data whose recipe nobody named. Raises UserError for an unknown augmentation."""
    if augmentation == "digits":
        return RECIPES[DEFAULT_RECIPE]
    return augmented(RECIPES["onecycle"], augmentation)


def augmented(recipe: Recipe, augmentation: str) -> Recipe:
    """The recipe with one of AUGMENTATIONS. Raises UserError, offering the nearest, for an unknown name."""
    if augmentation in AUGMENTATIONS:
        named = AUGMENTATIONS[augmentation]
        is_same = replace(recipe.augmentation, name=augmentation) == named
        return recipe if is_same else replace(recipe, augmentation=named)
    hint = f"did you mean {near}? " if (near := nearest(augmentation, AUGMENTATIONS)) else ""
    raise UserError(f"unknown augmentation {augmentation[:40]!r}: {hint}there are {', '.join(AUGMENTATIONS)}")


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
