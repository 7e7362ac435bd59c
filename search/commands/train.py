"""`underbudget train`: one network, one recipe, several seeds, and everything there is to see about them."""

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from underbudget.search.commands.options import DataDir, Json, Runs, Storage

if TYPE_CHECKING:
    from underbudget.reports.runs import Run
    from underbudget.search.experiments.run_spec import RunSpec
    from underbudget.search.experiments.setup import Setup

What = Annotated[str, typer.Argument(help='A reference (saish-m4), a layer text, or a trial ("STUDY:12").')]
Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe", help="How it is trained (docs/training.md).", show_default="the network's own, else warp10-onecycle"
    ),
]
Dataset = Annotated[str | None, typer.Option("--dataset", help="See `underbudget datasets`.", show_default="mnist")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Epochs instead of the recipe's.")]
Device = Annotated[
    str | None, typer.Option("--device", help="auto, cpu, cuda, cuda:N, all or mps.", show_default="auto")
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Trainings at a time.", show_default="one per core, on GPUs measured")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write to.", show_default="below runs/")]


def train(
    what: What,
    recipe: Recipe = None,
    protocol: Annotated[
        str,
        typer.Option(
            help="search: judged on validation. confirm: trained on train + validation, the test set read once at the "
            "end. published: all training images, the test set after each epoch."
        ),
    ] = "search",
    seeds: Annotated[int, typer.Option(help="How many seeds, each its own run.")] = 1,
    seed: Annotated[int, typer.Option(help="The first seed; the others follow it.")] = 0,
    epochs: Epochs = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate instead of the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step instead of the recipe's.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Weight decay instead of the recipe's.")] = None,
    label_smoothing: Annotated[float | None, typer.Option(help="Label smoothing instead of the recipe's.")] = None,
    target: Annotated[
        float | None, typer.Option("--target", help="Accuracy in percent to be held in the last epochs.")
    ] = None,
    last: Annotated[int, typer.Option(help="How many last epochs must hold the target.")] = 5,
    budget: Annotated[str, typer.Option(help="Budget of the target check.")] = "params<8000",
    epoch_limit: Annotated[int, typer.Option(help="Most epochs that the target check lets pass.")] = 15,
    dataset: Dataset = None,
    output: Output = None,
    device: Device = None,
    workers: Workers = None,
    runs: Runs = None,
    storage: Storage = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Train a network on one or more seeds, with its tables, curves, misclassified images and confusion matrix.

    The same command goes on where it was stopped: seeds that are finished are not trained again.
    """
    from underbudget.reports import training as reported
    from underbudget.search.commands.terminal import say
    from underbudget.search.data.protocol import check_protocol
    from underbudget.search.experiments import setup as setups
    from underbudget.search.experiments import training as trainings
    from underbudget.search.experiments.network_spec import network_spec
    from underbudget.search.experiments.run_spec import check_others

    tell = (lambda line="": None) if as_json else say
    check_protocol(protocol)
    setups.check_seeds(seeds)
    check_seed(seed)
    goal = trainings.goal(target, last, budget, epoch_limit)
    found = network_spec(what, runs, storage, recipe, dataset)
    setup = setups.prepare(found.dataset, data_dir, device, workers, tell)
    trainings.network(found, setup)
    changes = trainings.Changes(epochs, lr, batch_size, weight_decay, label_smoothing)
    chosen = trainings.resolved(found.recipe, changes, trainings.images(setup, protocol))
    folder = output or trainings.default_folder(Path(runs or "runs"), found, chosen, protocol, setup.dataset.info.name)
    specs = trainings.specs(found, chosen, protocol, seed, seeds)
    check_others(specs[0], setup.dataset, folder)
    if not as_json:
        _introduce(specs[0], setup, folder)
    done = compute(specs, setup, folder, "train", as_json)
    result = trainings.training(found, setup, chosen, tuple(done.values()), goal)
    paths = reported.write(result, folder)
    if as_json:
        print(json.dumps(reported.summary_json(result), indent=2, allow_nan=False))
        return
    say()
    for line in _closing(result):
        say(line)
    say()
    for path in paths.values():
        say(str(path))


def check_seed(seed: int) -> None:
    """Raises UserError for a seed out of range."""
    from underbudget.models.errors import UserError

    if not 0 <= seed < 2**31:
        raise UserError(f"--seed is a whole number from 0 to {2**31 - 1}, not {seed}")


def compute(
    specs: "list[RunSpec]", setup: "Setup", folder: Path, command: str, quiet: bool, **more: Any
) -> "dict[str, Run]":
    """The runs of all orders, shown while they are computed. Ctrl-C and SIGTERM keep what is finished."""
    from underbudget.models.errors import UserError
    from underbudget.search.commands.stopping import StoppedError
    from underbudget.search.commands.terminal import console
    from underbudget.search.commands.training_display import choose
    from underbudget.search.experiments.runs import complete

    try:
        with _terminated_as_interrupted(), choose(console(), quiet) as shown:
            return complete(specs, setup.dataset, folder, setup.engine, setup.device, command, shown, **more)
    except KeyboardInterrupt as stop:
        raise StoppedError(
            f"stopped; finished runs are kept in {folder}, the same command goes on with the others"
        ) from stop
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror or error}): give another --output") from error


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends the runs as Ctrl-C does, so that what they have read of the test labels is still noted."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _introduce(spec: "RunSpec", setup: "Setup", folder: Path) -> None:
    """Tables of the network, statistics of the data, device, conditions."""
    from underbudget.models.plan import plan
    from underbudget.search.commands.network_table import data_table, field_table, summary_table
    from underbudget.search.commands.terminal import console, say
    from underbudget.search.experiments.pictures import statistics

    info = setup.dataset.info
    network = plan(spec.architecture, info.input_shape, len(info.classes))
    say()
    say(f"{spec.name or spec.architecture.id}: {spec.architecture}")
    say()
    console().print(summary_table(network))
    say()
    console().print(field_table(network))
    say()
    console().print(data_table(statistics(setup.dataset, spec.protocol)))
    say()
    recipe = spec.recipe
    say(f"device    {setup.device_line()}")
    say(f"recipe    {recipe.name}, {recipe.optimizer} lr {recipe.lr:g}, {recipe.schedule.kind} schedule, "
        f"batch {recipe.batch_size}, epochs {recipe.epochs}")  # fmt: skip
    say(f"protocol  {spec.protocol}")
    say(f"output    {folder}")
    say()


def _closing(training: Any) -> list[str]:
    from underbudget.reports.runs import holding
    from underbudget.reports.training import in_words

    first = training.runs[0]
    chosen = ", chosen on test" if training.part == "test" else ""
    lines = [
        f"{training.part} accuracy, last epoch: {in_words(training.last)}",
        f"{training.part} accuracy, best epoch{chosen}: {in_words(training.best)}",
        f"misclassified: {', '.join(f'{len(run.missed):,}' for run in training.runs)} of {first.data.judged:,}",
    ]
    if readings := sum(run.readings for run in training.runs):
        lines.append(f"readings of the test labels: {readings}")
    for check in training.checks:
        lines.append(f"{'reached' if check.passed else 'not reached'}: {check.rule} ({check.found})")
    if training.goal is not None:
        lines.append(holding(training.runs, training.goal.accuracy, training.goal.last))
    return lines
