"""Jobs in worker processes of this machine, spoken to as JSON lines over pipes.

The workers are plain processes, not multiprocessing's: so they need no main guard, work from a notebook, and are
started with -P, so that no file of the user's folder can shadow a module. A worker that dies costs one Failed message
per job and is replaced. A free place takes the next job from a listening thread, however long the coordinator is busy
with its database.
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
from underbudget.search.engines.job import Failed, Job, Message, message_from_json
from underbudget.search.engines.occupancy import Occupancy
from underbudget.search.engines.worker_process import Task, WorkerProcess

log = logging.getLogger(__name__)

_START_ATTEMPTS = 3  # a worker that dies this often in a row before it is ready ends the search
_DEAF_SECONDS = 60.0  # a worker that has not obeyed a stop for so long is killed


def ahead(workers: int) -> int:
    """Jobs that wait ready beside those that run, so that no worker idles while the next proposal is made.

    The more workers, the more of them may end during one proposal; each job that waits is one that the sampler proposed
    with a result less.
    """
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
        self._waiting: deque[Task] = deque()
        self._workers: list[WorkerProcess] = []
        self._occupancy = Occupancy()
        self._failed_starts = self._shortages = 0
        self._closed = False

    @property
    def slots(self) -> int:
        return self._most + ahead(self._most)

    def submit(self, job: Job) -> None:
        with self._lock:
            started = len(self._workers)
            if started < len(self._layout) and sum(worker.places for worker in self._workers) < self._most:
                self._workers.append(WorkerProcess(*self._layout[started], self._hear))
            self._waiting.append(Task(job))
            self._occupancy.submitted(time.monotonic())
            self._hand_out()

    def wait(self, timeout: float) -> list[Message]:
        self._kill_the_deaf()
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
            if not task.stopped:
                messages.append(message)

    def stop(self, trial: int) -> None:
        with self._lock:
            for task in [task for task in self._waiting if task.job.trial == trial]:
                self._waiting.remove(task)
            for worker in self._workers:
                running = worker.tasks.get(trial)
                if running is not None and not running.stopped:
                    running.stopped, running.stop_sent = True, time.monotonic()
                    worker.send({"stop": trial})
            self._silence(trial)

    def busy_share(self) -> float | None:
        with self._lock:
            underway = [task.began for worker in self._workers for task in worker.tasks.values()]
            return self._occupancy.share(self._most, underway, time.monotonic())

    def close(self) -> None:
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, []
            for worker in workers:
                worker.process.kill()
        for worker in workers:
            worker.reap()

    def pids(self) -> list[int]:
        """Process ids of the workers, for monitoring and tests."""
        return [worker.process.pid for worker in self._workers]

    def _silence(self, trial: int) -> None:
        """Forget what has been said about a trial and was not read yet."""
        kept = []
        while True:
            try:
                news = self._news.get_nowait()
            except queue.Empty:
                break
            if isinstance(news, UnderbudgetError) or news[0].job.trial != trial:
                kept.append(news)
        for news in kept:
            self._news.put(news)

    def _hand_out(self) -> None:
        while self._waiting and sum(len(worker.tasks) for worker in self._workers) < self._most:
            trial = self._waiting[0].job.trial
            free = [worker for worker in self._workers if worker.free > 0 and trial not in worker.tasks]
            if not free:
                return
            worker = max(free, key=lambda worker: worker.free)
            task = self._waiting.popleft()
            job = task.job if worker.device is None else dataclasses.replace(task.job, device=worker.device)
            if not worker.send(dataclasses.asdict(job)):
                self._waiting.appendleft(task)
                worker.dying = True  # its replacement takes the job
                continue
            task.began = time.monotonic()
            worker.tasks[trial] = task

    def _hear(self, worker: WorkerProcess, line: dict[str, Any] | None) -> None:
        """Take in one line of a worker; called by the thread that listens to it."""
        if line is None:
            self._bury(worker)
            return
        now = time.monotonic()
        with self._lock:
            if worker not in self._workers:
                return
            if line["kind"] == "ready":
                worker.ready = True
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
                self._run_short()
            if message is not None and not task.stopped:
                self._news.put((task, message))
            self._retire()
            self._hand_out()

    def _bury(self, worker: WorkerProcess) -> None:
        """A worker's process has ended: its jobs have failed, another one takes its place."""
        reason = worker.obituary()
        with self._lock:
            if self._closed or worker not in self._workers:
                return  # closed, or dismissed: this was to be
            for task in worker.tasks.values():
                self._occupancy.ran(task.began, time.monotonic())
                if not task.stopped:
                    failed = Failed(task.job.trial, reason, True, worker.was_killed)
                    self._news.put((task, failed))
            if worker.was_killed and worker.tasks and not worker.deaf:
                self._run_short()
            if not worker.ready:
                self._failed_starts += 1
            log.warning("%s; a new one is started", reason)
            place = self._workers.index(worker)
            try:
                if self._failed_starts >= _START_ATTEMPTS:
                    raise OSError(reason)
                self._workers[place] = WorkerProcess(worker.device, worker.places, self._hear)
                self._retire()
            except OSError as error:
                self._workers.remove(worker)
                self._news.put(UnderbudgetError(f"the worker processes do not start: {error}"))
        worker.reap()

    def _run_short(self) -> None:
        """A job found no memory. The first time may be chance; from then on fewer jobs run at once."""
        self._shortages += 1
        if self._shortages > 1 and self._most > 1:
            self._most -= 1
            log.warning(
                "memory was short %d times: from now on %d at once instead of %d",
                self._shortages,
                self._most,
                self._most + 1,
            )

    def _retire(self) -> None:
        """End a process that holds memory and is not needed any more, since fewer jobs run at once."""
        for worker in reversed(self._workers):
            if not worker.tasks and sum(each.places for each in self._workers) - worker.places >= self._most:
                self._workers.remove(worker)
                self._layout.remove((worker.device, worker.places))
                worker.dismiss()
                threading.Thread(target=worker.reap, daemon=True).start()
                return

    def _kill_the_deaf(self) -> None:
        with self._lock:
            for worker in self._workers:
                sent = [task.stop_sent for task in worker.tasks.values() if task.stop_sent is not None]
                if sent and time.monotonic() - min(sent) > _DEAF_SECONDS:
                    log.warning("worker %d does not obey a stop and is killed", worker.process.pid)
                    worker.deaf = True
                    worker.process.kill()


def layout(workers: int, devices: Sequence[str | None], at_once: int) -> list[tuple[str | None, int]]:
    """(device, places) of each process, for `workers` places spread evenly over the devices, the first devices first.

    Neighbours in the list are on different devices, so that the first jobs are spread too.
    """
    shares = [workers // len(devices) + (index < workers % len(devices)) for index in range(len(devices))]
    result: list[tuple[str | None, int]] = []
    while any(shares):
        for index, device in enumerate(devices):
            if shares[index]:
                places = min(at_once, shares[index])
                shares[index] -= places
                result.append((device, places))
    return result
