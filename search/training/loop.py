"""The training loop that all backends share, and the plain one: float32, eager torch, the reference for the others.

The same plan, recipe, seed and data give the same bits on a processor of the same type with the same torch and one
thread. What the loop does and leaves open is described in docs/training.md.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from underbudget.models.build import build
from underbudget.models.errors import UnderbudgetError
from underbudget.models.plan import Plan
from underbudget.search.data.store import Dataset, PartName
from underbudget.search.training import environment, schedule
from underbudget.search.training.evaluate import EVALUATION_BATCH, Evaluation, evaluate, on_device
from underbudget.search.training.geometric_augmentation import Normalizer, fill_of, random_matrices, transform_images
from underbudget.search.training.optimizers import Average, average_of, held, optimizer_of, set_pace
from underbudget.search.training.pixel_augmentation import change_pixels, random_pixel_changes
from underbudget.search.training.randomness import Randomness
from underbudget.search.training.recipe import Recipe
from underbudget.search.training.run_length import resolve, timeline


class TrainingDiverged(UnderbudgetError):  # noqa: N818, a result rather than an error
    """The loss is not a finite number any more. The same run would diverge again, so it is not worth a retry."""


class TrainingStopped(Exception):  # noqa: N818, a request rather than an error
    """Raised by a run's epoch when `should_stop` said so; `results` catches it."""


def never() -> bool:
    """The `should_stop` of a caller who lets the run come to its end."""
    return False


# Called after each optimiser step: the step within its epoch, from 1; the steps of an epoch; a function that gives the
# running (mean loss in nats, percent right) of the epoch, which on a GPU waits for the device.
OnStep = Callable[[int, int, Callable[[], tuple[float, float]]], None]


def no_callback(step: int, steps: int, running: Callable[[], tuple[float, float]]) -> None:
    """The `on_step` of a caller who waits for the end of an epoch."""


@dataclass(frozen=True)
class EpochResult:
    """One finished epoch. Losses are mean cross-entropies in nats, accuracies percent."""

    epoch: int  # from 1
    train_loss: float  # running mean during the epoch, in train mode, augmentation, dropout and label smoothing on
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float  # training and validation of this epoch
    # The state dict that was validated, as in TrainingResult; to be asked for before the next epoch is begun.
    state: Callable[[], dict[str, Tensor]] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class TrainingResult:
    """A finished run."""

    state: dict[str, Tensor]  # state dict on the CPU; float32, but for batch norm's counters (int64)
    confusion: list[list[int]]  # validation counts [true][predicted], last epoch
    seconds: float  # all epochs together
    backend: str  # how it was computed, e.g. "cpu float32 channels_last plain threads=1"
    device: str
    hardware: str  # name of the processor or GPU
    versions: dict[str, str]


Results = Generator[EpochResult | TrainingResult, None, None]


class TrainingRun(ABC):
    """A network in training: data, random numbers, schedule. Each backend has a subclass."""

    average: Average | None  # of the weights, which is evaluated and kept in their place
    steps_at_once = 1  # at most, in one call of `advance`

    def __init__(
        self,
        plan: Plan,
        recipe: Recipe,
        seed: int,
        dataset: Dataset,
        place: torch.device,
        on_step: OnStep = no_callback,
    ) -> None:
        """Raises UserError for a recipe that does not fit the data."""
        self.plan, self.info, self.place, self.on_step = plan, dataset.info, place, on_step
        self.randomness = self.seeded(seed)
        self.monitored: list[float] = []  # validation losses of the epochs so far
        with self.computing():
            self.images, self.labels = self.load(dataset, "train")
            self.validation = self.load(dataset, "validation")
            self.recipe = resolve(recipe, images=len(self.images), batch_size=recipe.batch_size)
            self.batch_size = self.recipe.batch_size or 0  # 0 never: it is resolved
            self.timeline = timeline(self.recipe, len(self.images))
            self.class_weights = class_weights(self.recipe, self.labels, len(self.info.classes))
            self.fill = fill_of(self.recipe.augmentation, self.info.mean, self.place)
            self.set_up()

    @property
    def backend(self) -> str:
        """How the run computes, as a result records it."""
        return self.describe(self.place)

    @staticmethod
    @abstractmethod
    def describe(place: torch.device, captured: bool = True) -> str:
        """How a run computes here, as a result records it. captured: whether its step is a CUDA graph."""

    @abstractmethod
    def set_up(self) -> None:
        """Build the network and its optimiser; set `average`."""

    def seeded(self, seed: int) -> Randomness:
        """The run's random streams."""
        return Randomness(seed, self.place)

    def drawing(self) -> AbstractContextManager[None]:
        """Lets what draws from torch's global generators draw from the run's own."""
        return self.randomness.active()

    def computing(self) -> AbstractContextManager[object]:
        """What is in place while the run computes."""
        return nullcontext()

    def load(self, dataset: Dataset, part: PartName) -> tuple[Tensor, Tensor]:
        """(images, labels) of a part where the run computes."""
        return on_device(dataset.part(part), self.place)

    def results(self, should_stop: Callable[[], bool] = never) -> Results:
        """Train to the end, as `train` describes it."""
        seconds = 0.0
        for epoch in range(1, self.recipe.epochs + 1):
            started = time.perf_counter()
            try:
                with self.drawing():
                    train_loss, train_accuracy = self.epoch(epoch, should_stop)
                    if should_stop():
                        return
                    evaluated = self.validate()
            except TrainingStopped:
                return
            if not math.isfinite(train_loss + evaluated.loss):
                part = "validation" if math.isfinite(train_loss) else "training"
                raise TrainingDiverged(
                    f"the {part} loss is not finite in epoch {epoch}: try a lower learning rate (--lr)"
                )
            elapsed = time.perf_counter() - started
            seconds += elapsed
            accuracy = evaluated.score(self.recipe.metric)
            yield EpochResult(epoch, train_loss, train_accuracy, evaluated.loss, accuracy, elapsed, self.state)
        yield TrainingResult(
            state=self.state(),
            confusion=evaluated.confusion,
            seconds=seconds,
            backend=self.backend,
            device=str(self.place),
            hardware=environment.hardware(self.place),
            versions=environment.versions(),
        )

    def epoch(self, epoch: int, should_stop: Callable[[], bool]) -> tuple[float, float]:
        """One pass over the train part in a new random order, epochs counted from 1: (mean loss, percent right),
        measured on the way. Raises TrainingStopped before the optimiser step at which `should_stop` says true."""
        steps, done, seen = self.timeline.steps_per_epoch, 0, 0
        with self.computing():
            self.begin(epoch)
            for size, repeats in batches(len(self.images), self.batch_size, steps, self.steps_at_once):
                if should_stop():
                    raise TrainingStopped
                self.advance((epoch - 1) * steps + done, slice(seen, seen + size * repeats), repeats)
                done, seen = done + repeats, seen + size * repeats
                self.on_step(done, steps, partial(self.running, seen))
            return self.running(seen)

    def begin(self, epoch: int) -> None:
        """Draw an epoch's random numbers and set its sums of losses and right answers to zero."""
        count, size = len(self.images), (self.images.shape[-2], self.images.shape[-1])
        augmentation, source = self.recipe.augmentation, self.randomness.augmentation
        self.order = torch.randperm(count, generator=self.randomness.order)
        # of the images in that order
        self.matrices = random_matrices(augmentation, count, size, source)
        self.pixel_changes = random_pixel_changes(augmentation, count, size, source)

    def pace(self, number: int) -> tuple[float, float]:
        """(learning rate, momentum) of optimiser step `number` of the run, from 0."""
        recipe = self.recipe
        return schedule.at(recipe.schedule, number, self.timeline, recipe.lr, recipe.momentum, self.monitored)

    def validate(self) -> Evaluation:
        """Evaluate the network on the validation part, which a plateau schedule then follows."""
        with self.computing(), held(self.average):
            result = self.evaluate()
        self.monitored.append(result.loss)
        return result

    def state(self) -> dict[str, Tensor]:
        """The network's state dict: contiguous copies on the CPU."""
        with self.computing(), held(self.average):
            return self.state_dict()

    @abstractmethod
    def advance(self, number: int, batch: slice, steps: int) -> None:
        """Take `steps` optimiser steps, of which `number` is the first, counted from 0 over the whole run, on equally
        many images each: together those at the places `batch` of the epoch's order."""

    @abstractmethod
    def running(self, images: int) -> tuple[float, float]:
        """(mean loss, percent right) of the epoch's first `images` images. On a GPU it waits for the device."""

    @abstractmethod
    def evaluate(self) -> Evaluation:
        """The network as it stands on the validation part."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """Contiguous copies on the CPU."""

    def close(self) -> None:  # noqa: B027, few have something to give back
        """Give back what the run holds besides memory."""


def class_weights(recipe: Recipe, labels: Tensor, classes: int) -> Tensor | None:
    """The weight of each class in the loss, float32 (classes,), or None where all count alike.

    Balanced: n / (K n_c) for n images of K classes, n_c of them of the class, as scikit-learn has it; 0 without any.
    """
    if recipe.class_weights == "none":
        return None
    counts = torch.bincount(labels, minlength=classes).double()
    return torch.where(counts > 0, counts.sum() / (int((counts > 0).sum()) * counts), 0.0).float()


def batches(images: int, size: int, steps: int, at_once: int) -> list[tuple[int, int]]:
    """(images per step, steps) of an epoch of so many steps, cut into runs of at most `at_once` equally large ones.

    The last step is of another size where batches of `size` do not divide the images: a lone image joins it.
    """
    last = images - (steps - 1) * size
    full = steps if last == size else steps - 1
    result = [(size, at_once)] * (full // at_once) + [(size, 1)] * (full % at_once)
    return result if last == size else [*result, (last, 1)]


def threads_of(place: torch.device) -> str:
    """The number of threads, as a result records it."""
    return f" threads={torch.get_num_threads()}" if place.type == "cpu" else ""


class TorchRun(TrainingRun):
    """A run whose network is a torch module."""

    model: nn.Sequential
    evaluation_batch = EVALUATION_BATCH

    def build(self) -> nn.Sequential:
        """The network with its initial weights."""
        self.normalize = Normalizer(self.info.mean, self.info.std, self.place)
        return build(self.plan).to(self.place).to(memory_format=torch.channels_last)

    def evaluate(self) -> Evaluation:
        classes = len(self.info.classes)
        return evaluate(self.model, *self.validation, self.normalize, classes, self.evaluation_batch)

    def state_dict(self) -> dict[str, Tensor]:
        return {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in self.model.state_dict().items()
        }


class PlainRun(TorchRun):
    """The plain backend, on any device."""

    @staticmethod
    def describe(place: torch.device, captured: bool = True) -> str:
        return f"{place.type} float32 channels_last plain{threads_of(place)}"

    def set_up(self) -> None:
        with self.randomness.active():
            self.model = self.build()
        self.optimizer = optimizer_of(self.recipe, list(self.model.parameters()))
        self.average = average_of(self.recipe, self.model.state_dict().values())

    def begin(self, epoch: int) -> None:
        super().begin(epoch)
        self.losses: list[Tensor] = []
        self.hits: list[Tensor] = []

    def advance(self, number: int, batch: slice, steps: int) -> None:
        set_pace(self.optimizer, *self.pace(number))
        index = self.order[batch].to(self.place)
        pixels, labels = self.images[index], self.labels[index]
        if self.matrices is not None:
            perspective = self.recipe.augmentation.perspective is not None
            pixels = transform_images(pixels.float(), self.matrices[batch].to(self.place), perspective, self.fill)
        if self.pixel_changes is not None:
            pixels = change_pixels(pixels.float(), self.pixel_changes[batch].to(self.place), self.fill)
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(self.normalize(pixels))
        smoothing = self.recipe.label_smoothing
        loss = functional.cross_entropy(logits, labels, self.class_weights, label_smoothing=smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.average:
            self.average.update()
        self.losses.append(loss.detach() * len(labels))
        self.hits.append((logits.detach().argmax(1) == labels).sum())

    def running(self, images: int) -> tuple[float, float]:
        loss = torch.stack(self.losses).cpu().double().sum().item()
        return loss / images, 100 * torch.stack(self.hits).sum().item() / images


def train(
    plan: Plan,
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    device: str = "cpu",
    should_stop: Callable[[], bool] = never,
    on_step: OnStep = no_callback,
    run_class: type[TrainingRun] = PlainRun,
) -> Results:
    """Train a network on the train part and validate it after each epoch.

    An iterator: one EpochResult per epoch, then one TrainingResult. Closing it earlier ends the run. Between two
    results nothing of the run is left in torch's global random state. The number of threads is the caller's to set.

    should_stop: asked before each optimiser step and each validation, so it must be cheap; once it says true, the
    iterator ends without a TrainingResult. on_step: called after each optimiser step. run_class: the backend.

    Raises TrainingDiverged when the loss of an epoch is not finite, UserError for a recipe that does not fit the data.
    """
    run = run_class(plan, recipe, seed, dataset, torch.device(device), on_step)
    try:
        yield from run.results(should_stop)
    finally:
        run.close()
