"""`underbudget status`: how a study stands; without a name, all studies."""

from pathlib import Path
from typing import Annotated, Any

import typer

from underbudget.models.errors import UnderbudgetError
from underbudget.models.files import real_path
from underbudget.search.commands.options import Json, Runs, Storage, Target
from underbudget.search.commands.terminal import console, print_json, say, table


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
    from underbudget.search.session.request import Request
    from underbudget.search.study import finding, locks

    where = finding.find(name, runs, storage)
    found = finding.read(where)
    if as_json:
        print_json(tables.to_json(found, target))
        return
    settings = found.stored
    searched = locks.is_held(where)
    say(f"study {found.name} in {finding.shown_storage(where)}")
    recipe = settings.recipe.get("name", "-")
    say(f"{settings.dataset.name}, {settings.budget}, {settings.epochs} epochs, recipe {recipe}, seed {settings.seed}")
    if settings.metric != "accuracy":
        say(f"accuracy means {settings.metric_words}")
    last = found.sessions[-1] if found.sessions else {}
    if last:
        ended = f"ended {last['ended']}: {last.get('outcome', '')}" if last.get("ended") else "killed"
        began, workers, device = (last.get(key, "-") for key in ("started", "workers", "device"))
        say(f"last session began {began}, workers: {workers} on {device}, {'running now' if searched else ended}")
    left = tables.counts(found)["running"]
    if left and not searched:
        again = Request(study=name, trials=last.get("trials_asked"), runs=runs, storage=storage).command()
        say(f"{left} running trials were interrupted: {again} runs them again")
    summary.print_summary(found, target)


def _all_studies(runs: str | None, storage: str | None, as_json: bool) -> None:
    from underbudget.reports import front as fronts
    from underbudget.reports import tables
    from underbudget.reports.reading import list_studies
    from underbudget.search.study import finding
    from underbudget.search.study.location import RUNS

    folder = Path(runs or RUNS)
    names = list(list_studies(storage)) if storage else [path.name for path in finding.studies_in(folder)]
    found: list[dict[str, Any]] = []
    for name in names:
        try:
            study = finding.read(finding.find(name, runs, storage))
            best = fronts.winner(study.trials, study.axis)
            facts: dict[str, Any] = {"study": name, "dataset": study.stored.dataset.name, "budget": study.stored.budget}
            facts |= tables.counts(study) | {"front": len(fronts.front(study.trials, study.axis))}
            score, params = (None, None) if best is None else (best.score, fronts.cost(best))
            found.append({**facts, "score": score, "params": params})
        except UnderbudgetError as error:
            found.append({"study": name, "error": str(error)})
    if as_json:
        print_json(found)
        return
    if not found:
        say(f"no studies in {real_path(folder)}: begin one with underbudget launch")
        return
    columns = ("study", "data set", "budget", "trained", "rejected", "failed", "front", "winner %", "params")
    counts = ("study", "dataset", "budget", "trained", "rejected", "failed", "front")
    rows = [(*(str(row[key]) for key in counts), row["score"], row["params"]) for row in found if "error" not in row]
    if rows:
        console().print(table(columns, rows, left=columns[:3], folded=columns))
    for row in found:
        if "error" in row:
            say(f"{row['study']}: {row['error']}")
