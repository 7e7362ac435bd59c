"""Resolves a request into a session: given options over the stored study's over the defaults. Trains nothing."""

import dataclasses
import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from underbudget.budget.count import count
from underbudget.budget.limits import Budget
from underbudget.models.errors import UserError
from underbudget.models.plan import plan
from underbudget.search.data import sources
from underbudget.search.data.store import Dataset
from underbudget.search.engines import devices
from underbudget.search.engines.calibration import measurement, typical_job
from underbudget.search.results import live_report
from underbudget.search.session import request as requests
from underbudget.search.session.request import Request
from underbudget.search.space import Space
from underbudget.search.stopping import Stopping
from underbudget.search.study import opening as studies
from underbudget.search.study import settings as study_settings
from underbudget.search.study import tuning
from underbudget.search.study.location import StudyLocation, locate_study
from underbudget.search.study.objective import Objective
from underbudget.search.study.settings import Settings
from underbudget.search.training import recipe as recipes
from underbudget.search.training.recipe import Recipe

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)

DEFAULT_DATASET = "mnist"
DEFAULT_BUDGET = "params<8000"
DEFAULT_TRIALS = 100
DEFAULT_RUNS = "runs"
Say = Callable[[str], None]
WARN_STEPS = 1000  # fewer optimiser steps per trial than this rank networks poorly


@dataclass(frozen=True)
class Session:
    """A resolved request: what is fixed for the study, and what is this session's own."""

    location: StudyLocation
    settings: Settings
    dataset: Dataset
    resumes: bool
    trials: int
    workers: int
    workers_reason: str
    seconds: float  # time limit, inf for none
    device: str
    sampler: str
    early: Stopping
    target: float | None
    start_from_references: bool
    engine: str  # one of requests.ENGINES
    live: float | None  # seconds between two reports while it searches, None for none
    resume: Request  # what asks for the same session again

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
    where = find_location(request)
    stored = studies.stored_settings(where)
    dataset_name = _first(request.dataset, stored.dataset.name if stored else None, DEFAULT_DATASET)
    budget = Budget.parse(_first(request.budget, str(stored.budget) if stored else None, DEFAULT_BUDGET))
    data_dir = None if request.data_dir is None else Path(request.data_dir)
    device = devices.choose_device("auto" if request.device is None else request.device, say)
    if stored and dataset_name != stored.dataset.name:  # before anything is downloaded for it
        raise _different(
            request, where, stored, [f"data set: the study has {stored.dataset.name}, you asked for {dataset_name}"]
        )
    dataset = sources.prepare(dataset_name, data_dir, say)
    info = dataset.info
    precision = _first(request.precision, stored.precision if stored else None, "float32")
    if stored and not request.space:
        space = stored.space
    else:
        space = Space.default(info.input_shape, len(info.classes), budget, precision).narrowed(request.space)
    settings = Settings(
        info,
        budget,
        precision,
        _recipe(request, stored, info.counts["train"]),
        _first(request.seed, stored.seed if stored else None, 0),
        space,
        Objective(
            _first(request.objective, stored.objective.kind if stored else None, "front"),
            _first(request.minimize, stored.objective.minimize if stored else None, "params"),
        ),
        tuning.parse(request.tune) if request.tune is not None else stored.tune if stored else (),
    )
    if stored and (different := study_settings.differences(stored, settings)):
        raise _different(request, where, stored, different)
    if not stored:
        check_possible(settings)
    workers = devices.choose_workers(
        device,
        request.workers,
        request.engine == "in-process",
        lambda: measurement(typical_job(dataset, settings.recipe, device)),
        say,
    )
    return Session(
        where,
        settings,
        dataset,
        stored is not None,
        _first(request.trials, None, DEFAULT_TRIALS),
        workers.count,
        workers.reason,
        math.inf if request.timeout is None else requests.parse_duration(request.timeout),
        device,
        _first(request.sampler, None, "tpe"),
        Stopping(_first(request.stopping, None, "front"), request.first_rung, request.reduction_factor),
        request.target,
        request.start_from == "references",
        request.engine or requests.ENGINES[0],
        _live(request),
        dataclasses.replace(
            Request(study=where.name),
            **{name: getattr(request, name) for name in requests.SESSION_OPTIONS},
        ),
    )


def _live(request: Request) -> float | None:
    if request.live is False or (request.live is None and request.live_every is None):
        return None
    return live_report.EVERY if request.live_every is None else requests.parse_duration(request.live_every)


def _different(request: Request, where: StudyLocation, stored: Settings, different: list[str]) -> UserError:
    """The refusal of a resume, with the command that makes another study, of these settings but for what was asked."""
    recipe = stored.recipe
    kept = Request(
        study=studies.free_name(where),
        dataset=stored.dataset.name,
        budget=str(stored.budget),
        epochs=recipe.epochs,
        seed=stored.seed or None,
        recipe=recipe.name,
        lr=recipe.lr if recipe.lr != recipes.recipe(recipe.name).lr else None,
        precision=stored.precision if stored.precision != "float32" else None,
        objective=stored.objective.kind if stored.objective.kind != "front" else None,
        minimize=stored.objective.minimize if stored.objective.minimize != "params" else None,
        tune=",".join(stored.tune) or None,
    )
    return studies.different_study(where, different, dataclasses.replace(request, study=None).over(kept).command())


_Value = TypeVar("_Value")


def _first(asked: _Value | None, stored: _Value | None, default: _Value) -> _Value:
    """What is asked, else what the study has, else the default."""
    for value in (asked, stored):
        if value is not None:
            return value
    return default


def find_location(request: Request) -> StudyLocation:
    """Where the study of a request lives; without a name it is called after data set and budget."""
    name = request.study
    if name is None:
        budget = str(Budget.parse(_first(request.budget, None, DEFAULT_BUDGET)))
        words = re.sub(r"[^A-Za-z0-9.]+", "-", budget).strip("-")
        name = f"{request.dataset or DEFAULT_DATASET}-{words}"[:64]
    return locate_study(name, Path(request.runs or DEFAULT_RUNS), request.storage)


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
