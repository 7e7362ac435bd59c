"""A training that takes no time, for tests of what stands around trainings."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import optuna

from underbudget.budget.limits import Budget
from underbudget.search.data.store import DatasetInfo
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import Engine, EpochDone, Failed, Finished, Job, Message
from underbudget.search.session.coordinator import Conditions, Coordinator, Limits, Outcome
from underbudget.search.space import Space
from underbudget.search.stopping import Stopping
from underbudget.search.study.location import StudyLocation
from underbudget.search.study.opening import open_study
from underbudget.search.study.settings import Settings
from underbudget.search.training import built_in_recipes, run_length

INFO = DatasetInfo(
    "toy",
    "Toy",
    (1, 28, 28),
    tuple("0123456789"),
    {"train": 1000, "validation": 100, "test": 100},
    (0.1,),
    (0.3,),
    "0" * 64,
)


def settings(budget: str = "params<8000", seed: int = 0, epochs: int = 4) -> Settings:
    """Settings of a study on a data set that is nowhere."""
    limits = Budget.parse(budget)
    recipe = run_length.resolve(built_in_recipes.recipe("plain"), images=INFO.counts["train"], epochs=epochs)
    return Settings(INFO, limits, "float32", recipe, seed, Space.default(INFO.input_shape, 10, limits))


def accuracy(job: Job, epoch: int) -> float:
    """A number in 50..100 that depends on network, seed and epoch only."""
    digest = hashlib.sha256(f"{job.layers_text}/{job.seed}/{epoch}".encode()).digest()
    return 50 + digest[0] / 256 * 50


def messages(job: Job) -> Iterator[Message]:
    """What a worker would say, at once."""
    for epoch in range(1, job.recipe["epochs"] + 1):
        yield EpochDone(job.trial, epoch, 1.0, 50.0, 1.0, accuracy(job, epoch), 0.5)
    text = base64.b64encode(job.layers_text.encode()).decode()
    yield Finished(job.trial, text, [[1]], 2.0, "simulated", "cpu", "none", {"python": "3"})


def search(
    folder: Path,
    trials: int,
    fixed: Settings | None = None,
    engine: Engine | None = None,
    limits: Limits | None = None,
    sampler: str = "tpe",
    stop_after: int | None = None,
    early: Stopping = Stopping("none"),  # noqa: B008, frozen
) -> Outcome:
    """One session of the study `toy` in `folder`; `stop_after` asks for a stop after so many events."""
    fixed = fixed or settings()
    bounds = limits or Limits(trials)
    events = 0

    def notify(event: object, progress: object) -> None:
        nonlocal events
        events += 1
        if stop_after is not None and events >= stop_after:
            bounds.stop = "asked to stop"

    with open_study(location(folder), fixed) as (study, guard):
        session = Coordinator(
            study,
            fixed,
            engine or InProcessEngine(messages),
            bounds,
            Conditions(Path("nowhere"), folder, sampler=sampler, early=early, check=guard.check),
            notify,
        )
        return session.run()


def location(folder: Path) -> StudyLocation:
    """Where `search` keeps its study."""
    return StudyLocation("toy", folder)


def stored(folder: Path) -> optuna.Study:
    """The study as stock Optuna opens it."""
    return optuna.load_study(study_name="toy", storage=f"sqlite:///{folder / 'study.db'}")


def proposals(folder: Path) -> list[tuple[int, str, str, object]]:
    """(number, layers, state, values) of every trial."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
    trials = optuna.load_study(study_name="toy", storage=storage).trials
    storage.engine.dispose()
    return [(trial.number, trial.user_attrs.get("layers", ""), trial.state.name, trial.values) for trial in trials]


def failing(transient: bool, times: int) -> InProcessEngine:
    """An engine whose first `times` trainings fail in their second epoch."""
    left = times

    def run(job: Job) -> Iterator[Message]:
        nonlocal left
        if left:
            left -= 1
            yield EpochDone(job.trial, 1, 1.0, 50.0, 1.0, 50.0, 0.5)
            yield Failed(job.trial, "worker process killed by SIGKILL", transient)
        else:
            yield from messages(job)

    return InProcessEngine(run)
