"""The report of a study, written from where the study lies: shared by `underbudget report` and a live search.

As a program of its own it is what `live_report.py` starts.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from underbudget.models.errors import UnderbudgetError
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
    from underbudget.search.results.cross_check import CrossCheck
    from underbudget.search.study import finding

    best = fronts.winner(study.trials, study.axis) if confirmed else None
    with contextlib.ExitStack() as counting:
        cross_check = None if best is None else counting.enter_context(CrossCheck(study, best))

        def confirmation() -> str | None:
            return None if cross_check is None else cross_check.line

        paths = write_report(
            study,
            where.folder / "report" if folder is None else folder,
            target,
            cross_check=confirmation,
            mistakes=read_misclassified(where.folder),
            options=finding.options(where),
        )
        return paths, confirmation()


def main() -> int:
    """Write the report that the environment asks for, at low priority; the exit code."""
    from underbudget.search.results.live_report import REQUEST
    from underbudget.search.study import finding

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # half-written files are removed
    threading.Thread(target=_end_with_input, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)  # the trainings go first
    asked = json.loads(os.environ.pop(REQUEST))
    where = StudyLocation(asked["name"], Path(asked["folder"]), asked["storage"])
    try:
        write(where, finding.read(where), asked["target"], confirmed=asked["confirmed"])
    except UnderbudgetError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    return 0


def _end_with_input() -> None:
    """End this process when its standard input ends, which the starting process holds open."""
    os.read(0, 1)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # wakes it wherever it waits
        time.sleep(5)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
