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

from models.errors import UserError
from models.plan import Plan
from search.data.store import Dataset
from search.training import loop
from search.training.loop import EpochResult, TrainingResult, Watch, never, unwatched
from search.training.recipe import DEFAULT_BATCH, Recipe

PATHS = ("auto", "plain", "native", "graph")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """A path, and why it is this one where another was possible in principle."""

    path: str  # "plain", "native" or "graph"
    reason: str


def choose(plan: Plan, device: str = "cpu", batch_size: int | None = None) -> Choice:
    """The path that "auto" takes. Compiles the kernels if need be."""
    from search.training.native.library import Unavailable, library
    from search.training.native.program import Unsupported, compile_plan

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

    path: one of PATHS, or the text that a result recorded as its path. Raises UserError for another one, and where the
    named one cannot compute this plan here.
    """
    name = named(path)
    if name == "plain":
        return loop.train(plan, recipe, seed, dataset, device, halted, watch)
    choice = Choice("graph", "as named") if name == "graph" else choose(plan, device, recipe.batch_size)
    if choice.path == "graph" and name != "native":
        from search.training.cuda.train import train as graph_train

        return graph_train(plan, recipe, seed, dataset, device, halted, watch)
    if choice.path == "native":
        from search.training.native.train import train as native_train

        return native_train(plan, recipe, seed, dataset, device, halted, watch)
    if name == "native":
        raise UserError(f"the native path cannot be taken here: {choice.reason}; use the plain path")
    log.info("the plain path is taken: %s", choice.reason)
    return loop.train(plan, recipe, seed, dataset, device, halted, watch)


def named(path: str) -> str:
    """The name among PATHS of a path, given as such or as a result recorded it. Raises UserError for any other."""
    words = path.split()
    for name in PATHS:
        if name == path or (len(words) > 1 and name in words):
            return name
    raise UserError(f"unknown path {path[:60]!r}: there are {', '.join(PATHS)}")
