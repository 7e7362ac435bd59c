"""`underbudget launch --repeats`: one search after the other, each on its own seed, then their comparison."""

from underbudget.models.errors import UserError
from underbudget.reports.comparison_tables import folder_name
from underbudget.search.commands import comparing, display, searching
from underbudget.search.commands.terminal import console, say
from underbudget.search.session import repeats
from underbudget.search.session.request import Request
from underbudget.search.session.resolving import Session
from underbudget.search.study import finding


def repeat(request: Request, progress: str) -> int:
    """Search on every seed and compare. Exit code 0, 130 where a person stopped it, 1 where a search failed."""
    quiet = progress in ("json", "none")
    tell = (lambda line: None) if quiet else say
    display.choose(progress, console())  # refuses an unknown word before anything else
    stopper = searching.Stopper()
    with stopper.listening():
        sessions = repeats.prepare(request, tell)
        for number, session in enumerate(sessions, 1):
            tell(f"Search {number} of {len(sessions)}: {session.location.name}, seed {session.settings.seed}")
            tell("")
            outcome = searching.run(session, display.choose(progress, console()), stopper, tell)
            tell("")
            tell(f"{'Done' if outcome.reached else 'Stopped'}: {outcome.why}.")
            tell("")
            if stopper.signalled and not (outcome.reached and number == len(sessions)):
                tell("Finished trials are kept, running ones are redone. Go on with the rest of the set by:")
                tell(f"  {request.command()}")
                return searching.STOPPED
            if not (outcome.reached or outcome.in_time_limit):
                tell("The searches on the other seeds were not begun. Go on by:")
                tell(f"  {request.command()}")
                return 1
        _compare(request, sessions, quiet)
    return 0


def _compare(request: Request, sessions: list[Session], quiet: bool) -> None:
    """Write the comparison of the set and say where; what prevents it is said, the searches are done."""
    places = [session.location for session in sessions]
    folder = places[0].folder.parent / folder_name([repeats.name_of(request)])
    try:
        found, paths = comparing.compare(places, request.target, folder)
    except UserError as error:
        say(f"note: no comparison of the {len(places)} searches ({error})")
        return
    if quiet:
        return
    comparing.print_comparison(found)
    say()
    say("Comparison:")
    say(f"  {paths['page']}")
    say()
    say("Next, with other studies too:")
    names = " ".join(location.name for location in places)
    say(f"  underbudget report --compare {names}{finding.options(sessions[0].location)}")
