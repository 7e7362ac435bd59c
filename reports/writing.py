"""Writes reports into folders: a page for people, tables for spreadsheets, JSON for programs, pictures where they help.

Each function writes the files in the FILES of its kind, each as a whole, and returns their paths by the same keys. All
raise UserError where the folder cannot be written.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from underbudget.reports import ablation as ablations
from underbudget.reports import comparison_tables as comparisons
from underbudget.reports import confirmation as confirmations
from underbudget.reports import network_tables, tables
from underbudget.reports import series as replays
from underbudget.reports import training as trainings
from underbudget.reports.comparison import Comparison
from underbudget.reports.files import csv_text, json_text, write_files
from underbudget.reports.misclassified import MisclassifiedImages
from underbudget.reports.record import StudyRecord

FILES = {"page": "index.html", "trials": "trials.csv", "front": "front.csv", "report": "report.json"}
_CHECK = "check its permissions"


def write_report(
    study: StudyRecord,
    folder: Path,
    target: float | None = None,
    cross_check: Callable[[], str | None] = lambda: None,
    misclassified: MisclassifiedImages | None = None,
    options: str = "",
) -> dict[str, Path]:
    """The report of a study; the other arguments are those of `reports.page.study.render_page`."""
    from underbudget.reports.page.study import render_page

    page = render_page(study, target, cross_check, misclassified, options)
    contents = {
        "trials": csv_text([tables.trial_row(trial) for trial in study.trials], tables.TRIAL_COLUMNS),
        "front": csv_text(tables.front_rows(study), tables.FRONT_COLUMNS),
        "report": json_text(tables.to_json(study, target, cross_check())),
        "page": page,
    }
    return write_files(folder, FILES, contents, _CHECK)


def write_comparison(comparison: Comparison, folder: Path) -> dict[str, Path]:
    """Several studies compared."""
    from underbudget.reports.page.comparison import render_page

    contents = {
        "studies": csv_text(comparisons.study_rows(comparison)),
        "budgets": csv_text(comparisons.budget_rows(comparison)),
        "fronts": csv_text(comparisons.all_front_rows(comparison)),
        "hypervolume": csv_text(comparisons.hypervolume_rows(comparison)),
        "report": json_text(comparisons.to_json(comparison)),
        "page": render_page(comparison),
    }
    return write_files(folder, comparisons.FILES, contents)


def write_confirmation(confirmation: confirmations.Confirmation, folder: Path) -> dict[str, Path]:
    """Finalists on fresh seeds."""
    from underbudget.reports.page.experiments import confirmation_page

    contents = {
        "table": csv_text(confirmations.rows(confirmation)),
        "runs": csv_text(confirmations.run_rows(confirmation)),
        "report": json_text(confirmations.to_json(confirmation)),
        "page": confirmation_page(confirmation),
    }
    return write_files(folder, confirmations.FILES, contents, _CHECK)


def write_series(series: replays.Series, folder: Path) -> dict[str, Path]:
    """A published series, reproduced."""
    from underbudget.reports.page.experiments import series_page

    contents = {
        "table": csv_text(replays.rows(series)),
        "markdown": replays.markdown(series),
        "report": json_text(replays.to_json(series)),
        "page": series_page(series),
    }
    return write_files(folder, replays.FILES, contents)


def write_ablation(ablation: ablations.Ablation, folder: Path) -> dict[str, Path]:
    """What each ingredient of a network is worth."""
    from underbudget.reports.page.experiments import ablation_page
    from underbudget.reports.training_figures import changes

    contents: dict[str, str | bytes] = {
        "table": csv_text(ablations.rows(ablation)),
        "report": json_text(ablations.to_json(ablation)),
        "picture": changes(
            [(arm.change, ablation.change(arm)) for arm in ablation.arms],
            f"{ablation.title}: change in {ablation.base.runs[0].data.part} accuracy, points",
        ),
        "page": ablation_page(ablation),
    }
    return write_files(folder, ablations.FILES, contents)


def write_training(training: trainings.Training, folder: Path) -> dict[str, Path]:
    """One network, one recipe, several seeds."""
    from underbudget.reports import training_figures as figures
    from underbudget.reports.page.training import render_page

    confusion, first = training.confusion(), training.runs[0]
    classes = first.data.classes
    heads = ("true", *classes)
    matrix = [dict(zip(heads, (name, *row), strict=True)) for name, row in zip(classes, confusion, strict=True)]
    contents: dict[str, str | bytes] = {
        "histories": csv_text(trainings.history_rows(training.runs)),
        "classes": csv_text(trainings.class_rows(training)),
        "confusion": csv_text(matrix),
        "missed": csv_text(trainings.misclassified_rows(training.runs), trainings.MISCLASSIFIED_COLUMNS),
        "layers": csv_text(network_tables.summary_rows(training.network)),
        "fields": csv_text(network_tables.field_rows(training.network)),
        "statistics": csv_text([asdict(part) for part in training.statistics]),
        "summary": json_text(trainings.summary_json(training)),
        "curves_png": figures.curves(training.runs, training.title),
        "samples_png": figures.grid(training.samples, f"{training.title}: samples of the training part"),
        "confusion_png": figures.confusion(confusion, classes, training.title),
    }
    if training.augmented:
        contents["augmented_png"] = figures.grid(training.augmented, f"{training.title}: the same samples, augmented")
    if training.missed:
        most = "" if len(first.missed) == len(training.missed) else f", the {len(training.missed)} most confident"
        title = f"{len(first.missed)} misclassified of {first.data.judged:,} {training.part} images{most}"
        contents["missed_png"] = figures.grid(training.missed, title)
    contents["page"] = render_page(training)
    return write_files(folder, trainings.FILES, contents)
