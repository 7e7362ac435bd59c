"""A static step recorded as CUDA graphs: one call launches all kernels of one or several steps.

Traps that this file minds (PyTorch documentation, "CUDA graphs"):

- Captures are serialised, and nobody draws from the GPU's global generator meanwhile, which belongs to every capture:
  one lock for both.
- Other threads go on meanwhile: errors are those of the capturing thread only ("thread_local").
- Warm-up steps come first, on the same stream, and are undone.
- Dropout's generator is registered with every graph, so that replays draw from it as plain steps would.
- Python's garbage collector rests: freeing another trial's graph in the middle of a capture would spoil it.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from search.training.cuda.step import StaticStep
from search.training.randomness import global_generators


class CaptureFailed(Exception):  # noqa: N818, a reason rather than an error
    """The step cannot be recorded here; the message says why, on one line. The step is as it was before."""


def capture(
    step: StaticStep, lengths: Sequence[tuple[int, int]], new_graph: Callable[[], torch.cuda.CUDAGraph]
) -> dict[tuple[int, int], Callable[[], None]]:
    """Record the step for each (images, steps) of `lengths`, on the current stream: what replays so many steps of so
    many images.

    Raises CaptureFailed; where memory is short, torch's own error, since another try with fewer trials may go well.
    """
    with global_generators, _no_collection():
        step.rehearse(sorted({size for size, _ in lengths}, reverse=True))
        replays: dict[tuple[int, int], Callable[[], None]] = {}
        pool = None
        for size, steps in lengths:
            graph = new_graph()
            graph.register_generator_state(step.generator)
            try:
                # The graphs of a run follow each other on one stream and leave nothing in their memory: it is shared.
                _record(graph, step, size, steps, pool)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise CaptureFailed(" ".join(str(error).split())[:200]) from error
            pool = graph.pool()
            replays[size, steps] = graph.replay
        return replays


def _record(graph: torch.cuda.CUDAGraph, step: StaticStep, size: int, steps: int, pool: Any) -> None:
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
    with global_generators:  # not in the middle of a capture
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
