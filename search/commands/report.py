"""`underbudget report`: the page, the tables, the JSON."""

import json
from typing import Annotated

import typer

from search.commands.options import Json, Runs, Storage, Target


def report(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    target: Target = None,
    as_json: Json = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    runs: Runs = None,
    storage: Storage = None,
) -> None:
    """Write the report of a study: one HTML page that needs no network, CSV tables and JSON."""
    from reports import front as fronts
    from reports import tables
    from reports.writing import write_report
    from search import lookup, winners
    from search.commands import summary
    from search.commands.terminal import say
    from search.request import check_target

    if target is not None:
        check_target(target)
    where = lookup.find(study, runs, storage)
    found = lookup.read(where)
    best = fronts.winner(found.trials, found.axis)
    confirmation = None if best is None else winners.confirm(found, best)
    paths = write_report(found, where.folder / "report", target, confirmation=confirmation)
    if as_json:
        print(json.dumps(tables.to_json(found, target, confirmation), indent=2, allow_nan=False))
        return
    summary.print_summary(found, target)
    if confirmation is not None:
        say(confirmation)
    say()
    for path in paths.values():
        say(str(path))
    if open_page:
        import webbrowser

        webbrowser.open(paths["page"].resolve().as_uri())
