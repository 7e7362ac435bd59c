"""The short summary of a study (counts, front, winner, target) or of a comparison, for the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from underbudget.reports import comparison_tables, tables
from underbudget.reports import front as fronts
from underbudget.reports.comparison import Comparison
from underbudget.reports.record import StudyRecord, TrialRecord, score_words
from underbudget.search.commands.terminal import console, say, table

if TYPE_CHECKING:
    from rich.table import Table


def counts_line(study: StudyRecord) -> str:
    """What became of the proposals, on one line."""
    counts = tables.counts(study)
    line = (
        f"{counts['trained']} trained, {counts['proposed']} proposed, "
        f"{counts['rejected']} rejected with zero training steps, {counts['failed']} failed"
    )
    if counts["stopped"]:
        line += f", {counts['stopped']} of the trained stopped early ({tables.epochs_saved(study):,} epochs saved)"
    return line + (f", {counts['running']} running" if counts["running"] else "")


def front_table(study: StudyRecord) -> "Table":
    """The front, smallest network first, each accuracy with its 95 % interval."""
    axis = [] if study.axis == "params" else [study.axis]
    columns = ("trial", *axis, "params", "accuracy %", "95 % interval")
    lines = []
    for row in tables.front_rows(study):
        interval = "" if row["low"] is None else f"{row['low']:.2f} .. {row['high']:.2f}"
        costs = [f"{row[name]:,}" for name in (*axis, "params")]
        lines.append((f"#{row['trial']}", *costs, f"{row['score']:.2f}", interval, row["layers_text"]))
    widths = (2 + max(len(header), *(len(line[place]) for line in lines)) for place, header in enumerate(columns))
    left = max(console().width - sum(widths), 10)  # for the layers: rich would cut the numbers too
    rows = ((*numbers, text if len(text) <= left else f"{text[: left - 3]}...") for *numbers, text in lines)
    return table((*columns, "layers"), rows, left=("layers",))


def trial_line(study: StudyRecord, trial: TrialRecord) -> str:
    """A trial with its accuracy, interval and size on one line."""
    bounds = tables.interval(study, trial.score)
    interval = "" if bounds is None else f" ({bounds[0]:.2f} .. {bounds[1]:.2f})"
    other = "" if study.axis == "params" else f", {fronts.cost(trial, study.axis):,} {fronts.AXIS_WORDS[study.axis]}"
    return f"#{trial.trial}, {trial.score:.2f} %{interval}, {fronts.cost(trial):,} parameters{other}"


def target_lines(study: StudyRecord, target: float) -> list[str]:
    """The smallest network that holds a target, and the first trial that reached it."""
    smallest = fronts.smallest_holding(study.trials, target)
    first = fronts.first_reaching(study.trials, target)
    held, reached = "no network holds it on validation in each of its last 3 epochs", "no trial reached it in any epoch"
    if smallest is not None:
        held = f"held in each of its last 3 epochs by {trial_line(study, smallest)}, the smallest"
    if first is not None:
        reached = f"first reached by #{first.trial}, in epoch {fronts.reaching_epoch(first, target)}"
    return [f"target {target:g} %: {held}", reached]


def print_summary(study: StudyRecord, target: float | None = None) -> None:
    """Counts, front and winner; accuracies are validation, mean of the last three epochs."""
    say(counts_line(study))
    best = fronts.winner(study.trials, study.axis)
    if best is None:
        say("no trial is complete yet: there is no front and no winner")
        return
    images = f", {study.stored.images:,} images" if study.stored.images else ""
    say("", f"Front: validation accuracy, {score_words(study.settings.get('epochs'))}{images}")
    console().print(front_table(study))
    say("", f"winner {trial_line(study, best)}", *([] if target is None else target_lines(study, target)))


def print_comparison(found: Comparison) -> None:
    """Hypervolume at equal effort and the best score at common budgets, a line per search."""
    rows: list[Sequence[str | float]] = []
    for group in found.groups:
        values = comparison_tables.hypervolumes(found, group)
        best = (comparison_tables.best_scores(group, budget) for budget in found.budgets)
        means = (f"{sum(scores) / len(scores):.2f}" if scores else "-" for scores in best)
        rows.append((group.name, values.n, f"{values.mean:.3f}", *means))
    say(
        f"Hypervolume after {found.common_epochs:,} trained epochs, which each search came to; best validation accuracy"
    )
    say(f"in % among networks of at most so many {fronts.AXIS_WORDS[found.axis]}; means over seeds", "")
    columns = ("search", "seeds", "hypervolume", *(f"<= {budget:,}" for budget in found.budgets))
    console().print(table(columns, rows, folded=columns))
    if found.differences:
        say()
    for name, texts in found.differences:
        shown = "; ".join(f"{group.name}: {value}" for group, value in zip(found.groups, texts, strict=True))
        say(f"they differ in {name}: {shown}")
