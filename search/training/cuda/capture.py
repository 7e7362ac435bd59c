"""A static step recorded as CUDA graphs: one call launches all kernels of one or several steps.

Traps that this file minds (PyTorch documentation, "CUDA graphs"):

- A capture belongs to one stream, but until torch 2.12 (pytorch/pytorch#176753) it changes the state of the device's
  global generator, at which replays in other threads then fail, and destroying another graph meanwhile can fail in
  newer versions too (#176754). So replays and destructions go on side by side, a capture alone, and nobody draws from
  the global generator during one.
- Other threads go on otherwise: errors are those of the capturing thread only ("thread_local").
- Warm-up steps come first, on the same stream, and are undone.
- Dropout's generator is registered with every graph, so that replays draw from it as plain steps would.
- Python's garbage collector rests: freeing another trial's graph in the middle of a capture would spoil it.
"""

import gc
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from underbudget.search.training.cuda.step import StaticStep
from underbudget.search.training.randomness import global_generators


class Gate:
    """Lets many pass at the same time, or one alone, who need not wait for newcomers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._passing = 0
        self._alone = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Within the block nobody is alone. It should be short."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._passing += 1
        try:
            yield
        finally:
            with self._changed:
                self._passing -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block nobody else is in one."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: self._passing == 0)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()


gate = Gate()


class CaptureFailed(Exception):  # noqa: N818, a reason rather than an error
    """The step cannot be recorded here; the message says why, on one line. The step is as it was before."""


class Recording:
    """A step as graphs: so many steps of so many images each."""

    def __init__(self, graphs: dict[tuple[int, int], torch.cuda.CUDAGraph]) -> None:
        self._graphs = graphs

    def replay(self, length: tuple[int, int]) -> None:
        """Launch the steps of `length`, (images, steps), on the current stream, and do not wait for them."""
        with gate.passing():
            self._graphs[length].replay()

    def close(self) -> None:
        """Destroy the graphs. Nothing of them may be under way any more."""
        with gate.passing():
            while self._graphs:
                self._graphs.popitem()[1].reset()


def capture(
    step: StaticStep, lengths: Sequence[tuple[int, int]], new_graph: Callable[[], torch.cuda.CUDAGraph]
) -> Recording:
    """Record the step for each (images, steps) of `lengths`, on the current stream.

    Raises CaptureFailed; where memory is short, torch's own error, since another try with fewer trials may go well.
    """
    step.rehearse(sorted({size for size, _ in lengths}, reverse=True))
    if step.images.is_cuda:
        torch.cuda.current_stream().synchronize()  # what fails in the warm-up fails here, and not in the capture
    graphs: dict[tuple[int, int], torch.cuda.CUDAGraph] = {}
    with global_generators, gate.alone(), _no_collection():
        pool = None
        for size, steps in lengths:
            graphs[size, steps] = graph = new_graph()
            try:
                # The graphs of a run follow each other on one stream and leave nothing in their memory: it is shared.
                _record(graph, step, size, steps, pool)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise CaptureFailed(" ".join(str(error).split())[:200]) from error
            pool = graph.pool()
    return Recording(graphs)


def _record(graph: torch.cuda.CUDAGraph, step: StaticStep, size: int, steps: int, pool: Any) -> None:
    with warnings.catch_warnings():
        # A newer torch registers a generator when it is first drawn from, and says that this call does nothing.
        warnings.simplefilter("ignore")
        graph.register_generator_state(step.generator)
    graph.capture_begin(pool=pool, capture_error_mode="thread_local")
    try:
        for _ in range(steps):
            step(size)
    except BaseException:
        with suppress(RuntimeError):  # the first error matters
            graph.capture_end()
        raise
    graph.capture_end()


def release_memory() -> None:
    """Give back what a run held that failed for want of memory, for others on the GPU to take."""
    with gate.passing():
        gc.collect()
        torch.cuda.empty_cache()


@contextmanager
def _no_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
