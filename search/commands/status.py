"""`underbudget status`: how a study stands; without a name, all studies."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from underbudget.reports.record import StudyRecord
from underbudget.search.commands.options import Json, Runs, Storage, Target


def status(
    study: Annotated[str | None, typer.Argument(help="Name of the study; all studies if left out.")] = None,
    target: Target = None,
    as_json: Json = False,
    runs: Runs = None,
    storage: Storage = None,
) -> None:
    """Show how a study stands, or all studies. Reads only, also while a search is running."""
    from underbudget.search.session.request import check_target

    if target is not None:
        check_target(target)
    if study is None:
        _all_studies(runs, storage, as_json)
    else:
        _one_study(study, target, as_json, runs, storage)


def _one_study(name: str, target: float | None, as_json: bool, runs: str | None, storage: str | None) -> None:
    from underbudget.reports import tables
    from underbudget.search.commands import summary
    from underbudget.search.commands.terminal import say
    from underbudget.search.study import finding, locks

    where = finding.find(name, runs, storage)
    found = finding.read(where)
    if as_json:
        print(json.dumps(tables.to_json(found, target), indent=2))
        return
    settings = found.settings
    searched = locks.is_held(where)
    say(f"study {found.name} in {finding.shown_storage(where)}")
    say(
        f"{settings['dataset']['name']}, {settings['budget']}, {settings['epochs']} epochs, "
        f"recipe {settings['recipe']['name']}, seed {settings['seed']}"
    )
    if found.sessions:
        last = found.sessions[-1]
        if searched:
            ended = "running now"
        elif last.get("ended"):
            ended = f"ended {last['ended']}: {last.get('outcome', '')}"
        else:
            ended = "killed"
        say(f"last session began {last['started']}, workers: {last['workers']} on {last['device']}, {ended}")
    left = tables.counts(found)["running"]
    if left and not searched:
        say(f"{left} running trials were interrupted: {_resume(name, found, runs, storage)} runs them again")
    summary.print_summary(found, target)


def _resume(name: str, found: StudyRecord, runs: str | None, storage: str | None) -> str:
    """The command that goes on with a study, towards the number of trials that its last session was asked for."""
    from underbudget.search.session.request import Request

    asked = found.sessions[-1].get("trials_asked") if found.sessions else None
    return Request(study=name, trials=asked, runs=runs, storage=storage).command()


def _all_studies(runs: str | None, storage: str | None, as_json: bool) -> None:
    from underbudget.models.errors import UnderbudgetError
    from underbudget.reports.reading import list_studies
    from underbudget.search.commands.terminal import console, say
    from underbudget.search.study import finding

    folder = Path(runs or "runs")
    names = list(list_studies(storage)) if storage else [path.name for path in finding.studies_in(folder)]
    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            rows.append(_row(name, runs, storage))
        except UnderbudgetError as error:
            rows.append({"study": name, "error": str(error)})
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        say(f"no studies in {folder.resolve()}: begin one with underbudget launch")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("study", "data set", "budget", "trained", "rejected", "failed", "front", "winner %", "params"):
        table.add_column(header, justify="left" if header in ("study", "data set", "budget") else "right")
    for row in rows:
        if "error" in row:
            continue
        score, params = row["score"], row["params"]
        table.add_row(
            Text(row["study"]),
            Text(str(row["dataset"])),
            Text(str(row["budget"])),
            *(str(row[key]) for key in ("trained", "rejected", "failed", "front")),
            "" if score is None else f"{score:.2f}",
            "" if params is None else f"{params:,}",
        )
    if any("error" not in row for row in rows):
        console().print(table)
    for row in rows:
        if "error" in row:
            say(f"{row['study']}: {row['error']}")


def _row(name: str, runs: str | None, storage: str | None) -> dict[str, Any]:
    from underbudget.reports import front as fronts
    from underbudget.reports import tables
    from underbudget.search.study import finding

    found = finding.read(finding.find(name, runs, storage))
    best = fronts.winner(found.trials, found.axis)
    return {
        "study": name,
        "dataset": found.settings["dataset"]["name"],
        "budget": found.settings["budget"],
        **tables.counts(found),
        "front": len(fronts.front(found.trials, found.axis)),
        "score": None if best is None else best.score,
        "params": None if best is None else fronts.cost(best),
    }
