"""One simulated search: the program's own coordinator, an Optuna study in memory, a virtual engine."""

import tempfile
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler

from budget.limits import Budget
from reports import record
from reports.record import STUDY_ATTRIBUTE
from search.coordinator import Coordinator, Limits, stored_state
from search.data.store import DatasetInfo
from search.engines.job import EpochDone
from search.lab.curves import CurveModel
from search.lab.engine import VirtualEngine
from search.lab.methods import Method
from search.settings import Settings
from search.space import Space
from search.training import recipe as recipes

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
    recipe = recipes.resolve(recipes.recipe(RECIPE), images=counts["train"], epochs=epochs)
    limits = Budget.parse(budget)
    return Settings(data, limits, "float32", recipe, seed, Space.default(data.input_shape, 10, limits))


def search(
    method: Method, seed: int, trials: int, workers: int, budget: str = "params<8000", model: CurveModel | None = None
) -> Search:
    """Search until `trials` are trained (complete or stopped). The same arguments give the same search."""
    began = time.perf_counter()
    model = model or CurveModel.load()
    fixed = settings(budget, seed, model.epochs)
    engine = VirtualEngine(model, workers)
    study = _study(method, fixed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        session = _Session(study, fixed, engine, Path(folder), trials, method)
        session.run()
    reference = fixed.to_json()["hypervolume_reference"]
    fates = tuple(_fate(trial) for trial in study.get_trials(deepcopy=False))
    return Search(method.name, seed, tuple(session.trained), fates, reference, time.perf_counter() - began)


def _study(method: Method, fixed: Settings) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.set_user_attr(STUDY_ATTRIBUTE, fixed.to_json())
    if not isinstance(method.sampler, str):
        return _ForeignStudy(study, method.sampler(fixed.seed))
    return study


class _ForeignStudy(optuna.Study):
    """A study that keeps its sampler, whatever sampler the coordinator sets for a trial."""

    def __init__(self, study: optuna.Study, sampler: BaseSampler) -> None:
        self._foreign = sampler
        super().__init__(study.study_name, study._storage)

    @property
    def sampler(self) -> BaseSampler:  # type: ignore[override]
        return self._foreign

    @sampler.setter
    def sampler(self, sampler: BaseSampler) -> None:
        pass


class _Session(Coordinator):
    """The coordinator, watched; it stops trials by the method's pruner."""

    def __init__(
        self, study: optuna.Study, fixed: Settings, engine: VirtualEngine, folder: Path, trials: int, method: Method
    ) -> None:
        name = method.sampler if isinstance(method.sampler, str) else "random"
        super().__init__(study, fixed, Path("nowhere"), folder, engine, Limits(trials), name)
        self.trained: list[Trained] = []
        self._virtual = engine
        self._pruner = method.pruner and method.pruner()

    def _finish(self, underway: Any, message: Any) -> None:
        score = record.score([epoch.val_accuracy for epoch in underway.curve])
        super()._finish(underway, message)
        self._ended(message.trial, underway, score)

    def _store_epoch(self, underway: Any, message: EpochDone) -> None:
        super()._store_epoch(underway, message)
        trial = underway.judged.trial
        if self._pruner is None or message.epoch >= self.settings.epochs:
            return
        if self._pruner.prune(self.study, self.study._storage.get_trial(trial._trial_id)):
            self._virtual.stop(message.trial)
            trial.set_user_attr("verdict", record.verdict("stopped", f"after epoch {message.epoch}"))
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            self._settle(message.trial)
            self.progress.stopped += 1
            self._ended(message.trial, underway, None)

    def _ended(self, number: int, underway: Any, score: float | None) -> None:
        params, epochs = underway.judged.proposal.cost.params, len(underway.curve)
        self.trained.append(Trained(number, params, score, epochs, self._virtual.epochs, self._virtual.now))


def _fate(trial: optuna.trial.FrozenTrial) -> str:
    state, reason = stored_state(trial)
    if state == "rejected":
        return "duplicate" if reason.startswith("same as") else "over budget"
    return "trained"
