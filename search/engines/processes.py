"""Jobs in worker processes of this machine, one job and one thread each, spoken to as JSON lines over pipes.

The workers are plain processes, not multiprocessing's: so they need no main guard, work from a notebook, and are
started with -P, so that no file of the user's folder can shadow a module. A worker that dies costs one Failed message
and is replaced.
"""

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from models.errors import UnderbudgetError
from search.engines.job import Failed, Finished, Job, Message, message_from_json

log = logging.getLogger(__name__)

AHEAD = 1  # jobs that wait ready, so that no worker idles while the next proposal is made
_START_ATTEMPTS = 3  # a worker that dies this often in a row before it is ready ends the search
_LONGEST_LINE = 65_536  # characters of a worker's standard error that are kept at a time
_ROOT = Path(__file__).resolve().parents[2]


class ProcessesEngine:
    """Up to `workers` processes. Each of the first jobs starts one, in the background, and waits for it to be ready.

    One job more than there are workers may be submitted: it begins the moment a worker is free.
    """

    def __init__(self, workers: int) -> None:
        self.slots = workers + AHEAD
        self._news: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
        self._failed_starts = 0
        self._waiting: deque[Job] = deque()
        self._most = workers
        self._workers: list[_Worker] = []

    def submit(self, job: Job) -> None:
        if len(self._workers) < self._most:
            self._workers.append(_Worker(self._news))
        self._waiting.append(job)
        self._hand_out()

    def wait(self, timeout: float) -> list[Message]:
        messages: list[Message] = []
        deadline = time.monotonic() + timeout
        while not messages:
            try:
                worker, news = self._news.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            messages += self._take(worker, news)
        while True:
            try:
                worker, news = self._news.get_nowait()
            except queue.Empty:
                return messages
            messages += self._take(worker, news)

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        while self._workers:
            self._workers[-1].reap()
            self._workers.pop()

    def pids(self) -> list[int]:
        """Process ids of the workers, for monitoring and tests."""
        return [worker.process.pid for worker in self._workers]

    def _hand_out(self) -> None:
        for worker in self._workers:
            if not self._waiting:
                return
            if worker.ready and worker.job is None:
                job = self._waiting.popleft()
                if not worker.give(job):
                    self._waiting.appendleft(job)  # it is dying; its replacement takes the job

    def _take(self, worker: "_Worker", news: dict[str, Any] | None) -> list[Message]:
        if news is None:
            return self._bury(worker)
        if news["kind"] == "ready":
            worker.ready = True
            self._failed_starts = 0
            self._hand_out()
            return []
        message = message_from_json(news)
        if isinstance(message, Finished | Failed):
            worker.job = None
            self._hand_out()
        return [message]

    def _bury(self, worker: "_Worker") -> list[Message]:
        if worker not in self._workers:
            return []
        reason = worker.obituary()
        worker.reap()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _START_ATTEMPTS:
                raise UnderbudgetError(f"the worker processes do not start: {reason}")
        log.warning("%s; a new one is started", reason)
        self._workers[self._workers.index(worker)] = _Worker(self._news)
        return [] if worker.job is None else [Failed(worker.job.trial, reason, True)]


class _Worker:
    """One worker process and the two threads that listen to it."""

    def __init__(self, news: "queue.Queue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        self.job: Job | None = None
        self.ready = False
        self._last_words: deque[str] = deque(maxlen=20)
        environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", PYTHONUNBUFFERED="1")
        if str(_ROOT) != sysconfig.get_path("purelib"):  # a checkout that may not be installed
            inherited = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *([inherited] if inherited else [])])
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "search.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            # Ctrl-C in the terminal reaches the coordinator only.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._listeners = [
            threading.Thread(target=self._listen, args=(news,), daemon=True),
            threading.Thread(target=self._overhear, daemon=True),
        ]
        for thread in self._listeners:
            thread.start()

    def give(self, job: Job) -> bool:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(job.__dict__) + "\n")
            self.process.stdin.flush()
        except OSError:
            return False
        self.job = job
        return True

    def obituary(self) -> str:
        """Why the process ended, on one line."""
        code = self.process.wait()
        self._listeners[1].join(timeout=5)
        if code < 0:
            try:
                how = f"killed by {signal.Signals(-code).name}"
            except ValueError:
                how = f"killed by signal {-code}"
            if code == -signal.SIGKILL:
                how += " (out of memory, perhaps)"
        else:
            how = f"ended with exit code {code}"
        words = self._last_words[-1] if self._last_words else ""
        return f"worker process {how}" + (f": {words[:200]}" if words else "")

    def reap(self) -> None:
        """Take leave of a process that ended, or was killed: its pipes are closed."""
        self.process.wait()
        for thread in self._listeners:
            thread.join(timeout=5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    log.debug("a pipe of a dead worker could not be flushed")

    def _listen(self, news: "queue.Queue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                news.put((self, json.loads(line)))
        except ValueError:  # a line that the worker's death cut short, or none of ours
            self.process.kill()
        finally:
            news.put((self, None))

    def _overhear(self) -> None:
        assert self.process.stderr is not None
        while line := self.process.stderr.readline(_LONGEST_LINE):
            if line.strip():
                self._last_words.append(line.strip())
                log.info("worker %d: %s", self.process.pid, line.rstrip())
