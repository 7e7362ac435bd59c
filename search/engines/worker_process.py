"""One worker process as its engine sees it: jobs and stops go in, messages come out, its end is noticed."""

import enum
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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from underbudget import version
from underbudget.search.engines.job import Job

log = logging.getLogger(__name__)

_LONGEST_LINE = 65_536  # characters of a worker's standard error that are kept at a time
_ROOT = Path(version.__file__).resolve().parents[1]  # what holds the package


class State(enum.Enum):
    """What a worker process can do."""

    STARTING = enum.auto()  # takes no jobs yet
    READY = enum.auto()
    ENDING = enum.auto()  # reads nothing any more
    KILLED = enum.auto()  # by its engine


@dataclass(eq=False)
class Task:
    """A submitted job and what became of it."""

    job: Job
    began: float = field(default_factory=time.monotonic)  # when a worker got it, later when it began to compute
    stopped: float | None = None  # when; from then on nothing is said about it


class WorkerProcess:
    """A process that runs up to `places` jobs at once on one device, and the two threads that read from it.

    One of them calls `receive` with each line as a JSON object, and with None once the process has ended. The engine
    alone, under its lock, changes `state` and `tasks`.
    """

    def __init__(
        self, device: str | None, places: int, receive: "Callable[[WorkerProcess, dict[str, Any] | None], None]"
    ) -> None:
        self.device, self.places = device, places
        self.state = State.STARTING
        self.tasks: dict[int, Task] = {}  # by trial
        self._receive = receive
        self._errors: deque[str] = deque(maxlen=20)
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
        assert self.process.stdin is not None
        self._input = self.process.stdin
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_lines, self._read_errors)]
        for thread in self._readers:
            thread.start()

    @property
    def free(self) -> int:
        """Jobs that it could take now."""
        return self.places - len(self.tasks) if self.state is State.READY else 0

    def send(self, value: dict[str, Any]) -> bool:
        """Write one line; False where the process does not read any more."""
        try:
            self._input.write(json.dumps(value) + "\n")
            self._input.flush()
        except (OSError, ValueError):  # ValueError: the pipe is closed
            return False
        return True

    def kill(self) -> None:
        """End it at once."""
        self.state = State.KILLED
        self.process.kill()

    def close(self) -> None:
        """Let it end, which it does as soon as its input closes, wait for that, and close its pipes."""
        with suppress(OSError):  # what a dead worker has not read cannot be flushed
            self._input.close()
        self.process.wait()
        for thread in self._readers:
            if thread is not threading.current_thread():
                thread.join(timeout=5)
        for pipe in filter(None, (self.process.stdout, self.process.stderr)):
            pipe.close()

    @property
    def lacked_memory(self) -> bool:
        """Whether it ended as Linux ends a process where memory is short, by SIGKILL; a guess."""
        killed = self.process.poll() == -getattr(signal, "SIGKILL", 9)
        return killed and self.state is not State.KILLED

    def reason(self) -> str:
        """Why the process ended, on one line. Waits for its end."""
        code = self.process.wait()
        self._readers[1].join(timeout=5)
        how = f"ended with exit code {code}"
        if code < 0:
            how = f"killed by signal {-code}"
            with suppress(ValueError):
                how = f"killed by {signal.Signals(-code).name}"
            if self.lacked_memory:
                how += " (out of memory, perhaps)"
        return f"worker process {how}" + (f": {self._errors[-1][:200]}" if self._errors else "")

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                self._receive(self, json.loads(line))
        except (ValueError, KeyError, TypeError):  # a line that the worker's death cut short, or none of ours
            self.process.kill()
        finally:
            self._receive(self, None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        while line := self.process.stderr.readline(_LONGEST_LINE):
            if line.strip():
                self._errors.append(line.strip())
                log.info("worker %d: %s", self.process.pid, line.rstrip())


def environment_for(device: str | None) -> dict[str, str]:
    """The environment of a process that computes on a device, one thread per training on the CPU."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", PYTHONUNBUFFERED="1")
    if str(_ROOT) != sysconfig.get_path("purelib"):  # a checkout that may not be installed
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOT), environment.get("PYTHONPATH"))))
    if device is not None and device.startswith("cuda"):
        # Each concurrent trial has a stream; with fewer connections than streams they wait for each other (CUDA C++
        # Programming Guide, environment variables: 8 by default, 32 at most).
        environment.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    return environment
