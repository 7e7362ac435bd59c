"""`underbudget ablate`: each ingredient of a network taken away or swapped, and what that changes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from underbudget.search.commands.options import DataDir, Json, Runs, Storage
from underbudget.search.commands.train import Dataset, Device, Epochs, Output, Recipe, What, Workers

if TYPE_CHECKING:
    from rich.table import Table

    from underbudget.reports.ablation import Ablation


def ablate(
    what: What,
    seeds: Annotated[int, typer.Option(help="How many seeds of each variant; intervals need two.")] = 3,
    seed: Annotated[int, typer.Option(help="The first seed; the others follow it.")] = 0,
    recipe: Recipe = None,
    protocol: Annotated[str, typer.Option(help="search, confirm or published, as in `train`.")] = "search",
    epochs: Epochs = None,
    dataset: Dataset = None,
    output: Output = None,
    device: Device = None,
    workers: Workers = None,
    runs: Runs = None,
    storage: Storage = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Take away or swap each ingredient of a network: batch norm, dropout, GAP head, 1x1 transition, pool position,
    augmentation, schedule. Reports the change in accuracy and in cost.

    The same command goes on where it was stopped.
    """
    from underbudget.budget.count import count
    from underbudget.models.errors import UnderbudgetError
    from underbudget.models.plan import plan
    from underbudget.reports import ablation as reported
    from underbudget.reports.writing import write_ablation
    from underbudget.search.commands.terminal import console, say
    from underbudget.search.commands.train import check_seed, compute
    from underbudget.search.data.protocol import check_protocol
    from underbudget.search.experiments import setup as setups
    from underbudget.search.experiments import training as trainings
    from underbudget.search.experiments.ablation import NotApplicable, Variant, variants
    from underbudget.search.experiments.network_spec import network_spec
    from underbudget.search.experiments.run_spec import RunSpec

    tell = (lambda line="": None) if as_json else say
    check_protocol(protocol)
    setups.check_seeds(seeds)
    check_seed(seed)
    found = network_spec(what, runs, storage, recipe, dataset)
    setup = setups.prepare(found.dataset, data_dir, device, workers, tell)
    info = setup.dataset.info
    network = trainings.network(found, setup)
    images = trainings.images(setup, protocol)
    chosen = trainings.resolved(found.recipe, trainings.Changes(epochs=epochs), images)
    folder = output or (
        Path(runs or "runs") / "ablate" / f"{found.stem}-{info.name}-{chosen.name}-{chosen.epochs}e-{protocol}"
    )
    listed = variants(network, chosen, images)
    arms = [Variant("as-it-is", "", "as it is", found.architecture, chosen)]
    arms += [each for each in listed if isinstance(each, Variant)]
    missing = [each for each in listed if isinstance(each, NotApplicable)]
    tell(f"device    {setup.device_line()}")
    tell(f"arms      {len(arms)} with the network as it is, {seeds} seeds each, in {folder}")
    for absent in missing:
        tell(f"absent    {absent.ingredient}: {absent.reason}")
    tell()
    specs = {
        arm.key: [
            RunSpec(f"{arm.key}/seed-{number}", found.name, arm.architecture, arm.recipe, number, protocol)
            for number in range(seed, seed + seeds)
        ]
        for arm in arms
    }
    wanted = [spec for own in specs.values() for spec in own]
    lost: dict[str, str] = {}
    done = compute(wanted, setup, folder, "ablate", as_json, failed=lambda spec, why: lost.setdefault(spec.key, why))
    gone = {arm.key: [lost[spec.key] for spec in specs[arm.key] if spec.key in lost] for arm in arms}
    if len(gone["as-it-is"]) == seeds:
        raise UnderbudgetError(f"the network as it is could not be trained on any seed: {gone['as-it-is'][0]}")
    absent_now = [
        NotApplicable(arm.ingredient, f"{arm.change}: the training failed on every seed ({gone[arm.key][0]})")
        for arm in arms
        if len(gone[arm.key]) == seeds
    ]
    judged = [
        reported.Arm(
            arm.ingredient,
            arm.change,
            count(plan(arm.architecture, info.input_shape, len(info.classes))),
            str(arm.architecture),
            tuple(done[spec.key] for spec in specs[arm.key] if spec.key in done),
            len(gone[arm.key]),
        )
        for arm in arms
        if len(gone[arm.key]) < seeds
    ]
    result = reported.Ablation(
        found.title,
        judged[0],
        tuple(judged[1:]),
        tuple(reported.Missing(absent.ingredient, absent.reason) for absent in missing + absent_now),
    )
    paths = write_ablation(result, folder)
    if as_json:
        print(json.dumps(reported.to_json(result), indent=2, allow_nan=False))
        return
    say()
    console().print(_table(result))
    say()
    for gone_now in result.missing:
        say(f"{gone_now.ingredient}: nothing to compare, {gone_now.reason}")
    part = result.base.runs[0].data.part
    say(f"{part} accuracy, mean of the last three epochs, percent; change in points, Welch's 95 % interval over seeds")
    say()
    for path in paths.values():
        say(str(path))


def _table(result: "Ablation") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from underbudget.reports.ablation import rows

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("change", overflow="fold", min_width=20)
    for column in ("accuracy", "points", "95 % interval", "params", "MACs", "s"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows(result):
        if row["accuracy"] is None:
            continue
        change, low, seeds = row["accuracy_change"], row["low"], row["seeds"]
        lost = f", {seeds} of {seeds + row['failed']} seeds" if row["failed"] else ""  # a column would not fit 80
        table.add_row(
            Text(row["change"] + lost),
            f"{row['accuracy']:.2f}",
            "" if change is None else f"{change:+.2f}",
            "" if low is None else f"{low:+.2f} .. {row['high']:+.2f}",
            f"{row['params']:,}",
            f"{row['macs']:,}",
            f"{row['seconds']:.0f}",
        )
    return table
