"""Runs a session: opens the study, enqueues its first networks, searches, closes it."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from underbudget.models.errors import UnderbudgetError
from underbudget.search.dashboard import update
from underbudget.search.engines import devices
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import Engine
from underbudget.search.progress import Event, Progress
from underbudget.search.results.live_report import LiveReport
from underbudget.search.results.misclassified import keep_misclassified
from underbudget.search.results.trained_trials import keep_samples
from underbudget.search.session import record
from underbudget.search.session.coordinator import Conditions, Coordinator, Limits, Outcome
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
    """Enqueue the smallest network where the budget is so tight that chance would hardly find one that fits."""
    if feasible_share(settings.space, settings.budget, samples=200, precision=settings.precision) > _RARE:
        return
    smallest = settings.space.smallest()
    params = settings.space.locate(smallest)
    if params is not None and settings.budget.fits(settings.cost(smallest)):
        study.enqueue_trial(params, skip_if_exists=True)


def enqueue_baseline(study: "optuna.Study", settings: Settings) -> None:
    """Enqueue a sound network of the space, as large as the budget allows, so that a search begins with one."""
    if (params := settings.baseline()) is not None:
        study.enqueue_trial(params, skip_if_exists=True)


def enqueue_references(study: "optuna.Study", settings: Settings) -> list[str]:
    """Enqueue every reference that is a point of the space, fits the budget and is new; the names, in order."""
    from underbudget.models.references import REFERENCES

    names, seen = [], set()
    for name, reference in REFERENCES.items():
        params = settings.space.locate(reference.architecture)
        if params is None or reference.architecture.id in seen:
            continue
        seen.add(reference.architecture.id)
        if settings.budget.fits(settings.cost(settings.space.decode(params))):
            before = len(study.get_trials(deepcopy=False))
            study.enqueue_trial(params, skip_if_exists=True)
            if len(study.get_trials(deepcopy=False)) > before:
                names.append(name)
    return names


def make_engine(session: Session) -> Engine:
    """Worker processes, or this process."""
    in_process = session.options.engine == "in-process"
    return InProcessEngine() if in_process else devices.engine_for(session.device, session.workers)


class Listener:
    """What a session reports to. This one only writes the log; override what should be shown."""

    def say(self, line: str) -> None:
        """Something that a person should know."""
        log.info(line)

    def opened(self, session: Session) -> None:
        """The study is open and locked."""

    def begins(self, limits: Limits) -> None:
        """The study is opened now; setting `limits.stop` ends its search cleanly, from now on."""

    def happened(self, event: Event, progress: Progress) -> None:
        """Something happened in the search."""


def run(
    session: Session, listener: Listener | None = None, engine: Callable[[Session], Engine] = make_engine
) -> Outcome:
    """Search, and write the live report where one is asked for.

    Raises UserError as `open_study` does, UnderbudgetError where the database or the disk fails in the middle; the
    trials stored so far are kept.
    """
    import alembic.command  # noqa: F401, what Optuna's storages need takes a second: here an interrupt comes at once
    import optuna

    listener = listener or Listener()
    limits = Limits(session.trials, session.seconds)
    with LiveReport(session.location, session.options.target, session.live, listener.say) as report:
        try:
            outcome = _search(session, limits, listener, report, engine)
        except (OSError, optuna.exceptions.StorageInternalError) as error:
            what = " ".join(str(error.__cause__ or error).split())[:200]
            raise UnderbudgetError(
                f"the search was broken off ({what}): trials stored so far are kept, mend that and launch again"
            ) from error
        if session.live is not None and not limits.stop:
            listener.say("writing the report a last time")
            with _left_out_by_an_interrupt(limits):
                if report.finish():
                    listener.say(f"report     {report.page}")
        return outcome


@contextlib.contextmanager
def _left_out_by_an_interrupt(limits: Limits) -> Iterator[None]:
    """What comes after the last trial and writes nothing into the study: it may take long, and can be done again."""
    try:
        limits.at_once = True
        yield
    except KeyboardInterrupt:
        log.info("stopped while the last report or pictures were made: the next session makes them")
    finally:
        limits.at_once = False


def _search(
    session: Session, limits: Limits, listener: Listener, report: LiveReport, engine: Callable[[Session], Engine]
) -> Outcome:
    folder = session.location.folder
    listener.begins(limits)
    with contextlib.ExitStack() as open_now:
        study, guard = open_now.enter_context(studies.open_study(session.location, session.settings))
        open_now.enter_context(record.launch_log(folder / "launch.log"))
        listener.opened(session)
        keep_samples(session.dataset, folder)
        for leftover in (folder / "models").glob(".trial-*"):
            leftover.unlink()  # half a file that a killed session left
        if not study.get_trials(deepcopy=False):
            enqueue_smallest(study, session.settings)
            enqueue_baseline(study, session.settings)
        if session.options.start_from is not None:
            names = enqueue_references(study, session.settings)
            listener.say(f"starting from the references {', '.join(names) or '(none is new and fits)'}")
        closing = open_now.enter_context(record.recorded(study, session))
        made = open_now.enter_context(contextlib.closing(engine(session)))
        if isinstance(made, InProcessEngine):
            made.should_stop = lambda: bool(limits.stop)
        updater = update.Updater(session.location)
        conditions = Conditions(
            session.dataset.folder, folder, session.device, session.sampler, session.early, guard.check
        )
        notify = updater.watching(report.watching(listener.happened))
        coordinator = Coordinator(study, session.settings, made, limits, conditions, notify)
        outcome = coordinator.run()
        log.info("the session ends: %s", outcome.why)
        closing |= {
            "outcome": outcome.why,
            "trials_after": coordinator.progress.done,
            "busy_share": made.busy_share(),
        }
        made.close()
        updater.close(files=not limits.stop)
        if limits.stop:  # a person waits: the pictures come with the next session
            return outcome
        try:  # pictures for the report: a failure here must not end the search
            with _left_out_by_an_interrupt(limits):
                keep_misclassified(session.location, finding.read(session.location), session.dataset)
        except Exception as error:
            log.warning("the winner's misclassified images could not be kept: %s", error)
        return outcome
