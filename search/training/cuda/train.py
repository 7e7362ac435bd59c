"""The graph backend: the whole training step recorded as a CUDA graph, or uncaptured where it cannot be recorded.

Recipe, initial weights, order of the images and augmentation are those of the plain loop; on a GPU dropout has other
masks. Several runs may compute at once in threads of one process, each on a stream.
"""

import logging
import threading
import zlib
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property

import torch
from torch import Tensor

from underbudget.search.data.store import Dataset, PartName
from underbudget.search.training import evaluate
from underbudget.search.training.cuda.capture import CaptureFailed, Recording, capture
from underbudget.search.training.cuda.step import StaticStep, draw_from
from underbudget.search.training.loop import TorchRun, batches, threads_of
from underbudget.search.training.randomness import Randomness

log = logging.getLogger(__name__)


class StaticRun(TorchRun):
    """A run of the graph backend; on the CPU, for tests, the same step by step.

    `should_stop` is asked and `on_step` called once per replay, of up to `steps_at_once` steps.
    """

    steps_at_once = 8  # recorded in one graph: fewer launches, and so less of Python's lock, which all trials share
    evaluation_batch = 2_000

    @cached_property
    def stream(self) -> torch.cuda.Stream | None:
        """The run's own; None on the CPU."""
        return torch.cuda.Stream(self.place) if self.place.type == "cuda" else None  # type: ignore[no-untyped-call]

    def computing(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self.stream) if self.stream is not None else nullcontext()

    @property
    def backend(self) -> str:
        return self.describe(self.place, self.recording is not None)

    @staticmethod
    def describe(place: torch.device, captured: bool = True) -> str:
        number = "tf32" if place.type == "cuda" and torch.backends.cudnn.allow_tf32 else "float32"
        return f"{place.type} {number} channels_last graph{'' if captured else ' uncaptured'}{threads_of(place)}"

    def seeded(self, seed: int) -> Randomness:
        return Randomness(seed, torch.device("cpu"))

    def drawing(self) -> AbstractContextManager[None]:
        return nullcontext()  # dropout has its own generator: the global ones are left to other threads

    def load(self, dataset: Dataset, part: PartName) -> tuple[Tensor, Tensor]:
        return on_device(dataset, part, self.place)

    def set_up(self) -> None:
        with self.randomness.active():
            self.model = self.build()
            drawn, key = torch.get_rng_state(), int(torch.randint(2**63 - 1, ()))
        generator = torch.Generator(self.place)
        generator.set_state(drawn) if self.place.type == "cpu" else generator.manual_seed(key)
        draw_from(self.model, generator)
        self.static_step = StaticStep(self, generator)
        self.average = self.static_step.average
        self.recording: Recording | None = None
        if self.place.type == "cuda":
            self.record()

    def record(self) -> None:
        """Record the step, if it can be."""
        step = self.static_step
        before = step.generator.get_state()
        sizes = batches(len(self.images), self.batch_size, self.timeline.steps_per_epoch, self.steps_at_once)
        try:
            self.recording = capture(step, list(dict.fromkeys(sizes)), torch.cuda.CUDAGraph)
        except CaptureFailed as reason:
            log.warning("the step is not recorded as a CUDA graph, training goes on without, slower: %s", reason)
            # The old generator may still take itself for one that is being recorded.
            step.generator = torch.Generator(self.place)
            step.generator.set_state(before)
            draw_from(self.model, step.generator)

    def close(self) -> None:
        if self.stream is not None:
            self.stream.synchronize()
        if self.recording is not None:
            self.recording.close()

    def begin(self, epoch: int) -> None:
        super().begin(epoch)
        steps = self.timeline.steps_per_epoch
        numbers = range((epoch - 1) * steps, epoch * steps)
        rows = torch.tensor([self.static_step.row(number, *self.pace(number)) for number in numbers])
        self.static_step.begin(self.order, self.matrices, self.pixel_changes, rows)

    def advance(self, number: int, batch: slice, steps: int) -> None:
        size = (batch.stop - batch.start) // steps
        if self.recording is not None:
            self.recording.replay((size, steps))
        else:
            for _ in range(steps):
                self.static_step(size)

    def running(self, images: int) -> tuple[float, float]:
        if self.stream is not None:
            self.stream.synchronize()  # lets other threads go on meanwhile
        return self.static_step.running(images)


_uploading = threading.Lock()
_uploaded: dict[tuple[object, ...], tuple[Tensor, Tensor]] = {}


def on_device(dataset: Dataset, name: PartName, place: torch.device) -> tuple[Tensor, Tensor]:
    """(images, labels) of a part; on a GPU one copy for all runs of this process, while they use the same data set."""
    part = dataset.part(name)
    if place.type != "cuda":
        return evaluate.on_device(part, place)
    checksum = dataset.info.checksum
    key = (checksum, str(place), name, part.images.shape, zlib.crc32(part.labels.tobytes()))
    with _uploading:
        for other in [other for other in _uploaded if other[0] != checksum]:
            del _uploaded[other]
        if key not in _uploaded:
            _uploaded[key] = evaluate.on_device(part, place)
            torch.cuda.current_stream(place).synchronize()  # from now on any stream may read it
        return _uploaded[key]
