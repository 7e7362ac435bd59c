"""`underbudget series`: a published collection, step by step, published against reproduced."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from underbudget.search.commands.options import DataDir, Json, Runs
from underbudget.search.commands.train import Dataset, Device, Epochs, Output, Workers

if TYPE_CHECKING:
    from rich.table import Table

    from underbudget.reports.series import Series


def series(
    name: Annotated[str, typer.Argument(help="mkthoma, gmshashank, tharun, saish or pankaja.")],
    seeds: Annotated[int, typer.Option(help="How many seeds of each step.")] = 3,
    seed: Annotated[int, typer.Option(help="The first seed; the others follow it.")] = 0,
    steps: Annotated[
        str | None, typer.Option(help="Only these, e.g. saish-m3,saish-m4; the others are listed.", show_default="all")
    ] = None,
    epochs: Epochs = None,
    protocol: Annotated[str, typer.Option(help="published, confirm or search, as in `train`.")] = "published",
    max_params: Annotated[int, typer.Option(help="Steps with more parameters are counted, not trained.")] = 1_000_000,
    dataset: Dataset = None,
    output: Output = None,
    device: Device = None,
    workers: Workers = None,
    runs: Runs = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Replay a published series: each step by its own recipe, its parameters and accuracy beside the published ones.

    The same command goes on where it was stopped.
    """
    from underbudget.models.errors import UserError
    from underbudget.models.plan import plan
    from underbudget.reports import series as reported
    from underbudget.reports.writing import write_series
    from underbudget.search.commands.terminal import console, say
    from underbudget.search.commands.train import check_seed, compute
    from underbudget.search.data.protocol import check_protocol
    from underbudget.search.experiments import series as replayed
    from underbudget.search.experiments import setup as setups

    tell = (lambda line="": None) if as_json else say
    check_protocol(protocol)
    setups.check_seeds(seeds)
    check_seed(seed)
    if max_params < 0:
        raise UserError(f"--max-params is a whole number of at least 0, not {max_params}")
    chosen = replayed.collection(name)
    wanted = _wanted(steps, [step.name for step in chosen.steps])
    setup = setups.prepare(dataset or "mnist", data_dir, device, workers, tell)
    info = setup.dataset.info
    folder = output or Path(runs or "runs") / "series" / f"{chosen.name}-{info.name}-{protocol}"
    found: list[reported.SeriesStep] = []
    asked: dict[str, list[str]] = {}
    specs = []
    for step in chosen.steps:
        network = plan(step.architecture, info.input_shape, len(info.classes))
        params = sum(layer.params for layer in network.layers)
        why = ""
        if step.name not in wanted:
            why = "not asked for"
        elif params > max_params:
            why = f"{params:,} parameters are over --max-params {max_params:,}"
        else:
            own = replayed.specs(step, setup.dataset, protocol, seed, seeds, epochs)
            asked[step.name] = [spec.key for spec in own]
            specs += own
        found.append(reported.SeriesStep(step, network, (), why))
    tell(f"device    {setup.device_line()}")
    tell(f"series    {chosen.repository}: {len(asked)} of {len(found)} steps, {seeds} seeds each, in {folder}")
    tell()
    lost: dict[str, str] = {}
    done = compute(specs, setup, folder, "series", as_json, failed=lambda spec, why: lost.setdefault(spec.key, why))

    def finished(step: reported.SeriesStep) -> reported.SeriesStep:
        keys = asked.get(step.reference.name, [])
        reasons = [lost[key] for key in keys if key in lost]
        its_runs = tuple(done[key] for key in keys if key in done)
        why = step.untrained if its_runs or not reasons else f"all {len(reasons)} runs failed: {reasons[0]}"
        return reported.SeriesStep(step.reference, step.network, its_runs, why, len(reasons))

    result = reported.Series(chosen.name, chosen.repository, protocol, tuple(map(finished, found)))
    paths = write_series(result, folder)
    if as_json:
        print(json.dumps(reported.to_json(result), indent=2, allow_nan=False))
        return
    say()
    console().print(_table(result))
    say()
    for index, replay in enumerate(result.steps):
        before = result.previous(index)
        say(replay.reference.name)
        say(f"  target    {reported.target(replay, before)}")
        say(f"  result    {reported.result(replay)}")
        for line in reported.analysis(replay, before):
            say(f"  analysis  {line}")
    say()
    equal = sum(each.params == each.reference.published_params for each in result.steps)
    say(f"{equal} of {len(result.steps)} parameter counts equal the published ones")
    for path in paths.values():
        say(str(path))


def _wanted(text: str | None, names: list[str]) -> set[str]:
    from underbudget.models.errors import UserError

    if text is None:
        return set(names)
    chosen = {word.strip() for word in text.split(",") if word.strip()}
    unknown = sorted(chosen - set(names))
    if unknown or not chosen:
        shown = repr(unknown[0][:40]) if unknown else "nothing"
        raise UserError(f"--steps are steps of this series ({', '.join(names)}), not {shown}")
    return chosen


def _table(result: "Series") -> "Table":
    from rich.table import Table

    from underbudget.reports.series import rows

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("step", "params", "published", "best epoch", "sd", "SE apart", "last epoch", "sd"):
        table.add_column(column, justify="left" if column == "step" else "right", overflow="fold")

    def number(value: float | None, form: str = ".2f") -> str:
        return "" if value is None else format(value, form)

    for row in rows(result):
        table.add_row(
            row["step"],
            f"{row['params']:,}",
            number(row["published_best_test"]),
            number(row["best_mean"]) or "not trained",
            number(row["best_sd"]),
            number(row["standard_errors"], "+.1f"),
            number(row["last_mean"]),
            number(row["last_sd"]),
        )
    return table
