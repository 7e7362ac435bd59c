"""One simulated search: the program's own coordinator, an Optuna study in memory, a virtual engine."""

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

from lab.curves import CurveModel
from lab.engine import VirtualEngine
from lab.methods import Method
from underbudget.budget.limits import Budget
from underbudget.reports.record import STUDY_ATTRIBUTE
from underbudget.search.data.store import DatasetInfo
from underbudget.search.progress import Ended, Event, Progress
from underbudget.search.sampling.proposer import stored_state
from underbudget.search.session.coordinator import Conditions, Coordinator, Limits
from underbudget.search.space import Space
from underbudget.search.study.settings import Settings
from underbudget.search.training import built_in_recipes, run_length

MEMORY = Path("/dev/shm")  # where there is one: the coordinator forces every weights file onto the disk
RECIPE = "warp10-onecycle"  # of the curves that the model was fitted to


@dataclass(frozen=True)
class Trained:
    """A trial that cost epochs, in the order in which they ended."""

    trial: int
    params: int
    score: float | None  # percent; None where it was stopped
    epochs: int  # of its own
    spent: int  # of the whole search when it ended
    seconds: float  # virtual, since the start


@dataclass(frozen=True)
class Search:
    """What became of one simulated search."""

    method: str
    seed: int
    trained: tuple[Trained, ...]
    proposals: tuple[str, ...]  # by trial number: "trained", "over budget", "duplicate"
    reference: dict[str, float]  # of the hypervolume
    wall_seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def search_from_json(value: dict[str, Any]) -> Search:
    """The inverse of `Search.to_json`."""
    trained = tuple(Trained(**trial) for trial in value["trained"])
    return Search(**{**value, "trained": trained, "proposals": tuple(value["proposals"])})


def settings(budget: str, seed: int, epochs: int = 15) -> Settings:
    """Settings of a study on MNIST as it is searched by default; no data set is read."""
    counts = {"train": 50000, "validation": 10000, "test": 10000}
    data = DatasetInfo("mnist", "MNIST", (1, 28, 28), tuple("0123456789"), counts, (0.1307,), (0.3081,), "0" * 64)
    recipe = run_length.resolve(built_in_recipes.recipe(RECIPE), images=counts["train"], epochs=epochs)
    limits = Budget.parse(budget)
    return Settings(data, limits, "float32", recipe, seed, Space.default(data.input_shape, 10, limits))


def search(
    method: Method,
    seed: int,
    trials: int,
    workers: int,
    budget: str = "params<8000",
    epochs: int = 0,
    model: CurveModel | None = None,
) -> Search:
    """Search until `trials` are trained (complete or stopped) and at least `epochs` are spent.

    The same arguments give the same search.
    """
    began = time.perf_counter()
    model = model or CurveModel.load()
    fixed = settings(budget, seed, model.epochs)
    engine = VirtualEngine(model, workers)
    limits = Limits(trials)
    trained: list[Trained] = []

    def watch(event: Event, progress: Progress) -> None:
        if isinstance(event, Ended):
            own = engine.epochs_of(event.trial)
            trained.append(Trained(event.trial, event.params, event.score, own, engine.epochs, engine.now))
            if engine.epochs < epochs:
                limits.trials = max(trials, len(trained) + engine.slots)  # keeps every worker busy

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.set_user_attr(STUDY_ATTRIBUTE, fixed.to_json())
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        Coordinator(
            study,
            fixed,
            engine,
            limits,
            Conditions(Path("nowhere"), Path(folder), sampler=method.sampler(model.epochs), early=method.stopping),
            watch,
        ).run()
    fates = tuple(_fate(trial) for trial in study.get_trials(deepcopy=False))
    reference = fixed.to_json()["hypervolume_reference"]
    return Search(method.name, seed, tuple(trained), fates, reference, time.perf_counter() - began)


def _fate(trial: optuna.trial.FrozenTrial) -> str:
    state, reason = stored_state(trial)
    if state == "rejected":
        return "duplicate" if reason.startswith("same as") else "over budget"
    return "trained"
