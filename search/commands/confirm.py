"""`underbudget confirm`: finalists of a study on fresh seeds, the test set read once per run."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from underbudget.search.commands.options import DataDir, Json, Runs, Storage
from underbudget.search.commands.train import Device, Workers

if TYPE_CHECKING:
    from rich.table import Table

    from underbudget.reports.confirmation import Confirmation


def confirm(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    top: Annotated[
        int, typer.Option(help="How many trials of the front (with --objective accuracy: of all), best first.")
    ] = 5,
    seeds: Annotated[int, typer.Option(help="Fresh seeds for each of them.")] = 5,
    target: Annotated[
        float | None, typer.Option("--target", help="Accuracy in percent to be held in the last epochs.")
    ] = None,
    last: Annotated[int, typer.Option(help="How many last epochs must hold the target.")] = 5,
    device: Device = None,
    workers: Workers = None,
    runs: Runs = None,
    storage: Storage = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Retrain the best networks of a study on fresh seeds, on train + validation, and read the test set once per run.

    Results are kept in the study, weights in its folder; the same command goes on where it was stopped, and more seeds
    or a larger --top add to what is there.
    """
    from underbudget.reports import confirmation as confirmed
    from underbudget.reports.writing import write_confirmation
    from underbudget.search.commands.terminal import console, say
    from underbudget.search.commands.train import compute
    from underbudget.search.experiments import confirmation as judging
    from underbudget.search.experiments import setup as setups
    from underbudget.search.experiments import training as trainings
    from underbudget.search.study import finding
    from underbudget.search.study import opening as studies
    from underbudget.search.study.location import CONFIRMATIONS

    tell = (lambda line="": None) if as_json else say
    setups.check_seeds(seeds)
    goal = trainings.goal(target, last, "params<8000", 15)
    where = finding.find(study, runs, storage)
    found = finding.read(where)
    setup = setups.prepare(found.settings["dataset"]["name"], data_dir, device, workers, tell)
    judging.check_data(found, setup.dataset)
    finalists = judging.choose(found, top, seeds, setup.dataset)
    folder = where.folder / CONFIRMATIONS
    specs = [spec for finalist in finalists for spec in finalist.specs]
    tell(f"device    {setup.device_line()}")
    tell(f"runs      {len(specs)}: {seeds} of each of {len(finalists)} finalists, below {folder}")
    tell()
    settings = studies.stored_settings(where)
    assert settings is not None, "the study was read"
    with studies.open_study(where, settings) as stored:
        done = compute(
            specs,
            setup,
            folder,
            "confirm",
            as_json,
            keep=judging.keeper(stored),
            known=judging.finder(stored, setup.dataset, folder),
        )
    result = confirmed.Confirmation(
        found.name,
        tuple(
            confirmed.Confirmed(finalist.trial, tuple(done[spec.key] for spec in finalist.specs))
            for finalist in finalists
        ),
        None if goal is None else goal.accuracy,
        last,
    )
    paths = write_confirmation(result, folder)
    if as_json:
        print(json.dumps(confirmed.to_json(result), indent=2, allow_nan=False))
        return
    say()
    console().print(_table(result))
    say()
    for path in paths.values():
        say(str(path))
    say()
    for line in _closing(result):
        say(line)


def _table(result: "Confirmation") -> "Table":
    from rich.table import Table

    from underbudget.reports.confirmation import rows

    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ("trial", "params", "search score", "mean", "sd", "min", "max", "95 % interval", "best epoch (on test)")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold", no_wrap="interval" in name)
    for row in rows(result):
        one = "" if row["sd"] is None else f"{row['sd']:.2f}"
        interval = "" if row["low"] is None else f"{row['low']:.2f} .. {min(row['high'], 100):.2f}"
        table.add_row(
            f"#{row['trial']}",
            f"{row['params']:,}",
            f"{row['search_score']:.2f}",
            f"{row['mean']:.2f}",
            one,
            f"{row['min']:.2f}",
            f"{row['max']:.2f}",
            interval,
            f"{row['mean_best_epoch_chosen_on_test']:.2f}",
        )
    return table


def _closing(result: "Confirmation") -> list[str]:
    from underbudget.reports.runs import holding

    first = result.finalists[0].runs[0]
    lines = [
        f"test accuracy of the last epoch on {first.data.judged:,} images, in percent; interval: Student's, over seeds",
        f"readings of the test labels: {result.readings}, one per run",
    ]
    if result.correlation is None:
        lines.append("rank correlation of search score and confirmed mean: needs three finalists that differ")
    else:
        lines.append(
            f"rank correlation of search score and confirmed mean: {result.correlation:.2f} "
            f"(Spearman, {len(result.finalists)} finalists)"
        )
    if result.target is not None:
        lines += [
            f"#{one.trial.trial}: {holding(one.runs, result.target, result.last)}" for one in result.finalists[1:]
        ]
        lines.append(f"#{result.finalists[0].trial.trial}, the search's winner:")
        lines.append(result.closing() or "")
    return lines
