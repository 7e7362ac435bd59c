"""A recipe: how a network is trained, without its seed, and the rules that its numbers keep. Plain data, no torch."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from underbudget.models.errors import UserError
from underbudget.models.metrics import METRICS
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
