"""Searches from the command line: header, display, clean stop, summary. Used by `launch` and `demo`."""

import logging
from collections.abc import Callable

from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports.comparison import compare
from underbudget.reports.comparison_tables import folder_name
from underbudget.reports.writing import write_comparison
from underbudget.search.commands import display, summary
from underbudget.search.commands.header import header
from underbudget.search.commands.terminal import console, say
from underbudget.search.progress import Event, Progress
from underbudget.search.session import repeats, resolving, running
from underbudget.search.session.coordinator import Limits, Outcome
from underbudget.search.session.request import Request
from underbudget.search.session.resolving import Session
from underbudget.search.session.signals import STOPPED, Stopper
from underbudget.search.study import finding
from underbudget.search.study import opening as studies

log = logging.getLogger(__name__)


class Shown(running.Listener):
    """A session in the terminal, which a signal stops cleanly."""

    def __init__(self, shown: display.Display, stopper: Stopper, tell: Callable[..., None]) -> None:
        self._display, self._stopper, self._tell = shown, stopper, tell
        self._log = display.Plain(log.info, every=True)

    def say(self, line: str) -> None:
        self._tell(line)

    def opened(self, session: Session) -> None:
        lines = header(session)
        for line in lines:
            log.info(line)
        self._tell(*lines, "")

    def begins(self, limits: Limits) -> None:
        self._stopper.begins(limits)

    def happened(self, event: Event, progress: Progress) -> None:
        self._log(event, progress)
        self._display(event, progress)


def run(session: Session, progress: str, stopper: Stopper, tell: Callable[..., None]) -> Outcome:
    """Search until the goal or a signal. progress: the mode of the display; tell: gets the lines for people."""
    with display.choose(progress, console()) as shown:
        return running.run(session, Shown(shown, stopper, tell))


def search(request: Request, progress: str) -> int:
    """Search as asked, once or on several seeds, and sum up. Exit code 0; before the goal 130 for a stop by a signal,
    1 for any other end."""
    if progress not in display.MODES:
        raise UserError(f"--progress is {', '.join(display.MODES)}, not {progress!r}")
    quiet = progress in ("json", "none")
    tell = (lambda *lines: None) if quiet else say
    stopper = Stopper()
    with stopper.listening():
        if request.repeats is not None:
            return _repeat(request, progress, stopper, tell)
        session = resolving.prepare(request, tell)
        outcome = run(session, progress, stopper, tell)
    if not quiet:
        finish(session, outcome)
    if stopper.signalled and not outcome.reached:
        return STOPPED
    return 0 if outcome.reached or outcome.in_time_limit else 1


def finish(session: Session, outcome: Outcome) -> None:
    """Print what a session came to and how to go on."""
    say("", f"{'Done' if outcome.reached else 'Stopped'}: {outcome.why}.")
    if not outcome.reached:
        say(f"Finished trials are kept, running ones are redone. Resume with: {session.resume.command()}")
    say()
    study = finding.read(session.location)
    summary.print_summary(study, session.options.target)
    if not studies.is_folded(session.location):
        other = f"note: another program has {session.location.database} open"
        say("", f"{other}; until it ends, its -wal file belongs with it")
    name, where = session.location.name, finding.options(session.location)
    say("", "Next:", f"  underbudget report {name}{where}", f"  underbudget dashboard {name}{where}")
    if study.trials and fronts.winner(study.trials, study.axis) is not None:
        say(f"  underbudget export {name}{where} --output winner.py")


def _repeat(request: Request, progress: str, stopper: Stopper, tell: Callable[..., None]) -> int:
    """Search on one seed after the other and compare."""
    sessions = repeats.prepare(request, tell)
    for number, session in enumerate(sessions, 1):
        tell(f"Search {number} of {len(sessions)}: {session.location.name}, seed {session.settings.seed}", "")
        outcome = run(session, progress, stopper, tell)
        tell("", f"{'Done' if outcome.reached else 'Stopped'}: {outcome.why}.", "")
        if stopper.signalled and not (outcome.reached and number == len(sessions)):
            kept = "Finished trials are kept, running ones are redone."
            tell(f"{kept} Go on with the rest of the set by:", f"  {request.command()}")
            return STOPPED
        if not (outcome.reached or outcome.in_time_limit):
            tell("The searches on the other seeds were not begun. Go on by:", f"  {request.command()}")
            return 1
    places = [session.location for session in sessions]
    try:
        folder = places[0].folder.parent / folder_name([repeats.name_of(request)])
        found = compare([finding.read(where) for where in places], request.target)
        paths = write_comparison(found, folder)
    except UserError as error:  # the searches are done
        say(f"note: no comparison of the {len(places)} searches ({error})")
        return 0
    if progress not in ("json", "none"):
        summary.print_comparison(found)
        names = " ".join(location.name for location in places)
        say("", "Comparison:", f"  {paths['page']}", "", "Next, with other studies too:")
        say(f"  underbudget report --compare {names}{finding.options(places[0])}")
    return 0
