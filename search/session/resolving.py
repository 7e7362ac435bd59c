"""Resolves a request into a session: given options over the stored study's over the defaults. Trains nothing."""

import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from underbudget.budget.limits import Budget
from underbudget.models.errors import UserError
from underbudget.search.data import sources
from underbudget.search.data.definition import NAMED, Definition, named
from underbudget.search.data.store import Dataset, DatasetInfo
from underbudget.search.engines import devices
from underbudget.search.engines.calibration import measurement, typical_job
from underbudget.search.results import live_report
from underbudget.search.session.data_options import of_data
from underbudget.search.session.options import check, declared
from underbudget.search.session.request import DEFAULTS, Options, Request, parse_batch_size, parse_duration
from underbudget.search.space import Space, feasible_share
from underbudget.search.stopping import Stopping
from underbudget.search.study import opening as studies
from underbudget.search.study import settings as study_settings
from underbudget.search.study import tuning
from underbudget.search.study.location import StudyLocation, locate_study
from underbudget.search.study.objective import Objective
from underbudget.search.study.settings import Settings
from underbudget.search.training import built_in_recipes, choosing, run_length
from underbudget.search.training.recipe import Recipe

log = logging.getLogger(__name__)

Say = Callable[[str], None]


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
    device: str
    sampler: str
    early: Stopping
    options: Options  # resolved: given, stored or default
    resume: Request  # asks for the same session again

    @property
    def seconds(self) -> float:
        """The time limit, inf for none."""
        return math.inf if self.options.timeout is None else parse_duration(self.options.timeout)

    @property
    def live(self) -> float | None:
        """Seconds between two reports while it searches, None for none."""
        return None if self.options.live_every is None else parse_duration(self.options.live_every)

    @property
    def steps(self) -> int:
        """Optimiser steps of one trial."""
        images = self.settings.dataset.counts["train"]
        return run_length.timeline(self.settings.recipe, images).steps


def prepare(request: Options, say: Say = log.info) -> Session:
    """Resolve a request: given options over the stored study's over the defaults.

    Prepares the data set, trains nothing, creates no study. Raises UserError for invalid options, and
    for settings that differ from the stored study's.
    """
    check(request)
    where = find_location(request)
    stored = studies.stored_settings(where)
    kept = Options() if stored is None else options_of(stored, request)
    asked: Any = request.over(kept).over(DEFAULTS)  # what has a default is not None
    early = Stopping(asked.stopping, asked.first_rung, asked.reduction_factor)
    objective = Objective(asked.objective, asked.minimize)
    tune = tuning.parse(asked.tune) if asked.tune is not None else ()
    budget = Budget.parse(asked.budget)
    definition = sources.define(asked.dataset, of_data(asked), asked.data_dir)
    device = devices.choose_device(asked.device, say)
    if stored and (other := _other_data(stored.dataset, definition)):  # before anything is downloaded for it
        raise _different(request, where, stored, [other])
    folder = None if asked.data_dir is None else Path(asked.data_dir)
    dataset = sources.prepare(definition, folder, say, stored.dataset.checksum if stored else None)
    info = dataset.info
    if stored and not request.space:
        space = stored.space
    else:
        default = Space.default(info.input_shape, len(info.classes), budget, asked.precision)
        space = default.narrowed(request.space or {})
    recipe = _recipe(asked, stored.recipe if stored and request.recipe is None else None, info)
    settings = Settings(info, budget, asked.precision, recipe, asked.seed, space, objective, tune)
    if stored and (different := study_settings.differences(stored, settings)):
        raise _different(request, where, stored, different)
    if not stored:
        check_possible(settings)
    in_process = asked.engine == "in-process"
    workers = devices.choose_workers(
        device, request.workers, in_process, lambda: measurement(typical_job(dataset, recipe, device)), say
    )
    live = asked.live or (asked.live is None and asked.live_every is not None) or None
    resolved: dict[str, Any] = {
        "study": where.name,
        "runs": str(where.folder.parent),
        "budget": str(budget),
        "epochs": recipe.epochs,
        "recipe": recipe.name,
        "augment": recipe.augmentation.name or None,
        "metric": recipe.metric,
        "class_weights": recipe.class_weights,
        "lr": recipe.lr,
        "batch_size": recipe.batch_size,
        "tune": list(tune) or None,
        "space": space.table(),
        "workers": workers.count,
        "device": device,
        "live": live,
        "live_every": live and (asked.live_every or f"{live_report.EVERY:g}s"),
    }
    again = {name: getattr(request, name) for name, each in declared(Options).items() if each.scope == "session"}
    return Session(
        where,
        settings,
        dataset,
        stored is not None,
        asked.trials,
        workers.count,
        workers.reason,
        device,
        asked.sampler,
        early,
        replace(asked, **resolved),
        Request(where.name, **again),
    )


def _other_data(stored: DatasetInfo, asked: Definition) -> str:
    """How a definition differs from a study's data set by its name or kind alone; "" where their content decides."""
    own = stored.definition or named(stored.name)
    is_same = own.source == asked.source if asked.kind == NAMED else own.kind == asked.kind
    return "" if is_same else f"data set: the study has {own}, you asked for {asked}"


def options_of(stored: Settings, request: Options | None = None) -> Options:
    """The settings of a study as options; without its learning rate and batch if the request names a recipe."""
    recipe = stored.recipe
    is_kept = request is None or request.recipe is None
    definition = stored.dataset.definition or named(stored.dataset.name)
    own: dict[str, Any] = dict(definition.options)
    return Options(
        dataset=str(definition),
        budget=str(stored.budget),
        epochs=recipe.epochs,
        seed=stored.seed,
        recipe=recipe.name,
        augment=(recipe.augmentation.name or None) if is_kept else None,
        metric=recipe.metric,
        class_weights=recipe.class_weights,
        lr=recipe.lr if is_kept else None,
        batch_size=recipe.batch_size if is_kept else None,
        precision=stored.precision,
        objective=stored.objective.kind,
        minimize=stored.objective.minimize,
        tune=",".join(stored.tune) or None,
        **own,
    )


def _different(request: Options, where: StudyLocation, stored: Settings, different: list[str]) -> UserError:
    """The error of a resume with other settings: it offers the command that starts another study with them."""
    kept, usual = options_of(stored, request), built_in_recipes.recipe(stored.recipe.name)
    shown = ("study", "dataset", "budget", "recipe")  # also where they are the default
    same = [name for name, value in vars(DEFAULTS).items() if getattr(kept, name) == value and name not in shown]
    dropped: dict[str, Any] = dict.fromkeys([*same, "batch_size", *(["lr"] if kept.lr == usual.lr else [])])
    kept = replace(kept, study=studies.free_name(where), **dropped)
    return studies.different_study(where, different, replace(request, study=None).over(kept).command())


def find_location(request: Options) -> StudyLocation:
    """Where the study of a request is; without a name, data set and budget make one."""
    asked: Any = request.over(DEFAULTS)
    words = re.sub(r"[^A-Za-z0-9.]+", "-", str(Budget.parse(asked.budget))).strip("-")
    name = asked.study
    if name is None:
        name = f"{sources.define(asked.dataset, of_data(asked), asked.data_dir).name}-{words}"[:64]
    return locate_study(name, Path(asked.runs), asked.storage)


def _recipe(asked: Any, kept: Recipe | None, info: DatasetInfo) -> Recipe:
    """The study's recipe (`kept`) or the built-in one, with the numbers asked for; "auto" is the built-in's batch."""
    images, named = info.counts["train"], None if asked.recipe is None else built_in_recipes.recipe(asked.recipe)
    base = choosing.choose(kept or named, asked, info)
    batch = parse_batch_size(asked.batch_size)
    if batch is None and kept is not None:
        batch = run_length.resolve(built_in_recipes.recipe(kept.name), images=images).batch_size
    epochs = asked.epochs
    if epochs is None and kept is None and info.definition is not None:
        epochs = run_length.suited_epochs(base, images, batch)
    return run_length.resolve(base, images=images, epochs=epochs, lr=asked.lr, batch_size=batch)


def check_possible(settings: Settings) -> None:
    """Raises UserError for a budget that no network of the space meets."""
    if feasible_share(settings.space, settings.budget, samples=20, precision=settings.precision):
        return  # finding the smallest network takes longer
    for limit in settings.budget.limits:
        least = getattr(settings.cost(settings.space.smallest(limit.metric)), limit.metric)
        if least > limit.largest:
            raise UserError(
                f"the budget {limit} is impossible: the smallest network of the space has {limit.metric} {least:,}; "
                f"give {limit.metric}<={least} or more, or another space"
            )
