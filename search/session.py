"""One session of a study: a request resolved into settings, then searched.

`prepare` decides everything and trains nothing; `run` searches.
"""

import contextlib
import dataclasses
import json
import logging
import math
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budget.count import count
from budget.limits import Budget
from models.errors import UserError
from models.plan import plan
from reports.reading import SESSIONS_ATTRIBUTE
from search import request as requests
from search import resources
from search import settings as study_settings
from search import study as studies
from search.coordinator import Coordinator, Limits, Outcome
from search.data import sources
from search.data.store import Dataset
from search.engines.inprocess import InProcessEngine
from search.engines.job import Engine
from search.engines.processes import ProcessesEngine
from search.progress import Notify
from search.request import Request
from search.settings import Settings
from search.space import Space
from search.study import Place
from search.training import recipe as recipes
from search.training.recipe import Recipe
from search.winners import samples_of

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

DEFAULT_DATASET = "mnist"
DEFAULT_BUDGET = "params<8000"
DEFAULT_TRIALS = 100
DEFAULT_RUNS = "runs"
WARN_STEPS = 1000  # fewer optimiser steps per trial than this rank networks poorly


@dataclass(frozen=True)
class Session:
    """A resolved request: what is fixed for the study, and what is this session's own."""

    place: Place
    settings: Settings
    dataset: Dataset
    resumes: bool
    trials: int
    workers: int
    workers_reason: str
    seconds: float  # time limit, inf for none
    device: str
    sampler: str
    target: float | None
    start_from_references: bool

    @property
    def steps(self) -> int:
        """Optimiser steps of one trial."""
        images = self.settings.dataset.counts["train"]
        return recipes.steps_per_epoch(self.settings.recipe, images) * self.settings.epochs


def prepare(request: Request, say: Callable[[str], None] = log.info) -> Session:
    """Resolve a request: given options over the stored study's over the defaults.

    Prepares the data set, trains nothing, creates no study. Raises UserError for whatever does not hold, a difference
    from the stored study among them.
    """
    requests.check(request)
    where = find_place(request)
    stored = studies.stored_settings(where)
    dataset_name = request.dataset or (stored.dataset.name if stored else DEFAULT_DATASET)
    budget = Budget.parse(request.budget or (str(stored.budget) if stored else DEFAULT_BUDGET))
    data_dir = None if request.data_dir is None else Path(request.data_dir)
    device = choose_device(request.device or "auto")
    dataset = sources.prepare(dataset_name, data_dir, say)
    info = dataset.info
    precision = request.precision or (stored.precision if stored else "float32")
    if stored and not request.space:
        space = stored.space
    else:
        space = Space.default(info.input_shape, len(info.classes), budget, precision).narrowed(request.space)
    settings = Settings(
        info,
        budget,
        precision,
        _recipe(request, stored, info.counts["train"]),
        request.seed if request.seed is not None else (stored.seed if stored else 0),
        space,
    )
    if stored and (different := study_settings.differences(stored, settings)):
        command = dataclasses.replace(request, study=studies.free_name(where)).command()
        raise studies.different_study(where, different, command)
    if not stored:
        check_possible(settings)
    workers = resources.usable_workers()
    if device != "cpu":
        workers = resources.Workers(1, f"one on {device}")
    if request.workers is not None:
        workers = resources.Workers(request.workers, "as asked")
    return Session(
        where,
        settings,
        dataset,
        stored is not None,
        request.trials if request.trials is not None else DEFAULT_TRIALS,
        workers.count,
        workers.reason,
        math.inf if request.timeout is None else requests.parse_duration(request.timeout),
        device,
        request.sampler or "tpe",
        request.target,
        request.start_from == "references",
    )


def find_place(request: Request) -> Place:
    """Where the study of a request lives; without a name it is called after data set and budget."""
    name = request.study
    if name is None:
        budget = str(Budget.parse(request.budget or DEFAULT_BUDGET))
        words = re.sub(r"[^A-Za-z0-9.]+", "-", budget).strip("-")
        name = f"{request.dataset or DEFAULT_DATASET}-{words}"[:64]
    return studies.place(name, Path(request.runs or DEFAULT_RUNS), request.storage)


def _recipe(request: Request, stored: Settings | None, images: int) -> Recipe:
    """The study's recipe; a name that is given begins afresh from the built-in recipe of that name."""
    batch = None if request.batch_size is None else requests.parse_batch_size(request.batch_size)
    if stored is None or request.recipe is not None:
        base = recipes.recipe(request.recipe or recipes.DEFAULT_RECIPE)
        if stored is not None and request.epochs is None:
            base = dataclasses.replace(base, epochs=stored.epochs)
        return recipes.resolve(base, images=images, epochs=request.epochs, lr=request.lr, batch_size=batch)
    kept = stored.recipe
    if request.batch_size is not None and batch is None:
        named = recipes.resolve(recipes.recipe(kept.name), images=images, epochs=kept.epochs)
        batch = named.batch_size
    return recipes.resolve(
        kept,
        images=images,
        epochs=request.epochs if request.epochs is not None else kept.epochs,
        lr=request.lr if request.lr is not None else kept.lr,
        batch_size=batch if batch is not None else kept.batch_size,
    )


def choose_device(asked: str) -> str:
    """The device that training runs on: "auto" takes CUDA where torch can use it, else the CPU.

    Raises UserError for a device that torch does not know or can't use here.
    """
    if asked == "cpu":
        return "cpu"
    import torch

    cuda = torch.cuda.is_available()
    if asked == "auto":
        return "cuda:0" if cuda else "cpu"
    if re.fullmatch(r"cuda(:\d+)?", asked):
        index = int(asked[5:] or 0)
        if not cuda or index >= torch.cuda.device_count():
            raise UserError(f"--device {asked}: torch {torch.__version__} finds no such GPU here, use --device cpu")
        return f"cuda:{index}"
    if asked == "mps":
        if not torch.backends.mps.is_available():
            raise UserError(f"--device mps: torch {torch.__version__} has no MPS here, use --device cpu")
        return "mps"
    raise UserError(f"--device is auto, cpu, cuda, cuda:N or mps, not {asked!r}")


def check_possible(settings: Settings) -> None:
    """Raises UserError for a budget that no network of the space meets."""
    dataset = settings.dataset
    for limit in settings.budget.limits:
        smallest = plan(settings.space.smallest(limit.metric), dataset.input_shape, len(dataset.classes))
        least = getattr(count(smallest, settings.precision), limit.metric)
        if least > limit.largest:
            raise UserError(
                f"the budget {limit} is impossible: the smallest network of the space has {limit.metric} {least:,}; "
                f"give {limit.metric}<={least} or more, or another space"
            )


def enqueue_references(study: "optuna.Study", settings: Settings) -> list[str]:
    """Put up every reference that is a point of the space and fits the budget; the names, in order."""
    from models.references import REFERENCES

    dataset, names, seen = settings.dataset, [], set()
    for name, reference in REFERENCES.items():
        params = settings.space.locate(reference.architecture)
        if params is None or reference.architecture.id in seen:
            continue
        seen.add(reference.architecture.id)
        network = plan(settings.space.decode(params), dataset.input_shape, len(dataset.classes))
        if settings.budget.fits(count(network, settings.precision)):
            study.enqueue_trial(params)
            names.append(name)
    return names


def make_engine(session: Session, inprocess: bool = False) -> Engine:
    """Worker processes, or this process."""
    return InProcessEngine() if inprocess else ProcessesEngine(session.workers)


def run(
    session: Session,
    engine: Callable[[Session], Engine] = make_engine,
    notify: Notify = lambda event, progress: None,
    begun: Callable[[Coordinator], None] = lambda coordinator: None,
) -> Outcome:
    """Search. `begun` gets the coordinator before the first proposal, so that a signal may stop it."""
    limits = Limits(session.trials, session.seconds)
    samples = samples_of(session.dataset)
    log_file = session.place.folder / "launch.log"
    with studies.open_study(session.place, session.settings, samples) as study, launch_log(log_file):
        if session.start_from_references and not study.get_trials(deepcopy=False):
            names = enqueue_references(study, session.settings)
            log.info("starting from the references %s", ", ".join(names) or "(none fits)")
        with _recorded(study, session) as closing:
            coordinator = Coordinator(
                study,
                session.settings,
                session.dataset.folder,
                session.place.folder,
                engine(session),
                limits,
                session.sampler,
                session.device,
                notify,
            )
            begun(coordinator)
            outcome = coordinator.run()
            closing["outcome"] = outcome.why
            closing["trials_after"] = coordinator.progress.done
            return outcome


@contextlib.contextmanager
def _recorded(study: "optuna.Study", session: Session) -> Iterator[dict[str, Any]]:
    """Keep an entry about this session in the study attribute `sessions`, closed even when the search raises."""
    earlier = list(study.user_attrs.get(SESSIONS_ATTRIBUTE, []))
    begun = time.monotonic()
    entry: dict[str, Any] = {
        "started": _now(),
        "ended": None,
        "trials_asked": session.trials,
        "workers": session.workers,
        "device": session.device,
        "sampler": session.sampler,
        "target": session.target,
        "command": shown_command(sys.argv),
        "versions": versions(),
        "hardware": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
    }
    study.set_user_attr(SESSIONS_ATTRIBUTE, [*earlier, entry])
    closing: dict[str, Any] = {"outcome": "interrupted"}
    try:
        yield closing
    finally:
        closed = {**entry, **closing, "ended": _now(), "seconds": round(time.monotonic() - begun, 3)}
        study.set_user_attr(SESSIONS_ATTRIBUTE, json.loads(json.dumps([*earlier, closed])))


def shown_command(argv: list[str]) -> str:
    """The command line as it may be stored: a database password is left out."""
    words = [Path(argv[0]).name if argv else "", *argv[1:]]
    return " ".join(studies.hide_password(word) if "://" in word else word for word in words)


def versions() -> dict[str, str]:
    """Versions of what the search depends on."""
    from importlib.metadata import version

    names = ("underbudget", "torch", "torchvision", "optuna", "numpy")
    found = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(ImportError):
            found[name] = version(name)
    return found


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


@contextlib.contextmanager
def launch_log(path: Path) -> Iterator[None]:
    """Append what our packages log to a file, for as long as a session lasts."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    root = logging.getLogger("search")
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()
