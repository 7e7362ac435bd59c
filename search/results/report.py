"""The report of a study written from its place: what `underbudget report` and a live search share.

As a program of its own (`python -P -m underbudget.search.results.report`) it reads a line of JSON from standard input,
so that a password in a storage URL stands in no process list; it says in one line what went wrong, and ends when
standard input does.
"""

import contextlib
import json
import os
import signal
import sys
import threading
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
    """Write the report of a study into `folder`, by default STUDY/report: its files, and who counted the winner too.

    With `confirmed` torch and fvcore count it, which takes a few seconds. Raises UserError where it cannot be written.
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
            misclassified=read_misclassified(where.folder),
            options=finding.options(where),
        )
        return paths, confirmation()


def main() -> int:
    """Write the report that standard input asks for, at low priority. Exit code as of the command line."""
    from underbudget.search.study import finding

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # files that are half-written are removed
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)  # the trainings go first
    where = StudyLocation(asked["name"], Path(asked["folder"]), asked["storage"])
    try:
        write(where, finding.read(where), asked["target"], confirmed=asked["confirmed"])
    except UnderbudgetError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    return 0


def _end_with_parent() -> None:
    """Whoever started this program holds its standard input open: it is gone when that ends."""
    while os.read(0, 4096):
        pass
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # wakes it wherever it waits
    else:
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
