"""Writes the report of a study: a page for people, tables for spreadsheets, JSON for programs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import UserError
from models.files import write_atomically
from reports.page.study import render_page
from reports.record import StudyRecord
from reports.tables import front_frame, to_json, trials_frame

if TYPE_CHECKING:
    from reports.page.published import Published

FILES = {"page": "index.html", "trials": "trials.csv", "front": "front.csv", "report": "report.json"}


def write_report(
    study: StudyRecord,
    folder: Path,
    target: float | None = None,
    published: "Sequence[Published] | None" = None,
    confirmation: str | None = None,
) -> dict[str, Path]:
    """Write the files of FILES into `folder`, made if need be; their paths by the keys of FILES.

    Each file is replaced as a whole: whoever has the page open sees the old or the new one, never half. `target`,
    `published` and `confirmation` are those of `render_page`. Raises UserError where the folder cannot be written.
    """
    report = to_json(study, target, confirmation)
    texts = {
        "trials": trials_frame(study).to_csv(index=False, lineterminator="\n"),
        "front": front_frame(study).to_csv(index=False, lineterminator="\n"),
        "report": json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        "page": render_page(study, target, published, confirmation),
    }
    try:
        for key, text in texts.items():
            write_atomically(folder / FILES[key], text.encode())
    except OSError as error:
        raise UserError(f"the report cannot be written to {folder} ({error.strerror}): check its permissions") from None
    return {key: folder / name for key, name in FILES.items()}
