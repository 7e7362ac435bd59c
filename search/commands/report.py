"""`underbudget report`: the page, the tables, the JSON."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.options import Json, Runs, Storage, Target

if TYPE_CHECKING:
    from reports.record import StudyRecord


def report(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    target: Target = None,
    as_json: Json = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    runs: Runs = None,
    storage: Storage = None,
) -> int:
    """Write the report of a study: one HTML page that needs no network, CSV tables and JSON."""
    from reports import tables
    from reports.writing import write_report
    from search import lookup
    from search.commands import summary
    from search.commands.terminal import say
    from search.request import check_target

    if target is not None:
        check_target(target)
    where = lookup.find(study, runs, storage)
    found = lookup.read(where)
    folder = where.folder / "report"
    try:
        paths = write_report(found, folder, target)
    except OSError as error:
        from models.errors import UserError

        raise UserError(f"the report folder {folder} cannot be written ({error.strerror}): check its rights") from error
    if as_json:
        print(json.dumps(tables.to_json(found, target), indent=2))
        return 0
    summary.print_summary(found, target)
    agrees = confirm_winner(found)
    say()
    for path in paths.values():
        say(str(path))
    if open_page:
        import webbrowser

        webbrowser.open(paths["page"].resolve().as_uri())
    return 0 if agrees else 1


def confirm_winner(found: "StudyRecord") -> bool:
    """Count the winner's network with torch and fvcore and print what they say; True where all agree."""
    from budget.crosscheck import crosscheck
    from reports import front as fronts
    from search import winners
    from search.commands.terminal import say

    best = fronts.winner(found.trials)
    if best is None:
        return True
    check = crosscheck(winners.plan_of(found, best))
    say(f"winner #{best.trial}: {check.line()}")
    return check.agrees
