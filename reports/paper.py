"""What a paper needs of a study: its front and its learning curves as figures, its front as CSV and LaTeX."""

from collections.abc import Sequence
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports import latex, paper_figures
from underbudget.reports.confirmation import confirmation_of
from underbudget.reports.files import write_files
from underbudget.reports.page.published import Published, published_points
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import front_frame

FOLDER = "figures"  # below the report's
WIDTH = 3.3  # inches: a column of most two-column papers
NARROWEST, WIDEST = 2.5, 12.0
FILES = {
    **{f"{figure}_{form}": f"{figure}.{form}" for figure in ("front", "curves") for form in paper_figures.FORMATS},
    "csv": "front.csv",
    "latex": "front.tex",
}


def check_width(width: float) -> float:
    """A column width in inches. Raises UserError for one that no page has."""
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
    published: Sequence[Published] | None = None,
) -> dict[str, Path]:
    """Write the files of FILES into `folder`, made if need be; `width` in inches; equal studies give equal files.

    `published` are points to compare with, by default the built-in ones over MNIST. Raises UserError where there is no
    front, the width is none, or the folder cannot be written.
    """
    check_width(width)
    check_drawable(study)
    points = published_points(study.stored.dataset.name) if published is None else published
    finalists = confirmation_of(study)
    confirmed = {} if finalists is None else {one.trial.trial: one.last for one in finalists.finalists}
    drawn = {
        "front": paper_figures.front(study, points, confirmed, width, target),
        "curves": paper_figures.curves(study, width),
    }
    contents: dict[str, str | bytes] = {
        f"{name}_{form}": data for name, files in drawn.items() for form, data in files.items()
    }
    contents["csv"] = front_frame(study).to_csv(index=False, lineterminator="\n")
    contents["latex"] = latex.front_table(study, confirmed)
    return write_files(folder, FILES, contents)
