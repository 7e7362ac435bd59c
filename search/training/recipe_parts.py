"""What a recipe is made of, as frozen plain data, and the rules that its numbers keep. No torch."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from underbudget.models.errors import UserError
from underbudget.search.training.schedule import Constant, Cosine, OneCycle, Plateau, Schedule, StepDecay

OPTIMIZERS = ("sgd", "adam", "adamw")
LEAST_BATCH = 2  # batch norm cannot train on one value per channel


@dataclass(frozen=True)
class Affine:
    """One random affine map of an image about its centre, with the meaning of torchvision's `RandomAffine`."""

    rotation: float = 0.0  # degrees; the angle is uniform in -rotation..rotation
    shear: float = 0.0  # degrees; x-shear, uniform in -shear..shear
    translation: float = 0.0  # share of width and height, uniform to both sides, rounded to whole pixels
    scale: tuple[float, float] = (1.0, 1.0)  # uniform between the two


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
class Augmentation:
    """What is done to a training image each time it is shown, in the order of the fields."""

    warps: tuple[Affine, ...] = ()  # in this order; with the perspective composed into one interpolation
    perspective: Perspective | None = None
    jitter: Jitter | None = None
    erasing: Erasing | None = None


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
    ema: float = 0.0  # decay per step of the averaged weights, which are judged and kept; 0: no averaging


def check(recipe: Recipe) -> None:
    """Raise UserError, with the rule and the value, where a number is out of its range."""
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
    optimizer = recipe.optimizer
    yield optimizer in OPTIMIZERS, f"the optimizer must be {', '.join(OPTIMIZERS[:-1])} or adamw", repr(optimizer)
    yield 0 <= recipe.momentum < 1, "momentum must be at least 0 and under 1", recipe.momentum
    yield optimizer == "sgd" or not recipe.nesterov, "nesterov needs the optimizer sgd", optimizer
    yield recipe.momentum > 0 or not recipe.nesterov, "nesterov needs a momentum over 0", recipe.momentum
    yield 0 <= recipe.weight_decay < math.inf, "the weight decay must be at least 0", recipe.weight_decay
    yield 0 <= recipe.beta2 < 1, "beta2 must be at least 0 and under 1", recipe.beta2
    yield 0 <= recipe.label_smoothing < 1, "label_smoothing must be at least 0 and under 1", recipe.label_smoothing
    yield 0 <= recipe.ema < 1, "ema, a decay, must be at least 0 and under 1", recipe.ema
    yield from _schedule_rules(recipe.schedule)
    yield from _augmentation_rules(recipe.augmentation)


def _schedule_rules(schedule: Schedule) -> Iterator[tuple[bool, str, object]]:
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


def _augmentation_rules(augmentation: Augmentation) -> Iterator[tuple[bool, str, object]]:
    for warp in augmentation.warps:
        yield warp.rotation >= 0, "rotation must be at least 0", warp.rotation
        yield 0 <= warp.shear < 90, "shear must be at least 0 and under 90", warp.shear
        yield 0 <= warp.translation <= 1, "translation must be from 0 to 1", warp.translation
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
