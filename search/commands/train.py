"""`underbudget train`: one network and recipe on several seeds, in full detail."""

from typing import TYPE_CHECKING, Any

from underbudget.search.commands.options import Json, taking
from underbudget.search.commands.terminal import console, print_result, say, table
from underbudget.search.experiments.options import TrainingOptions

if TYPE_CHECKING:
    from underbudget.reports.training import Training
    from underbudget.search.experiments.events import Planned


@taking(TrainingOptions)
def train(as_json: Json = False, **given: Any) -> None:
    """Train a network on one or more seeds, with its tables, curves, misclassified images and confusion matrix.

    The same command goes on where it was stopped: seeds that are finished are not trained again.
    """
    from underbudget.reports.training import summary_json
    from underbudget.search.commands.training_display import showing
    from underbudget.search.experiments import training

    with showing(as_json, _introduce) as notify:
        result, paths = training.train(TrainingOptions(**given), notify)
    print_result(summary_json(result) if as_json else [*_closing(result), ""], paths)


def _introduce(planned: "Planned") -> None:
    """Print the tables of the network, statistics of the data, device and conditions."""
    from underbudget.models.plan import plan
    from underbudget.reports.network_tables import field_rows, summary_rows, totals
    from underbudget.search.experiments.pictures import statistics

    spec, info = planned.specs[0], planned.setup.dataset.info
    network, recipe = plan(spec.architecture, info.input_shape, len(info.classes)), spec.recipe
    say("", f"{spec.name or spec.architecture.id}: {spec.architecture}", "")
    layers = (
        (row["layer"], f"[{', '.join(map(str, (-1, *row['output_shape'])))}]", row["params"])
        for row in summary_rows(network)
    )
    console().print(table(("layer (type)", "output shape", "params"), layers))
    below = totals(network)
    say(
        f"total params {below.params:,}, all trainable",
        f"input {below.input_mb:.2f} MB, forward/backward pass {below.passes_mb:.2f} MB, params "
        f"{below.params_mb:.2f} MB, estimated total {below.total_mb:.2f} MB",
        "",
    )
    columns = ("layer", "kernel", "stride", "padding", "field in", "out", "map in", "out", "jump in", "out")
    console().print(table(columns, (tuple(row.values()) for row in field_rows(network))))
    say()
    parts_columns = ("data", "shape", "min", "max", "mean", "std")
    parts = []
    for part in statistics(planned.setup.dataset, spec.protocol):
        mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (part.mean, part.std))
        shape = " x ".join(map(str, part.shape))
        parts.append((part.part, shape, f"{part.minimum:g}", f"{part.maximum:g}", mean, std))
    console().print(table(parts_columns, parts, folded=parts_columns))
    schedule = f"{recipe.optimizer} lr {recipe.lr:g}, {recipe.schedule.kind} schedule"
    say(
        "",
        f"device    {planned.setup.device_line()}",
        f"recipe    {recipe.title}, {schedule}, batch {recipe.batch_size}, epochs {recipe.epochs}",
        f"protocol  {spec.protocol}",
        f"output    {planned.folder}",
        "",
    )


def _closing(training: "Training") -> list[str]:
    from underbudget.reports.runs import holding
    from underbudget.reports.training import in_words

    first = training.runs[0]
    chosen = ", chosen on test" if training.part == "test" else ""
    lines = [
        f"{training.part} accuracy, last epoch: {in_words(training.last)}",
        f"{training.part} accuracy, best epoch{chosen}: {in_words(training.best)}",
        f"misclassified: {', '.join(f'{len(run.missed):,}' for run in training.runs)} of {first.data.judged:,}",
    ]
    if accesses := sum(run.readings for run in training.runs):
        lines.append(f"test-set accesses: {accesses}")
    for check in training.checks:
        lines.append(f"{'reached' if check.passed else 'not reached'}: {check.rule} ({check.found})")
    if training.goal is not None:
        lines.append(holding(training.runs, training.goal.accuracy, training.goal.last))
    return lines
