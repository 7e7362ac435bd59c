"""The backends that compute a training, and which one is taken.

    plain    eager float32 torch, on any device: the reference
    native   the C kernels of search/training/native, on one thread of the CPU, float32
    graph    search/training/cuda: the whole step recorded as a CUDA graph; on the CPU the same step by step, for tests

"auto" takes graph on a CUDA GPU, native where it can compute the plan on the CPU, else plain. That depends on the plan,
the device and the machine's C compiler, never on a measurement, so that repetitions of a trial take the same backend.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch

from underbudget.models.errors import UserError
from underbudget.models.plan import Plan
from underbudget.search.data.store import Dataset
from underbudget.search.training import loop
from underbudget.search.training.loop import OnStep, Results, never, no_callback
from underbudget.search.training.recipe import Recipe
from underbudget.search.training.run_length import DEFAULT_BATCH

BACKENDS = ("auto", "plain", "native", "graph")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackendChoice:
    """A backend, and the reason for it."""

    backend: str  # "plain", "native" or "graph"
    reason: str


def choose(plan: Plan, device: str = "cpu", batch_size: int | None = None) -> BackendChoice:
    """The backend that "auto" takes. Compiles the kernels if need be."""
    from underbudget.search.training.native.library import Unavailable, library
    from underbudget.search.training.native.program import compile_plan

    if device.startswith("cuda"):
        return BackendChoice("graph", f"the C kernels compute on the CPU; on {device} a step is one CUDA graph")
    if device != "cpu":
        return BackendChoice("plain", f"the C kernels compute on the CPU, not on {device}")
    try:
        compile_plan(plan, batch_size or DEFAULT_BATCH)
        return BackendChoice("native", f"C kernels for {library().isa}")
    except Unavailable as reason:
        return BackendChoice("plain", str(reason))


def train(
    plan: Plan,
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    device: str = "cpu",
    backend: str = "auto",
    should_stop: Callable[[], bool] = never,
    on_step: OnStep = no_callback,
) -> Results:
    """As `search.training.loop.train`, on the backend named.

    backend: one of BACKENDS, or the text that a result recorded: then device, instructions and threads are the same
    too. Raises UserError for any other, and where this plan cannot be computed so here.
    """
    name = named(backend)
    run_class = _run_class(name, plan, device, recipe.batch_size)
    here = run_class.describe(torch.device(device), captured="uncaptured" not in backend.split())
    if backend != name and backend.split() != here.split():
        raise UserError(
            f"a run recorded as {backend[:80]!r} cannot be repeated exactly here, where the {name} backend is "
            f"{here!r}: give the backend {name!r} to train it with other rounding"
        )
    return loop.train(plan, recipe, seed, dataset, device, should_stop, on_step, run_class)


def _run_class(name: str, plan: Plan, device: str, batch_size: int | None) -> type[loop.TrainingRun]:
    if name in ("auto", "native"):
        choice = choose(plan, device, batch_size)
        if name == "native" and choice.backend != "native":
            raise UserError(f"the native backend cannot be taken here: {choice.reason}; use the plain backend")
        if choice.backend == "plain":
            log.info("the plain backend is taken: %s", choice.reason)
        name = choice.backend
    if name == "graph":
        from underbudget.search.training.cuda.train import StaticRun

        return StaticRun
    if name == "native":
        from underbudget.search.training.native.train import NativeRun

        return NativeRun
    return loop.PlainRun


def named(backend: str) -> str:
    """The name among BACKENDS of a backend, by name or as a result recorded it. Raises UserError for any other."""
    words = backend.split()
    for name in BACKENDS:
        if name == backend or (len(words) > 1 and name in words):
            return name
    raise UserError(f"unknown backend {backend[:60]!r}: there are {', '.join(BACKENDS)}")
