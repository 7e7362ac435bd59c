"""The report of a study, written from where the study lies: shared by `underbudget report` and a live search."""

import contextlib
from pathlib import Path

from underbudget.reports.record import StudyRecord
from underbudget.search.study.location import StudyLocation


def write(
    where: StudyLocation,
    study: StudyRecord,
    target: float | None = None,
    folder: Path | None = None,
    confirmed: bool = True,
) -> tuple[dict[str, Path], str | None]:
    """Write the report of a study into `folder`, by default STUDY/report; its files, and who counted the winner too.

    With `confirmed` torch and fvcore count the winner, which takes seconds. Raises UserError where it can't be written.
    """
    from underbudget.reports import front as fronts
    from underbudget.reports.misclassified import read_misclassified
    from underbudget.reports.writing import write_report
    from underbudget.search.results.cross_check import WinnerCrossCheck
    from underbudget.search.study import finding

    best = fronts.winner(study.trials, study.axis) if confirmed else None
    with contextlib.nullcontext() if best is None else WinnerCrossCheck(study, best) as counting:
        paths = write_report(
            study,
            where.folder / "report" if folder is None else folder,
            target,
            cross_check=lambda: None if counting is None else counting.line,
            misclassified=read_misclassified(where.folder),
            options=finding.options(where),
        )
        return paths, None if counting is None else counting.line
