"""`underbudget report`: the page, the tables, the JSON; figures for a paper; several studies compared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from underbudget.models.errors import UserError
from underbudget.search.commands.options import Json, Runs, Storage, Target
from underbudget.search.commands.terminal import print_json, say

if TYPE_CHECKING:
    from underbudget.search.study.location import StudyLocation

_OUTPUT_HELP = "Folder to write into, instead of STUDY/report or RUNS/compare-STUDY-STUDY."


def report(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY", help="Name of the study; several with --compare.")],
    target: Target = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also figures for a paper (PDF, SVG, PNG) and a LaTeX table.")
    ] = False,
    column_width: Annotated[
        float | None, typer.Option(help="Width of these figures in inches.", show_default="3.3")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Compare several studies on one page.")] = False,
    output: Annotated[Path | None, typer.Option(help=_OUTPUT_HELP)] = None,
    as_json: Json = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    runs: Runs = None,
    storage: Storage = None,
) -> None:
    """Write the report of a study: one HTML page that needs no network, CSV tables and JSON."""
    from underbudget.reports import paper
    from underbudget.search.session.request import check_target
    from underbudget.search.study import finding

    if target is not None:
        check_target(target)
    if column_width is not None:
        if not figures:
            raise UserError("--column-width is that of the figures: give --figures too")
        paper.check_width(column_width)
    if compare and figures:
        raise UserError("--figures draws one study, --compare is a page of several: run report twice")
    if len(studies) > 1 and not compare:
        raise UserError(f"a report is of one study, not of {len(studies)}: give --compare, or run report for each")
    places = [finding.find(study, runs, storage) for study in studies]
    if compare:
        page = _compare(places, target, output, as_json)
    else:
        width = (column_width or paper.WIDTH) if figures else None
        page = _report(places[0], target, output, as_json, width)
    if open_page:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def _report(
    where: "StudyLocation", target: float | None, output: Path | None, as_json: bool, width: float | None
) -> Path:
    """The report of one study, with figures of a width in inches where one is given; its page."""
    from underbudget.reports import paper, tables
    from underbudget.search.commands import summary
    from underbudget.search.dashboard import update as additions
    from underbudget.search.results import report as reporting
    from underbudget.search.study import finding

    found = finding.read(where)
    if width is not None:
        paper.check_drawable(found)
    folder = where.folder / "report" if output is None else output
    paths, confirmation = reporting.write(where, found, target, folder)
    written = list(paths.values())
    if width is not None:
        written += paper.write_figures(found, folder / paper.FOLDER, width, target).values()
    if said := additions.update(where, found, seconds=1.0):  # `underbudget dashboard` makes the rest
        typer.echo(said, err=True)
    if as_json:
        print_json(tables.to_json(found, target, confirmation))
        return paths["page"]
    summary.print_summary(found, target)
    say(*([confirmation] if confirmation else []), "", *map(str, written))
    return paths["page"]


def _compare(places: "list[StudyLocation]", target: float | None, output: Path | None, as_json: bool) -> Path:
    """The comparison of several studies; its page."""
    from underbudget.reports.comparison import compare
    from underbudget.reports.comparison_tables import folder_name, to_json
    from underbudget.reports.writing import write_comparison
    from underbudget.search.commands import summary
    from underbudget.search.study import finding

    found = compare([finding.read(where) for where in places], target)
    folder = output or places[0].folder.parent / folder_name([where.name for where in places])
    paths = write_comparison(found, folder)
    if as_json:
        print_json(to_json(found))
        return paths["page"]
    summary.print_comparison(found)
    say("", *map(str, paths.values()))
    return paths["page"]
