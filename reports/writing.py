"""Writes the report of a study: a page for people, tables for spreadsheets, JSON for programs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from underbudget.reports.files import json_text, write_files
from underbudget.reports.page.study import render_page
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import front_frame, to_json, trials_frame

if TYPE_CHECKING:
    from underbudget.reports.misclassified import MisclassifiedImages
    from underbudget.reports.page.published import Published

FILES = {"page": "index.html", "trials": "trials.csv", "front": "front.csv", "report": "report.json"}


def write_report(
    study: StudyRecord,
    folder: Path,
    target: float | None = None,
    published: "Sequence[Published] | None" = None,
    confirmation: Callable[[], str | None] = lambda: None,
    mistakes: "MisclassifiedImages | None" = None,
    options: str = "",
) -> dict[str, Path]:
    """Write the files of FILES into `folder`, made if need be; their paths by the keys of FILES.

    Each file is replaced as a whole: whoever has the page open sees the old or the new one, never half. The other
    arguments are those of `render_page`. Raises UserError where the folder cannot be written.
    """
    page = render_page(study, target, published, confirmation, mistakes=mistakes, options=options)
    texts = {
        "trials": trials_frame(study).to_csv(index=False, lineterminator="\n"),
        "front": front_frame(study).to_csv(index=False, lineterminator="\n"),
        "report": json_text(to_json(study, target, confirmation())),
        "page": page,
    }
    return write_files(folder, FILES, texts, "check its permissions")
