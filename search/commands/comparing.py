"""Compares existing studies, for `report --compare` and `launch --repeats`."""

from collections.abc import Sequence
from pathlib import Path

from underbudget.reports import comparison_tables as tables
from underbudget.reports import front as fronts
from underbudget.reports.comparison import Comparison
from underbudget.reports.comparison import compare as compared
from underbudget.reports.writing import write_comparison
from underbudget.search.commands.terminal import console, say, table
from underbudget.search.study import finding
from underbudget.search.study.location import StudyLocation


def compare(
    places: Sequence[StudyLocation], target: float | None = None, output: Path | None = None
) -> tuple[Comparison, dict[str, Path]]:
    """The comparison of studies, written to RUNS/compare-STUDY-STUDY or to `output`; its files.

    Raises UserError as `reports.comparison.compare` does, for a study that cannot be read, or a folder that cannot be
    written.
    """
    found = compared([finding.read(where) for where in places], target)
    folder = output or places[0].folder.parent / tables.folder_name([where.name for where in places])
    return found, write_comparison(found, folder)


def print_comparison(found: Comparison) -> None:
    """Hypervolume at equal effort and the best score at common budgets, a line per search."""
    rows = []
    for group in found.groups:
        values = tables.hypervolumes(found, group)
        best = (tables.best_scores(group, budget) for budget in found.budgets)
        means = (f"{sum(scores) / len(scores):.2f}" if scores else "-" for scores in best)
        rows.append((group.name, str(values.n), f"{values.mean:.3f}", *means))
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
