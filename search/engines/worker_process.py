"""One worker process as its engine sees it: jobs and stops go in, lines come out, its death is noticed."""

import json
import logging
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from underbudget import version
from underbudget.search.engines.job import Job

log = logging.getLogger(__name__)

_LONGEST_LINE = 65_536  # characters of a worker's standard error that are kept at a time
_ROOT = Path(version.__file__).resolve().parents[1]  # what holds the package


@dataclass(eq=False)
class Task:
    """A submitted job and what became of it."""

    job: Job
    stopped: bool = False  # nothing is said about it any more
    began: float = field(default_factory=time.monotonic)  # when a worker got it, later when it began to compute
    stop_sent: float | None = None


class WorkerProcess:
    """A process that runs up to `places` jobs at once on one device, and the two threads that listen to it.

    `heard` is called, from one of these threads, with each line as a JSON object, and once with None when the process
    has ended. The engine alone, under its lock, changes `ready`, `dying` and `tasks`.
    """

    def __init__(
        self, device: str | None, places: int, heard: "Callable[[WorkerProcess, dict[str, Any] | None], None]"
    ) -> None:
        self.device, self.places = device, places
        self.deaf = False  # it did not obey a stop, and was killed for that
        self.ready = self.dying = False
        self.tasks: dict[int, Task] = {}  # by trial
        self._heard = heard
        self._last_words: deque[str] = deque(maxlen=20)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "underbudget.search.engines.worker", str(places)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment_for(device),
            # Ctrl-C in the terminal reaches the coordinator only.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._listeners = [
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=self._overhear, daemon=True),
        ]
        for thread in self._listeners:
            thread.start()

    @property
    def free(self) -> int:
        """Jobs that it could take now."""
        return self.places - len(self.tasks) if self.ready and not self.dying else 0

    def send(self, value: dict[str, Any]) -> bool:
        """Write one line; False where the process does not read any more."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(value) + "\n")
            self.process.stdin.flush()
        except (OSError, ValueError):  # ValueError: the pipe is closed
            return False
        return True

    def dismiss(self) -> None:
        """Let it end by itself, at once: nothing more comes in."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
        except OSError:
            log.debug("a pipe of a dead worker could not be flushed")

    def obituary(self) -> str:
        """Why the process ended, on one line. Waits for its end."""
        code = self.process.wait()
        self._listeners[1].join(timeout=5)
        if code < 0:
            try:
                how = f"killed by {signal.Signals(-code).name}"
            except ValueError:
                how = f"killed by signal {-code}"
            if self.was_killed:
                how += " (out of memory, perhaps)"
        else:
            how = f"ended with exit code {code}"
        words = self._last_words[-1] if self._last_words else ""
        return f"worker process {how}" + (f": {words[:200]}" if words else "")

    @property
    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL, as Linux ends a process where memory is short."""
        return self.process.poll() == -getattr(signal, "SIGKILL", 9)

    def reap(self) -> None:
        """Take leave of a process that ended, or was killed: its pipes are closed."""
        self.process.wait()
        for thread in self._listeners:
            if thread is not threading.current_thread():
                thread.join(timeout=5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    log.debug("a pipe of a dead worker could not be flushed")

    def _listen(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                self._heard(self, json.loads(line))
        except (ValueError, KeyError, TypeError):  # a line that the worker's death cut short, or none of ours
            self.process.kill()
        finally:
            self._heard(self, None)

    def _overhear(self) -> None:
        assert self.process.stderr is not None
        while line := self.process.stderr.readline(_LONGEST_LINE):
            if line.strip():
                self._last_words.append(line.strip())
                log.info("worker %d: %s", self.process.pid, line.rstrip())


def environment_for(device: str | None) -> dict[str, str]:
    """The environment of a process that computes on a device, one thread per training on the CPU."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", PYTHONUNBUFFERED="1")
    if str(_ROOT) != sysconfig.get_path("purelib"):  # a checkout that may not be installed
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *([inherited] if inherited else [])])
    if device is not None and device.startswith("cuda"):
        # Each concurrent trial has a stream; with fewer connections than streams they wait for each other (CUDA C++
        # Programming Guide, environment variables: 8 by default, 32 at most).
        environment.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    return environment
