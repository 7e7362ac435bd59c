"""Keeps what a study shows in Optuna Dashboard up to date: figures, notes, files of the front (docs/dashboard.md)."""

import logging
import math
import time

from underbudget.models.errors import UnderbudgetError
from underbudget.reports import front as fronts
from underbudget.reports.record import StudyRecord
from underbudget.reports.storage_url import reason
from underbudget.search.dashboard import artifacts as files_of_front
from underbudget.search.progress import Event, Notify, Progress
from underbudget.search.study import finding, locks
from underbudget.search.study.location import StudyLocation

log = logging.getLogger(__name__)

EVERY = 60.0  # seconds between two updates in a search, at least
_SHARE = 0.01  # of a search's time that updates may take
_FILES = 3.0  # seconds in which files are begun at the end of a search
_PATIENCE = 5.0  # seconds to wait for a locked database


def update(where: StudyLocation, study: StudyRecord, artifacts: bool = True, seconds: float = math.inf) -> str:
    """Store figures, notes and, with `artifacts`, the files of the trials on the front; only what changed is written.
    No file is begun after so many `seconds`: the next update goes on.

    Returns "" or, where something cannot be written, what and why: one line for a person. Raises nothing.
    """
    import sqlalchemy as sa

    from underbudget.reports.dashboard.figures import figures
    from underbudget.reports.dashboard.notes import study_note, trial_note
    from underbudget.reports.dashboard.storing import DashboardContent, store

    front = fronts.front(study.trials, study.axis)
    try:
        if where.database is not None:
            locks.check_one_name(where.database)
        files, said = files_of_front.front_artifacts(where, study, front[::-1], seconds) if artifacts else (None, "")
        notes = {trial.trial: trial_note(study, trial) for trial in front}
        content = DashboardContent(figures(study), study_note(study), notes, files)
        for identity in store(where.url, where.name, content, _PATIENCE):
            files_of_front.remove(where, identity)
        return said
    except sa.exc.SQLAlchemyError as error:
        return f"note: the study takes no figures and notes for the dashboard now ({reason(error)})"
    except (OSError, LookupError, TypeError, ValueError, UnderbudgetError) as error:
        return f"note: no figures and notes for the dashboard ({' '.join(str(error).split())[:200]})"


class Updater:
    """Updates figures and notes during a search: at most once a minute, and in at most a hundredth of its time.

    The coordinator calls it between two events, so that nobody else writes at that moment; its workers have a job more
    than they train and go on meanwhile.
    """

    def __init__(self, where: StudyLocation) -> None:
        self._where = where
        self._due = time.monotonic() + EVERY
        self._used = False

    def watching(self, notify: Notify) -> Notify:
        """The same listener, after which the study is updated when that is due."""

        def told(event: Event, progress: Progress) -> None:
            notify(event, progress)
            if time.monotonic() >= self._due:
                self._update()

        return told

    def _update(self, artifacts: bool = False) -> None:
        self._used = True
        begun = time.monotonic()
        try:
            said = update(self._where, finding.read(self._where), artifacts, _FILES)
        except Exception as error:  # a search goes on without pictures of it
            said = str(error)
        if said:
            log.warning("%s", said)
        taken = time.monotonic() - begun
        self._due = time.monotonic() + max(EVERY, taken / _SHARE)

    def close(self, files: bool = True) -> None:
        """The last update of a search that was long enough for one: the only one that makes files, if wanted."""
        if self._used:
            self._update(artifacts=files)
