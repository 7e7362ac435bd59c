"""The report of a search, written again and again while it runs: `underbudget launch --live`.

Each one is written by a process of its own (`results/report.py`) at low priority, one at a time, so that the search
never waits for it. A report that fails costs a note, never the search.
"""

import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from underbudget.search.engines.worker_process import environment_for
from underbudget.search.progress import Event, Notify, Progress
from underbudget.search.study.location import StudyLocation

log = logging.getLogger(__name__)

REQUEST = "UNDERBUDGET_REPORT"  # environment variable: a storage URL may hold a password, which no command line shows
EVERY = 180.0  # seconds between two reports
_PATIENCE = 600.0  # seconds after which a report is given up


class LiveReport:
    """Writes the report of a study every so many seconds while it is searched; a context that leaves no process.

    `every` None: no report is written. `say` gets the note about a failure, once.
    """

    def __init__(
        self, where: StudyLocation, target: float | None, every: float | None, say: Callable[[str], None] = log.info
    ) -> None:
        self._where, self._target, self._every, self._say = where, target, every, say
        self.page = where.folder / "report" / "index.html"
        self.written = 0  # reports so far
        self._ended = self._reported = 0  # trials that ended: now, and when the last report was begun
        self._noted = False
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write_when_due, daemon=True)

    def __enter__(self) -> "LiveReport":
        if self._every is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        while self._thread.is_alive():
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()  # at which it ends
            self._thread.join(0.1)

    def watching(self, notify: Notify) -> Notify:
        """The same listener, from which the report learns that there is something new to write."""

        def told(event: Event, progress: Progress) -> None:
            notify(event, progress)
            self._ended = progress.done + progress.failed + progress.rejected

        return told

    def finish(self) -> bool:
        """Write the report a last time, once the search is over; whether it was written."""
        if self._every is None:
            return False
        self.__exit__()
        before = self.written
        self._write(confirmed=True)
        return self.written > before

    def _write_when_due(self) -> None:
        every = self._every or 0.0
        due = time.monotonic() + every
        while not self._over.wait(min(every, 1.0)):
            begun = time.monotonic()
            if begun >= due and self._ended > self._reported:
                self._reported = self._ended
                self._write()
                now = time.monotonic()
                due = now + max(every, now - begun)  # the trainings have most of the machine

    def _write(self, confirmed: bool = False) -> None:
        asked = {"name": self._where.name, "folder": str(self._where.folder), "storage": self._where.storage}
        request = json.dumps({**asked, "target": self._target, "confirmed": confirmed})
        try:
            with tempfile.TemporaryFile() as errors:
                with subprocess.Popen(
                    [sys.executable, "-P", "-m", "underbudget.search.results.report"],
                    env={**environment_for(None), REQUEST: request},
                    stdin=subprocess.PIPE,  # held open: it ends with this process, and the report's process then too
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    # Ctrl-C in the terminal reaches the coordinator only, which ends this process.
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                ) as self._process:
                    self._process.wait(_PATIENCE)
                errors.seek(0)
                lines = errors.read().decode("utf-8", "replace").strip().splitlines()
        except subprocess.TimeoutExpired:
            self._note(f"it took longer than {_PATIENCE / 60:.0f} minutes")
        except OSError as error:
            self._note(str(error.strerror))
        else:
            if self._process.returncode == 0:
                self.written += 1
            elif not self._over.is_set() or confirmed:
                self._note(lines[-1].strip()[:300] if lines else f"exit code {self._process.returncode}")

    def _note(self, why: str) -> None:
        log.warning("the report could not be written: %s", why)
        if not self._noted:
            self._noted = True
            self._say(f"note: the report could not be written while the search runs ({why}); the search goes on")
