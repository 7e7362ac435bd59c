"""The ways in which a training may be computed, and which one is taken.

    plain    eager float32 torch, on any device: the reference
    native   the C kernels of search/training/native, on one thread of the CPU, float32
    graph    search/training/cuda: the whole step recorded as a CUDA graph; on the CPU the same step by step, for tests

"auto" takes graph on a CUDA GPU, native where it can compute the plan on the CPU, else plain. It depends on the plan,
the device and what the machine has (a C compiler), never on a measurement: trials of a study and their repetitions take
the same path.
"""

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch

from underbudget.models.errors import UserError
from underbudget.models.plan import Plan
from underbudget.search.data.store import Dataset
from underbudget.search.training import environment, loop
from underbudget.search.training.loop import EpochResult, TrainingResult, Watch, never, unwatched
from underbudget.search.training.recipe import DEFAULT_BATCH, Recipe

PATHS = ("auto", "plain", "native", "graph")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """A path, and why it is this one where another was possible in principle."""

    path: str  # "plain", "native" or "graph"
    reason: str


def choose(plan: Plan, device: str = "cpu", batch_size: int | None = None) -> Choice:
    """The path that "auto" takes. Compiles the kernels if need be."""
    from underbudget.search.training.native.library import Unavailable, library
    from underbudget.search.training.native.program import Unsupported, compile_plan

    if device.startswith("cuda"):
        return Choice("graph", f"the C kernels compute on the CPU; on {device} a step is one CUDA graph")
    if device != "cpu":
        return Choice("plain", f"the C kernels compute on the CPU, not on {device}")
    try:
        compile_plan(plan, batch_size or DEFAULT_BATCH)
        return Choice("native", f"C kernels for {library().isa}")
    except (Unavailable, Unsupported) as reason:
        return Choice("plain", str(reason))


def train(
    plan: Plan,
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    device: str = "cpu",
    path: str = "auto",
    halted: Callable[[], bool] = never,
    watch: Watch = unwatched,
) -> Generator[EpochResult | TrainingResult, None, None]:
    """As `search.training.loop.train`, on the path named.

    path: one of PATHS, or the text that a result recorded as its path: then the run computes the same way in every
    respect (device, instructions, threads). Raises UserError for another one, and where the named one cannot compute
    this plan here, or not in the way recorded.
    """
    name = named(path)
    if path != name:
        _check_recorded(path, name, device)
    if name == "plain":
        return loop.train(plan, recipe, seed, dataset, device, halted, watch)
    choice = Choice("graph", "as named") if name == "graph" else choose(plan, device, recipe.batch_size)
    if choice.path == "graph" and name != "native":
        from underbudget.search.training.cuda.train import train as graph_train

        return graph_train(plan, recipe, seed, dataset, device, halted, watch)
    if choice.path == "native":
        from underbudget.search.training.native.train import train as native_train

        return native_train(plan, recipe, seed, dataset, device, halted, watch)
    if name == "native":
        raise UserError(f"the native path cannot be taken here: {choice.reason}; use the plain path")
    log.info("the plain path is taken: %s", choice.reason)
    return loop.train(plan, recipe, seed, dataset, device, halted, watch)


def _check_recorded(path: str, name: str, device: str) -> None:
    """Raise UserError where a run by the path `name` would not be recorded here as `path`."""
    place = torch.device(device)
    if name == "native":
        from underbudget.search.training.native.library import Unavailable
        from underbudget.search.training.native.train import path as native_path

        try:
            here = native_path()
        except Unavailable as reason:
            raise UserError(f"the native path cannot be taken here: {reason}; use the plain path") from None
        here = here if place.type == "cpu" else f"a path of the CPU, not of {place.type}"
    elif name == "graph":
        from underbudget.search.training.cuda.train import path as graph_path

        here = graph_path(place, captured="uncaptured" not in path.split())  # whether it is captured, the GPU decides
    else:
        here = environment.path(place)
    if path.split() != here.split():
        raise UserError(
            f"a run recorded as {path[:80]!r} cannot be repeated exactly here, where the {name} path is {here!r}: "
            f"give the path {name!r} to train it with other rounding"
        )


def named(path: str) -> str:
    """The name among PATHS of a path, given as such or as a result recorded it. Raises UserError for any other."""
    words = path.split()
    for name in PATHS:
        if name == path or (len(words) > 1 and name in words):
            return name
    raise UserError(f"unknown path {path[:60]!r}: there are {', '.join(PATHS)}")
