"""Runs a session: opens the study, enqueues its first networks, searches, closes it."""

import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from underbudget.budget.count import count
from underbudget.models.errors import UnderbudgetError
from underbudget.models.plan import plan
from underbudget.search.dashboard import update
from underbudget.search.engines import devices
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import Engine
from underbudget.search.progress import Notify
from underbudget.search.results.misclassified import keep_misclassified
from underbudget.search.results.trained_trials import keep_samples
from underbudget.search.session import record
from underbudget.search.session.coordinator import Coordinator, Limits, Outcome
from underbudget.search.session.resolving import Session
from underbudget.search.space import feasible_share
from underbudget.search.study import finding
from underbudget.search.study import opening as studies
from underbudget.search.study.settings import Settings

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

_RARE = 0.02  # share of random proposals under budget


def enqueue_smallest(study: "optuna.Study", settings: Settings) -> None:
    """Put up the smallest network where the budget is so tight that chance would hardly find one that fits."""
    dataset = settings.dataset
    if feasible_share(settings.space, settings.budget, samples=200, precision=settings.precision) > _RARE:
        return
    smallest = settings.space.smallest()
    params = settings.space.locate(smallest)
    cost = count(plan(smallest, dataset.input_shape, len(dataset.classes)), settings.precision)
    if params is not None and settings.budget.fits(cost):
        study.enqueue_trial(params, skip_if_exists=True)


def enqueue_references(study: "optuna.Study", settings: Settings) -> list[str]:
    """Put up every reference that is a point of the space, fits the budget and is new; the names, in order."""
    from underbudget.models.references import REFERENCES

    dataset, names, seen = settings.dataset, [], set()
    for name, reference in REFERENCES.items():
        params = settings.space.locate(reference.architecture)
        if params is None or reference.architecture.id in seen:
            continue
        seen.add(reference.architecture.id)
        network = plan(settings.space.decode(params), dataset.input_shape, len(dataset.classes))
        if settings.budget.fits(count(network, settings.precision)):
            before = len(study.get_trials(deepcopy=False))
            study.enqueue_trial(params, skip_if_exists=True)
            if len(study.get_trials(deepcopy=False)) > before:
                names.append(name)
    return names


def make_engine(session: Session) -> Engine:
    """Worker processes, or this process."""
    in_process = session.options.engine == "in-process"
    return InProcessEngine() if in_process else devices.engine_for(session.device, session.workers)


def _keep_misclassified(session: Session) -> None:
    """Pictures for the report: nothing that fails here is worth the end of a search."""
    try:
        keep_misclassified(session.location, finding.read(session.location), session.dataset)
    except Exception as error:
        log.warning("the winner's misclassified images could not be kept: %s", error)


def run(
    session: Session,
    engine: Callable[[Session], Engine] = make_engine,
    notify: Notify = lambda event, progress: None,
    opened: Callable[[], None] = lambda: None,
    begun: Callable[[Coordinator], None] = lambda coordinator: None,
    say: Callable[[str], None] = log.info,
) -> Outcome:
    """Search. `opened` is called when the study is open and locked; `begun` gets the coordinator before the first
    proposal, so that a signal may stop it; `say` gets what a person should know.

    Raises UserError as `open_study` does, UnderbudgetError where the database or the disk fails in the middle; the
    trials stored so far are kept.
    """
    import optuna

    limits = Limits(session.trials, session.seconds)
    folder = session.location.folder
    try:
        with contextlib.ExitStack() as open_now:
            study = open_now.enter_context(studies.open_study(session.location, session.settings))
            open_now.enter_context(record.launch_log(folder / "launch.log"))
            opened()
            keep_samples(session.dataset, folder)
            for leftover in (folder / "models").glob(".trial-*"):
                leftover.unlink()  # half a file that a killed session left
            if not study.get_trials(deepcopy=False):
                enqueue_smallest(study, session.settings)
            if session.options.start_from is not None:
                names = enqueue_references(study, session.settings)
                say(f"starting from the references {', '.join(names) or '(none is new and fits)'}")
            closing = open_now.enter_context(record.recorded(study, session))
            made = open_now.enter_context(contextlib.closing(engine(session)))
            keeper = update.Updater(session.location)
            coordinator = Coordinator(
                study,
                session.settings,
                session.dataset.folder,
                folder,
                made,
                limits,
                session.sampler,
                session.device,
                keeper.watching(notify),
                session.early,
            )
            begun(coordinator)
            outcome = coordinator.run()
            log.info("the session ends: %s", outcome.why)
            closing["outcome"] = outcome.why
            closing["trials_after"] = coordinator.progress.done
            closing["busy_share"] = made.busy_share()
            made.close()
            keeper.close()
            _keep_misclassified(session)
            return outcome
    except (OSError, optuna.exceptions.StorageInternalError) as error:
        what = " ".join(str(error.__cause__ or error).split())[:200]
        raise UnderbudgetError(
            f"the search was broken off ({what}): trials stored so far are kept, mend that and launch again"
        ) from error
