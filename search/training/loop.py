"""The plain training loop: float32, eager torch, one process. The reference that every faster backend is compared with.

The same plan, recipe, seed and data give the same bits on a processor of the same type with the same torch and one
thread. What the loop does and leaves open is described in docs/training.md.
"""

import math
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import Module, functional

from underbudget.models.build import build
from underbudget.models.errors import UnderbudgetError
from underbudget.models.plan import Plan
from underbudget.search.data.store import Dataset, Part
from underbudget.search.training import environment, schedule
from underbudget.search.training.averaging import average_of, held
from underbudget.search.training.evaluate import Evaluation, evaluate
from underbudget.search.training.geometric_augmentation import Normalizer, random_matrices, transform_images
from underbudget.search.training.optimizers import optimizer_of, set_pace
from underbudget.search.training.pixel_augmentation import change_pixels, random_pixel_changes
from underbudget.search.training.randomness import Randomness
from underbudget.search.training.recipe import Recipe, resolve, timeline


class TrainingDiverged(UnderbudgetError):  # noqa: N818, a result rather than an error
    """The loss is not a finite number any more. The same run would diverge again, so it is not worth a retry."""


class TrainingStopped(Exception):  # noqa: N818, a request rather than an error
    """Raised by a run's epoch when `halted` said so; `follow` catches it."""


def never() -> bool:
    """The answer of a caller who lets the run come to its end."""
    return False


# Told after each optimiser step: the step within its epoch, from 1; the steps of an epoch; a reading of the running
# (mean loss in nats, percent right) of the epoch, which costs time on a GPU and so is taken only by who wants it.
OnStep = Callable[[int, int, Callable[[], tuple[float, float]]], None]


def no_callback(step: int, steps: int, reading: Callable[[], tuple[float, float]]) -> None:
    """The watch of a caller who waits for the end of an epoch."""


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
    """What is left of a finished run."""

    state: dict[str, Tensor]  # state dict on the CPU; float32, but for batch norm's counters (int64)
    confusion: list[list[int]]  # validation counts [true][predicted], last epoch
    seconds: float  # all epochs together
    backend: str  # how it was computed, e.g. "cpu float32 channels_last plain threads=1"
    device: str
    hardware: str  # name of the processor or GPU
    versions: dict[str, str]


def train(
    plan: Plan,
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    device: str = "cpu",
    should_stop: Callable[[], bool] = never,
    watch: OnStep = no_callback,
) -> Generator[EpochResult | TrainingResult, None, None]:
    """Train a network on the train part and validate it after each epoch.

    An iterator: one EpochResult per epoch, then one TrainingResult. Closing it earlier ends the run. Between two
    results nothing of the run is left in torch's global random state. The number of threads is the caller's to set.

    halted: asked before each optimiser step and each validation, so it must be cheap; once it says true, the iterator
    ends without a TrainingResult. A run that is not halted computes the same bits whoever asks.
    watch: told after each optimiser step.

    Raises TrainingDiverged when the training or validation loss of an epoch is not finite, UserError for a recipe that
    does not fit the data.
    """
    place = torch.device(device)
    images, labels = resident(dataset.part("train"), place)
    recipe = resolve(recipe, images=len(images), batch_size=recipe.batch_size)
    randomness = Randomness(seed, place)
    with randomness.active():
        model = build(plan).to(place).to(memory_format=torch.channels_last)
    normalize = Normalizer(dataset.info.mean, dataset.info.std, place)
    validation = resident(dataset.part("validation"), place)
    run = _Run(model, recipe, randomness, images, labels, validation, len(dataset.info.classes), normalize, watch)
    yield from follow(run, recipe, randomness, place, environment.backend(place), should_stop)


class TrainingRun(Protocol):
    """A network in training, on whatever backend."""

    def epoch(self, epoch: int, should_stop: Callable[[], bool]) -> tuple[float, float]:
        """One pass over the train part, epochs counted from 1: (mean loss, percent right), measured on the way.

        Raises Halted before the optimiser step at which `halted` says true.
        """

    def validate(self) -> Evaluation:
        """The network in eval mode on the validation part."""

    def state(self) -> dict[str, Tensor]:
        """The network's state dict: contiguous copies on the CPU."""


def follow(
    run: TrainingRun,
    recipe: Recipe,
    randomness: Randomness,
    place: torch.device,
    backend: str,
    should_stop: Callable[[], bool] = never,
) -> Generator[EpochResult | TrainingResult, None, None]:
    """The results of a run, as `train` yields them. recipe: resolved; backend: how the run computes."""
    seconds = 0.0
    for epoch in range(1, recipe.epochs + 1):
        started = time.perf_counter()
        try:
            with randomness.active():
                train_loss, train_accuracy = run.epoch(epoch, should_stop)
                if should_stop():
                    return
                evaluated = run.validate()
        except TrainingStopped:
            return
        if not math.isfinite(train_loss + evaluated.loss):
            part = "validation" if math.isfinite(train_loss) else "training"
            raise TrainingDiverged(f"the {part} loss is not finite in epoch {epoch}: try a lower learning rate (--lr)")
        elapsed = time.perf_counter() - started
        seconds += elapsed
        yield EpochResult(epoch, train_loss, train_accuracy, evaluated.loss, evaluated.accuracy, elapsed, run.state)

    yield TrainingResult(
        state=run.state(),
        confusion=evaluated.confusion,
        seconds=seconds,
        backend=backend,
        device=str(place),
        hardware=environment.hardware(place),
        versions=environment.versions(),
    )


class _Run:
    """A network in training: model, optimiser, data and where the schedule stands."""

    def __init__(
        self,
        model: Module,
        recipe: Recipe,
        randomness: Randomness,
        images: Tensor,
        labels: Tensor,
        validation: tuple[Tensor, Tensor],
        classes: int,
        normalize: Normalizer,
        watch: OnStep = no_callback,
    ) -> None:
        assert recipe.batch_size is not None  # resolved
        self.watch = watch
        self.model, self.recipe, self.randomness = model, recipe, randomness
        self.images, self.labels, self.normalize = images, labels, normalize
        self.validation, self.classes = validation, classes
        self.batch_size = recipe.batch_size
        self.timeline = timeline(recipe, len(images))
        self.optimizer = optimizer_of(recipe, list(model.parameters()))
        self.average = average_of(recipe, model.state_dict().values())
        self.monitored: list[float] = []  # validation losses of the epochs so far

    def epoch(self, epoch: int, should_stop: Callable[[], bool]) -> tuple[float, float]:
        """One pass over the images in a new random order: (mean loss, percent right), measured on the way."""
        recipe, images, count = self.recipe, self.images, len(self.images)
        order = torch.randperm(count, generator=self.randomness.order)
        size = (images.shape[-2], images.shape[-1])
        matrices = random_matrices(recipe.augmentation, count, size, self.randomness.augmentation)
        pixel_changes = random_pixel_changes(recipe.augmentation, count, size, self.randomness.augmentation)
        losses, hits = [], []
        steps = self.timeline.steps_per_epoch
        for index in range(steps):
            if should_stop():
                raise TrainingStopped
            start = index * self.batch_size
            stop = count if index == steps - 1 else start + self.batch_size  # the last takes a lone image along
            batch = order[start:stop].to(images.device)
            pixels = images[batch]
            if matrices is not None:
                maps = matrices[start:stop].to(images.device)
                pixels = transform_images(pixels.float(), maps, recipe.augmentation.perspective is not None)
            if pixel_changes is not None:
                pixels = change_pixels(pixels.float(), pixel_changes[start:stop].to(images.device))
            labels = self.labels[batch]
            loss, logits = self.step((epoch - 1) * steps + index, self.prepare(pixels), labels)
            losses.append(loss * len(labels))
            hits.append((logits.argmax(1) == labels).sum())
            self.watch(index + 1, steps, partial(_running, losses, hits, stop))
        return _running(losses, hits, count)  # once per epoch: on a GPU each reading waits for the device

    def step(self, number: int, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One optimiser step: (loss, logits), both without their graph."""
        recipe = self.recipe
        set_pace(
            self.optimizer,
            *schedule.at(recipe.schedule, number, self.timeline, recipe.lr, recipe.momentum, self.monitored),
        )
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(inputs)
        loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.average:
            self.average.update()
        return loss.detach(), logits.detach()

    def validate(self) -> Evaluation:
        with held(self.average):
            result = evaluate(self.model, *self.validation, self.prepare, self.classes)
        self.monitored.append(result.loss)
        return result

    def state(self) -> dict[str, Tensor]:
        with held(self.average):
            return {
                name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
                for name, tensor in self.model.state_dict().items()
            }

    def prepare(self, images: Tensor) -> Tensor:
        """From pixels 0..255 to the model's input."""
        return self.normalize(images).contiguous(memory_format=torch.channels_last)


def _running(losses: list[Tensor], hits: list[Tensor], count: int) -> tuple[float, float]:
    """(mean loss, percent right) over the `count` images of some steps."""
    return (
        torch.stack(losses).cpu().double().sum().item() / count,
        100 * torch.stack(hits).sum().item() / count,
    )


def resident(part: Part, device: torch.device) -> tuple[Tensor, Tensor]:
    """(images, labels) of a part on a device. On the CPU they share the memory-mapped file; they are never written."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels)
    return images.to(device), labels.to(device, torch.int64)
