"""`underbudget train`: one network and recipe on several seeds, in full detail."""

from typing import TYPE_CHECKING, Any

from underbudget.search.commands.options import Json, taking
from underbudget.search.commands.terminal import console, print_result, say
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
    """Tables of the network, statistics of the data, device, conditions."""
    from underbudget.models.plan import plan
    from underbudget.search.commands.network_table import data_table, field_table, summary_table
    from underbudget.search.experiments.pictures import statistics

    spec, info = planned.specs[0], planned.setup.dataset.info
    network, recipe = plan(spec.architecture, info.input_shape, len(info.classes)), spec.recipe
    say("", f"{spec.name or spec.architecture.id}: {spec.architecture}")
    seen = data_table(statistics(planned.setup.dataset, spec.protocol))
    for table in (summary_table(network), field_table(network), seen):
        say()
        console().print(table)
    schedule = f"{recipe.optimizer} lr {recipe.lr:g}, {recipe.schedule.kind} schedule"
    say(
        "",
        f"device    {planned.setup.device_line()}",
        f"recipe    {recipe.name}, {schedule}, batch {recipe.batch_size}, epochs {recipe.epochs}",
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
