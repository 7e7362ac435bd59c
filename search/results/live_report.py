"""The report of a search written again and again while it runs: `underbudget launch --live`.

Each is written by a process of its own, at low priority, one at a time, so that the coordinator never waits for one; it
only looks once a second whether one has ended or is due. A report that fails costs a note, never the search.
"""

import contextlib
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from underbudget.search.engines.worker_process import environment_for
from underbudget.search.progress import Event, Notify, Progress
from underbudget.search.study.location import StudyLocation

log = logging.getLogger(__name__)

EVERY = 180.0  # seconds between two reports
_PATIENCE = 600.0  # seconds after which a report is given up
_GRACE = 5.0  # seconds in which a process that was told to end has to do so


class LiveReport:
    """Writes the report of a study every so many seconds while it is searched; a context that leaves no process.

    `every` None: nothing is ever written. `say` gets the note about a failure, once.
    """

    def __init__(
        self, where: StudyLocation, target: float | None, every: float | None, say: Callable[[str], None] = log.info
    ) -> None:
        self._where, self._target, self._every, self._say = where, target, every, say
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None
        self._begun = 0.0
        self._due = time.monotonic() + (every or 0.0)
        self._ended = self._reported = 0  # trials that ended: now, and when the last report was begun
        self._noted = False
        self.written = 0  # reports that were

    @property
    def page(self) -> Path:
        """Where the report is."""
        return self._where.folder / "report" / "index.html"

    def __enter__(self) -> "LiveReport":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def watching(self, notify: Notify) -> Notify:
        """The same listener, after which a report is begun where one is due."""
        if self._every is None:
            return notify

        def told(event: Event, progress: Progress) -> None:
            notify(event, progress)
            self._ended = progress.done + progress.failed + progress.rejected
            self._look()

        return told

    def finish(self) -> bool:
        """Write it a last time and wait for that, once the search is over; whether it was written."""
        if self._every is None:
            return False
        self._end()
        before = self.written
        self._begin(confirmed=True)
        if self._process is not None:
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._give_up()
            self._reap()
        return self.written > before

    def _look(self) -> None:
        now = time.monotonic()
        if self._process is not None:
            if self._process.poll() is not None:
                self._reap()
            elif now - self._begun > _PATIENCE:
                self._give_up()
        elif now >= self._due and self._ended > self._reported:
            self._begin()

    def _begin(self, confirmed: bool = False) -> None:
        self._begun, self._reported = time.monotonic(), self._ended
        asked = {
            "name": self._where.name,
            "folder": str(self._where.folder),
            "storage": self._where.storage,
            "target": self._target,
            "confirmed": confirmed,
        }
        try:
            # Into a file: a pipe that nobody reads would fill up.
            self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "underbudget.search.results.report"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
                env=environment_for(None),
                # Ctrl-C in the terminal reaches the coordinator only, which ends this process.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except OSError as error:
            if self._errors is not None:
                self._errors.close()
            self._note(str(error.strerror))
            self._next()
            return
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it is dead already: its exit code is seen to
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()  # and held open: the process ends with this one

    def _reap(self) -> None:
        """Take leave of a process that has ended."""
        assert self._process is not None
        assert self._errors is not None
        code = self._process.wait()
        self._close()
        if code == 0:
            self.written += 1
        else:
            self._errors.seek(0)
            lines = [line for line in self._errors.read(65_536).splitlines() if line.strip()]
            self._note(lines[-1].strip()[:300] if lines else f"exit code {code}")
        self._errors.close()
        self._next()

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process = None

    def _next(self) -> None:
        """At least as long as a report takes nobody writes one, so that the trainings have most of the machine."""
        took = time.monotonic() - self._begun
        self._due = time.monotonic() + max(self._every or 0.0, took)

    def _give_up(self) -> None:
        self._end()
        self._note(f"it took longer than {_PATIENCE / 60:.0f} minutes")
        self._next()

    def _end(self) -> None:
        """End the process, if there is one, and wait for its end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        except KeyboardInterrupt:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._close()
            if self._errors is not None:
                self._errors.close()

    def _note(self, why: str) -> None:
        log.warning("the report could not be written: %s", why)
        if not self._noted:
            self._noted = True
            self._say(f"note: the report could not be written while the search runs ({why}); the search goes on")
