"""A search from the command line: header, display, clean stop, summary. Used by `launch` and `demo`."""

import logging
import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from underbudget.models.errors import UnderbudgetError
from underbudget.models.plan import plan
from underbudget.reports import front as fronts
from underbudget.reports.record import SCORE_EPOCHS
from underbudget.search.commands import display, summary
from underbudget.search.commands.terminal import console, say
from underbudget.search.results.live_report import LiveReport
from underbudget.search.session import repeats, resolving, running
from underbudget.search.session.coordinator import Coordinator, Outcome
from underbudget.search.session.options import declared
from underbudget.search.session.options import to_toml as toml
from underbudget.search.session.request import Options, Request
from underbudget.search.session.resolving import Session
from underbudget.search.stopping.choosing import rung_epochs
from underbudget.search.study import finding
from underbudget.search.study import opening as studies
from underbudget.search.study.settings import Settings

log = logging.getLogger(__name__)

STOPPED = 130  # exit code after a clean stop by Ctrl-C or SIGTERM


def search(request: Request, progress: str) -> int:
    """Search as asked and print a summary. Exit code 0, or 130 where a person stopped it before the goal."""
    quiet = progress in ("json", "none")
    shown = display.choose(progress, console())
    stopper = Stopper()
    with stopper.listening():
        session = resolving.prepare(request, (lambda line: None) if quiet else say)
        outcome = run(session, shown, stopper, (lambda line: None) if quiet else say)
    if not quiet:
        finish(session, outcome)
    if stopper.signalled and not outcome.reached:
        return STOPPED
    return 0 if outcome.reached or outcome.in_time_limit else 1


def run(session: Session, shown: display.Display, stopper: "Stopper", tell: Callable[[str], None]) -> Outcome:
    """Search under a display, until the goal or a signal. `tell` gets the header, once the study is ours."""

    def opened() -> None:
        for line in header(session):
            log.info("%s", line)
            tell(line)
        tell("")

    try:
        with LiveReport(session.location, session.options.target, session.live, tell) as report:
            with shown:
                watched = report.watching(shown)
                outcome = running.run(session, notify=watched, opened=opened, begun=stopper.take, say=tell)
            if session.live is not None:
                tell("writing the report a last time")
            if report.finish():
                tell(f"report     {report.page}")
            return outcome
    except KeyboardInterrupt as stop:
        raise StoppedError(
            f"stopped at once; finished trials are kept, resume with: {resume_command(session)}"
        ) from stop


def finish(session: Session, outcome: Outcome) -> None:
    """Print what a session came to and how to go on."""
    say()
    say(f"{'Done' if outcome.reached else 'Stopped'}: {outcome.why}.")
    if not outcome.reached:
        say(f"Finished trials are kept, running ones are redone. Resume with: {resume_command(session)}")
    say()
    study = finding.read(session.location)
    summary.print_summary(study, session.options.target)
    if not studies.is_folded(session.location):
        say()
        say(f"note: another program has {session.location.database} open; until it ends, its -wal file belongs with it")
    say()
    name, where = session.location.name, finding.options(session.location)
    say("Next:")
    say(f"  underbudget report {name}{where}")
    say(f"  underbudget dashboard {name}{where}")
    if study.trials and fronts.winner(study.trials, study.axis) is not None:
        say(f"  underbudget export {name}{where} --output winner.py")


def resume_command(session: Session) -> str:
    """The command that goes on with a study."""
    return session.resume.command()


def header(session: Session) -> list[str]:
    """Every setting resolved, a line each."""
    settings, info, recipe = session.settings, session.settings.dataset, session.settings.recipe
    shape = "x".join(str(size) for size in info.input_shape)
    counts = info.counts
    rows = [
        ("study", f"{session.location.name} ({'resumed' if session.resumes else 'new'}), in {session.location.folder}"),
        ("data set", f"{info.name}, {shape}, {len(info.classes)} classes, checksum {info.checksum[:12]}"),
        (
            "images",
            f"{counts['train']:,} train, {counts['validation']:,} validation, {counts['test']:,} test (not read)",
        ),
        ("budget", f"{settings.budget}: {', '.join(settings.budget.plain())} ({settings.precision})"),
        ("trials", f"{session.trials} of {settings.epochs} epochs, sampler {session.sampler}, seed {settings.seed}"),
        ("objective", _objective_words(settings)),
        ("stopping", _stopping_words(session)),
        ("recipe", f"{recipe.name}, {recipe.optimizer} lr {recipe.lr:g}, batch {recipe.batch_size}"),
        (
            "steps",
            f"{session.steps:,} per trial: {counts['train']:,} images in batches of {recipe.batch_size}, "
            f"{settings.epochs} times",
        ),
        ("workers", f"{session.workers} on {session.device} ({session.workers_reason})"),
        ("space", f"{len(settings.space.dimensions)} dimensions, fingerprint {settings.space.fingerprint}"),
    ]
    if settings.tune:
        rows.append(("tuned", ", ".join(settings.tune)))
    if session.options.target is not None:
        rows.append(("target", f"{session.options.target:g} % on validation in each of the last 3 epochs"))
    if session.live is not None:
        rows.append(("report", f"every {display.duration(session.live)}, in {session.location.folder / 'report'}"))
    if not math.isinf(session.seconds):
        rows.append(("timeout", display.duration(session.seconds)))
    lines = [f"{name:<10} {text}" for name, text in rows]
    if session.options.target is not None and settings.epochs < SCORE_EPOCHS:
        lines.append(
            f"warning: no network can hold a target in its last {SCORE_EPOCHS} epochs with --epochs {settings.epochs}"
        )
    if session.steps < resolving.WARN_STEPS:
        lines.append(
            f"warning: {session.steps:,} steps per trial are few (under {resolving.WARN_STEPS:,}): "
            "accuracies will be rough, give more --epochs or a smaller --batch-size"
        )
    return lines


def _objective_words(settings: Settings) -> str:
    if settings.objective.kind == "accuracy":
        return "the most accurate network under the budget"
    return f"the front of {settings.objective.minimize} and validation accuracy"


def _stopping_words(session: Session) -> str:
    """How trials are stopped early, with the epochs at which they are judged."""
    early = session.early
    if early.method == "none":
        return "none: every trial is trained to its end"
    found = ", ".join(str(epoch) for epoch in rung_epochs(early, session.settings.epochs))
    return f"{early.method}, judged after epoch {found}" if found else f"{early.method}: no epoch to judge after"


def dry_run(request: Request) -> int:
    """Print the configuration as TOML, the ends of the space and the share of random proposals under budget."""
    from underbudget.budget.count import count
    from underbudget.search.space import feasible_share

    def comment(line: str) -> None:
        say(f"# {line}")

    searches = [resolving.prepare(request, comment)] if request.repeats is None else repeats.prepare(request, comment)
    session = searches[0]
    settings, space = session.settings, session.settings.space
    say(to_toml(session))
    say()
    if len(searches) > 1:
        say(f"# {len(searches)} searches: {', '.join(search.location.name for search in searches)}")
    shape, classes = settings.dataset.input_shape, len(settings.dataset.classes)
    for word, network in (("smallest", space.smallest()), ("largest", space.largest())):
        params = count(plan(network, shape, classes), settings.precision).params
        say(f"# {word} network: {params:,} parameters: {network}")
    share = feasible_share(space, settings.budget, precision=settings.precision)
    say(f"# {100 * share:.1f} % of random proposals are under {settings.budget}")
    return 0


def to_toml(session: Session) -> str:
    """The resolved configuration as a TOML file that `--config` reads, without the storage: it may hold a password."""
    values = {name: getattr(session.options, name) for name in declared(Options) if name != "storage"}
    if session.resume.repeats is not None:
        values |= {"study": repeats.name_of(session.resume), "repeats": session.resume.repeats}
    return toml(values)


class StoppedError(UnderbudgetError):
    """A person ended the program before it could end cleanly."""

    exit_code = STOPPED


class Stopper:
    """Turns Ctrl-C and SIGTERM into a clean stop of the coordinator.

    Before there is a coordinator, and at the second time, it interrupts at once.
    """

    def __init__(self) -> None:
        self.signalled = False
        self._coordinator: Coordinator | None = None

    def take(self, coordinator: Coordinator) -> None:
        """The coordinator that is to be stopped from now on."""
        self._coordinator = coordinator

    def _handle(self, number: int, frame: object) -> None:
        if self.signalled or self._coordinator is None:
            self.signalled = True
            # It has no words for a person about a connection that is interrupted while it closes, but a traceback.
            logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL + 1)
            raise KeyboardInterrupt
        self.signalled = True
        self._coordinator.limits.stop = f"stopped by {signal.Signals(number).name}"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle signals; in the main thread, which alone may."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        except KeyboardInterrupt as stop:
            raise StoppedError("stopped before the search began, nothing is lost") from stop
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
