"""Training with the whole step recorded as a CUDA graph; the same step uncaptured where it cannot be recorded.

Recipe, initial weights, order of the images and augmentation are those of the plain loop; on a GPU dropout's masks are
drawn by a generator of the run's own. Several runs may compute at once in threads of one process, each on a stream.
"""

import contextlib
import logging
import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from functools import partial

import torch
from torch import Tensor

from underbudget.models.build import build
from underbudget.models.plan import Plan
from underbudget.search.data.store import Dataset, PartName
from underbudget.search.training import schedule
from underbudget.search.training.averaging import held
from underbudget.search.training.cuda import dropout
from underbudget.search.training.cuda.capture import CaptureFailed, Recording, capture
from underbudget.search.training.cuda.step import StaticStep
from underbudget.search.training.evaluate import Evaluation, evaluate
from underbudget.search.training.geometric_augmentation import Normalizer, random_matrices
from underbudget.search.training.loop import (
    EpochResult,
    OnStep,
    TrainingResult,
    TrainingStopped,
    follow,
    never,
    no_callback,
    resident,
)
from underbudget.search.training.pixel_augmentation import random_pixel_changes
from underbudget.search.training.randomness import Randomness
from underbudget.search.training.recipe import Recipe, resolve, timeline

STEPS_PER_REPLAY = 8  # recorded in one graph: fewer launches, and so less of Python's lock, which all trials share
EVALUATION_BATCH = 2_000  # images

log = logging.getLogger(__name__)


def train(
    plan: Plan,
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    device: str = "cuda",
    should_stop: Callable[[], bool] = never,
    watch: OnStep = no_callback,
) -> Generator[EpochResult | TrainingResult, None, None]:
    """As `search.training.loop.train`, by a static step; recorded where the device is a GPU. On the CPU it computes the
    same, step by step, which is for tests.

    halted and watch: asked and told once per replay, of up to STEPS_PER_REPLAY steps.
    """
    place = torch.device(device)
    stream = torch.cuda.Stream(place) if place.type == "cuda" else None  # type: ignore[no-untyped-call]
    with on(stream):
        run = StaticRun(plan, recipe, seed, dataset, place, watch, stream)
    try:
        yield from follow(
            run, run.recipe, run.randomness, place, backend(place, run.recording is not None), should_stop
        )
    finally:
        run.close()


def backend(place: torch.device, captured: bool) -> str:
    """How a run is computed, as a result's `backend` names it."""
    threads = f" threads={torch.get_num_threads()}" if place.type == "cpu" else ""
    number = "tf32" if place.type == "cuda" and torch.backends.cudnn.allow_tf32 else "float32"
    return f"{place.type} {number} channels_last graph{'' if captured else ' uncaptured'}{threads}"


class StaticRun:
    """A network in training by static steps; a `search.training.loop.TrainingRun`."""

    def __init__(
        self,
        plan: Plan,
        recipe: Recipe,
        seed: int,
        dataset: Dataset,
        place: torch.device,
        watch: OnStep = no_callback,
        stream: torch.cuda.Stream | None = None,
        steps_per_replay: int = STEPS_PER_REPLAY,
    ) -> None:
        """Builds, and records where `place` is a GPU; to be called on `stream`."""
        images, labels = on_device(dataset, "train", place)
        self.validation = on_device(dataset, "validation", place)
        self.recipe = recipe = resolve(recipe, images=len(images), batch_size=recipe.batch_size)
        assert recipe.batch_size is not None  # resolved
        self.watch, self.classes = watch, len(dataset.info.classes)
        self.randomness = OwnRandomness(seed)
        self.timeline = timeline(recipe, len(images))
        self.monitored: list[float] = []  # validation losses of the epochs so far
        self.stream = stream
        with self.randomness.building():
            model = build(plan).to(place).to(memory_format=torch.channels_last)
            drawn, key = torch.get_rng_state(), int(torch.randint(2**63 - 1, ()))
        generator = torch.Generator(place)
        generator.set_state(drawn) if place.type == "cpu" else generator.manual_seed(key)
        dropout.draw_from(model, generator)
        normalize = Normalizer(dataset.info.mean, dataset.info.std, place)
        self.step = StaticStep(model, recipe, images, labels, normalize, self.timeline.steps_per_epoch, generator)
        self.schedule = replays(len(images), recipe.batch_size, self.timeline.steps_per_epoch, steps_per_replay)
        self.recording: Recording | None = None
        if place.type == "cuda":
            self._record()

    def close(self) -> None:
        """Give back what was recorded."""
        if self.stream is not None:
            self.stream.synchronize()
        if self.recording is not None:
            self.recording.close()

    def epoch(self, epoch: int, should_stop: Callable[[], bool]) -> tuple[float, float]:
        with on(self.stream):
            return self._epoch(epoch, should_stop)

    def validate(self) -> Evaluation:
        with on(self.stream), held(self.step.average):
            result = evaluate(
                self.step.model, *self.validation, self.step.prepare, self.classes, batch=EVALUATION_BATCH
            )
        self.monitored.append(result.loss)
        return result

    def state(self) -> dict[str, Tensor]:
        with on(self.stream), held(self.step.average):
            return {
                name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
                for name, tensor in self.step.model.state_dict().items()
            }

    def _epoch(self, epoch: int, should_stop: Callable[[], bool]) -> tuple[float, float]:
        recipe, step = self.recipe, self.step
        count, size = len(step.images), (step.images.shape[-2], step.images.shape[-1])
        order = torch.randperm(count, generator=self.randomness.order)
        matrices = random_matrices(recipe.augmentation, count, size, self.randomness.augmentation)
        pixel_changes = random_pixel_changes(recipe.augmentation, count, size, self.randomness.augmentation)
        steps = self.timeline.steps_per_epoch
        rows = []
        for number in range((epoch - 1) * steps, epoch * steps):
            pace = schedule.at(recipe.schedule, number, self.timeline, recipe.lr, recipe.momentum, self.monitored)
            rows.append(step.row(number, *pace))
        step.begin(order, matrices, pixel_changes, torch.tensor(rows, dtype=torch.float32))
        done = shown = 0
        for images, repeats in self.schedule:
            if should_stop():
                raise TrainingStopped
            if self.recording is not None:
                self.recording.replay((images, repeats))
            else:
                for _ in range(repeats):
                    step(images)
            done, shown = done + repeats, shown + images * repeats
            self.watch(done, steps, partial(step.reading, shown))
        if self.stream is not None:
            self.stream.synchronize()  # lets other threads go on meanwhile
        return step.reading(count)

    def _record(self) -> None:
        before = self.step.generator.get_state()
        try:
            self.recording = capture(self.step, list(dict.fromkeys(self.schedule)), torch.cuda.CUDAGraph)
        except CaptureFailed as reason:
            log.warning("the step is not recorded as a CUDA graph, training goes on without, slower: %s", reason)
            # The old generator may still take itself for one that is being recorded.
            self.step.generator = torch.Generator(self.step.images.device)
            self.step.generator.set_state(before)
            dropout.draw_from(self.step.model, self.step.generator)


class OwnRandomness(Randomness):
    """The streams of a run that leaves torch's global generators alone while it computes: other threads may use them at
    the same time."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, torch.device("cpu"))

    def building(self) -> AbstractContextManager[None]:
        """The CPU's global generator is this run's within the block, for the weights to be drawn from."""
        return super().active()

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        yield


def replays(images: int, batch: int, steps: int, most: int) -> list[tuple[int, int]]:
    """(images per step, steps) of each replay of an epoch of so many steps, with at most `most` steps in one.

    The last step is of another size where the batch does not divide the images.
    """
    last = images - (steps - 1) * batch
    full = steps if last == batch else steps - 1
    result = [(batch, most)] * (full // most) + [(batch, 1)] * (full % most)
    return result if last == batch else [*result, (last, 1)]


def on(stream: torch.cuda.Stream | None) -> AbstractContextManager[object]:
    """The stream is the current one of this thread within the block; None leaves things as they are."""
    return contextlib.nullcontext() if stream is None else torch.cuda.stream(stream)


_uploading = threading.Lock()
_uploaded: dict[tuple[object, ...], tuple[Tensor, Tensor]] = {}


def on_device(dataset: Dataset, name: PartName, place: torch.device) -> tuple[Tensor, Tensor]:
    """(images, labels) of a part; on a GPU one copy for all runs of this process, while they use the same data set."""
    part = dataset.part(name)
    if place.type != "cuda":
        return resident(part, place)
    checksum = dataset.info.checksum
    key = (checksum, str(place), name, part.images.shape, zlib.crc32(part.labels.tobytes()))
    with _uploading:
        for other in [other for other in _uploaded if other[0] != checksum]:
            del _uploaded[other]
        if key not in _uploaded:
            _uploaded[key] = resident(part, place)
            torch.cuda.current_stream(place).synchronize()  # from now on any stream may read it
        return _uploaded[key]
