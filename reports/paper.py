"""What a paper needs: a study's front and learning curves as figures, the front as CSV and LaTeX."""

from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports import latex, paper_figures
from underbudget.reports.confirmation import confirmation_of
from underbudget.reports.files import csv_text, write_files
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import FRONT_COLUMNS, front_rows

FOLDER = "figures"  # below the report's
WIDTH = 3.3  # inches: a column of most two-column papers
NARROWEST, WIDEST = 2.5, 12.0
FILES = {
    **{f"{figure}_{form}": f"{figure}.{form}" for figure in ("front", "curves") for form in paper_figures.FORMATS},
    "csv": "front.csv",
    "latex": "front.tex",
}


def check_width(width: float) -> float:
    """A column width in inches. Raises UserError outside NARROWEST to WIDEST."""
    if not NARROWEST <= width <= WIDEST:
        raise UserError(f"--column-width is in inches, from {NARROWEST:g} to {WIDEST:g}, not {width:g}")
    return width


def check_drawable(study: StudyRecord) -> None:
    """Raises UserError for a study that has no front yet."""
    if not fronts.scored(study.trials):
        raise UserError(
            f"the study {study.name} has no complete trial yet, so there is no front to draw: "
            "let it run on, or leave out --figures"
        )


def write_figures(
    study: StudyRecord,
    folder: Path,
    width: float = WIDTH,
    target: float | None = None,
) -> dict[str, Path]:
    """Write the files of FILES into `folder`, made if need be; `width` in inches; equal studies give equal files.

    Raises UserError where there is no front, the width is out of range, or the folder cannot be written.
    """
    check_width(width)
    check_drawable(study)
    finalists = confirmation_of(study)
    confirmed = {} if finalists is None else {one.trial.trial: one.last for one in finalists.finalists}
    drawn = {
        "front": paper_figures.front(study, confirmed, width, target),
        "curves": paper_figures.curves(study, width),
    }
    contents: dict[str, str | bytes] = {
        f"{name}_{form}": data for name, files in drawn.items() for form, data in files.items()
    }
    contents["csv"] = csv_text(front_rows(study), FRONT_COLUMNS)
    contents["latex"] = latex.front_table(study, confirmed)
    return write_files(folder, FILES, contents)
