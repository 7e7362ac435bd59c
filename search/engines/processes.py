"""Jobs in worker processes of this machine, as JSON lines over pipes.

The workers are plain processes, not multiprocessing's: they need no main guard, work from a notebook, and are started
with -P, so that no file of the user's folder can shadow a module. A worker that dies costs one Failed message per job
and is replaced. A free place takes the next job from a reading thread, even while the coordinator is busy.
"""

import dataclasses
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from underbudget.models.errors import UnderbudgetError
from underbudget.search.engines.job import Failed, Finished, Job, Message, message_from_json
from underbudget.search.engines.occupancy import Occupancy
from underbudget.search.engines.worker_process import State, Task, WorkerProcess

log = logging.getLogger(__name__)

_START_ATTEMPTS = 3  # a worker that dies this often in a row before it is ready ends the search
_STOP_SECONDS = 60.0  # a worker that goes on for so long after a stop is killed


def ahead(workers: int) -> int:
    """Jobs that wait ready, so that no worker idles meanwhile. Each was proposed with one result less to go by."""
    return max(1, workers // 4)


class ProcessesEngine:
    """Up to `workers` jobs at once. Each of the first jobs starts a process, in the background, which takes a job as
    soon as it is ready.

    devices: where jobs run, spread evenly, in place of the device that a job names; None leaves that to the job.
    at_once: jobs that one process runs at once, a thread each; 1 for the CPU.
    """

    def __init__(self, workers: int, devices: Sequence[str] | None = None, at_once: int = 1) -> None:
        self._most = workers  # jobs at once; falls where memory is short
        self._layout = layout(workers, list(devices) if devices else [None], at_once)
        self._lock = threading.RLock()  # of everything below; held for moments only
        self._news: queue.SimpleQueue[tuple[Task, Message] | UnderbudgetError] = queue.SimpleQueue()
        self._tasks: dict[int, Task] = {}  # the last one of each trial that is not over
        self._waiting: deque[Task] = deque()
        self._workers: list[WorkerProcess] = []
        self._occupancy = Occupancy()
        self._failed_starts = self._shortages = 0

    @property
    def slots(self) -> int:
        return self._most + ahead(self._most)

    def submit(self, job: Job) -> None:
        with self._lock:
            started = len(self._workers)
            if started < len(self._layout) and sum(worker.places for worker in self._workers) < self._most:
                self._workers.append(WorkerProcess(*self._layout[started], self._receive))
            self._tasks[job.trial] = task = Task(job)
            self._waiting.append(task)
            self._occupancy.submitted(time.monotonic())
            self._hand_out()

    def wait(self, timeout: float) -> list[Message]:
        self._kill_unresponsive()
        messages: list[Message] = []
        deadline = time.monotonic() + timeout
        while True:
            try:
                news = self._news.get(timeout=0.0 if messages else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return messages
            if isinstance(news, UnderbudgetError):
                raise news
            task, message = news
            if task.stopped is None:
                messages.append(message)
                if isinstance(message, Finished | Failed):
                    self._tasks.pop(message.trial, None)

    def stop(self, trial: int) -> None:
        with self._lock:
            task = self._tasks.pop(trial, None)
            if task is None:
                return
            task.stopped = time.monotonic()
            if task in self._waiting:
                self._waiting.remove(task)
            for worker in self._workers:
                if worker.tasks.get(trial) is task:
                    worker.send({"stop": trial})

    def busy_share(self) -> float | None:
        with self._lock:
            underway = [task.began for worker in self._workers for task in worker.tasks.values()]
            return self._occupancy.share(self._most, underway, time.monotonic())

    def close(self) -> None:
        with self._lock:
            workers, self._workers = self._workers, []
            for worker in workers:
                worker.kill()
        for worker in workers:
            worker.close()

    def pids(self) -> list[int]:
        """Process ids of the workers, for monitoring and tests."""
        return [worker.process.pid for worker in self._workers]

    def _hand_out(self) -> None:
        while self._waiting and sum(len(worker.tasks) for worker in self._workers) < self._most:
            task, trial = self._waiting[0], self._waiting[0].job.trial
            free = [worker for worker in self._workers if worker.free > 0 and trial not in worker.tasks]
            if not free:
                return
            worker = max(free, key=lambda worker: worker.free)
            job = task.job if worker.device is None else dataclasses.replace(task.job, device=worker.device)
            if worker.send(dataclasses.asdict(job)):
                task.began = time.monotonic()
                worker.tasks[trial] = self._waiting.popleft()
            else:
                worker.state = State.ENDING  # its replacement takes the job

    def _receive(self, worker: WorkerProcess, line: dict[str, Any] | None) -> None:
        """Take in one line of a worker; called by the thread that reads from it."""
        if line is None:
            self._replace(worker)
            return
        now = time.monotonic()
        with self._lock:
            if worker not in self._workers:
                return
            if line["kind"] == "ready":
                worker.state = State.READY
                self._failed_starts = 0
                self._hand_out()
                return
            task = worker.tasks[line["trial"]]
            busy = line.pop("busy", None)
            if busy is not None:  # the job's last line
                del worker.tasks[line["trial"]]
                self._occupancy.ran(max(task.began, now - busy), now)
            message = None if line["kind"] == "stopped" else message_from_json(line)
            if isinstance(message, Failed) and message.out_of_memory:
                self._run_fewer()
            if message is not None and task.stopped is None:
                self._news.put((task, message))
            self._retire()
            self._hand_out()

    def _replace(self, worker: WorkerProcess) -> None:
        """A worker's process has ended: its jobs have failed, another one takes its place."""
        reason = worker.reason()
        with self._lock:
            if worker not in self._workers:
                return  # closed or retired: this was to be
            for task in worker.tasks.values():
                self._occupancy.ran(task.began, time.monotonic())
                if task.stopped is None:
                    self._news.put((task, Failed(task.job.trial, reason, True, worker.lacked_memory)))
            if worker.lacked_memory and worker.tasks:
                self._run_fewer()
            if worker.state is State.STARTING:
                self._failed_starts += 1
            log.warning("%s; a new one is started", reason)
            place = self._workers.index(worker)
            try:
                if self._failed_starts >= _START_ATTEMPTS:
                    raise OSError(reason)
                self._workers[place] = WorkerProcess(worker.device, worker.places, self._receive)
                self._retire()
            except OSError as error:
                self._workers.remove(worker)
                self._news.put(UnderbudgetError(f"the worker processes do not start: {error}"))
        worker.close()

    def _run_fewer(self) -> None:
        """A job found no memory. The first time may be chance; from then on fewer jobs run at once."""
        self._shortages += 1
        if self._shortages > 1 and self._most > 1:
            self._most -= 1
            change = (self._shortages, self._most, self._most + 1)
            log.warning("memory was short %d times: from now on %d at once instead of %d", *change)

    def _retire(self) -> None:
        """End a process that holds memory and is not needed any more, since fewer jobs run at once."""
        for worker in reversed(self._workers):
            if not worker.tasks and sum(each.places for each in self._workers) - worker.places >= self._most:
                self._workers.remove(worker)
                self._layout.remove((worker.device, worker.places))
                threading.Thread(target=worker.close, daemon=True).start()
                return

    def _kill_unresponsive(self) -> None:
        with self._lock:
            for worker in self._workers:
                stops = [task.stopped for task in worker.tasks.values() if task.stopped is not None]
                if stops and time.monotonic() - min(stops) > _STOP_SECONDS:
                    log.warning("worker %d does not obey a stop and is killed", worker.process.pid)
                    worker.kill()


def layout(workers: int, devices: Sequence[str | None], at_once: int) -> list[tuple[str | None, int]]:
    """(device, places) of each process, for `workers` places spread evenly over the devices, and so over the list."""
    shares = [workers // len(devices) + (index < workers % len(devices)) for index in range(len(devices))]
    result: list[tuple[str | None, int]] = []
    while any(shares):
        for index, device in enumerate(devices):
            if shares[index]:
                places = min(at_once, shares[index])
                shares[index] -= places
                result.append((device, places))
    return result
