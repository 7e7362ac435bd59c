"""Jobs in this process, one at a time: for small searches, notebooks and tests."""

import time
from collections.abc import Callable, Generator, Iterator

from underbudget.search.engines import runner
from underbudget.search.engines.job import Failed, Finished, Job, Message
from underbudget.search.engines.occupancy import Occupancy


class InProcessEngine:
    """Runs one job, an epoch per `wait`. `run` may be replaced by a simulated training."""

    slots = 1

    def __init__(self, run: Callable[[Job], Iterator[Message]] | None = None) -> None:
        self.should_stop: Callable[[], bool] = lambda: False  # asked before each optimiser step; yes ends the training
        self._run = run or (lambda job: runner.run_on_one_thread(job, lambda: self.should_stop()))
        self._current: tuple[int, Iterator[Message]] | None = None  # the trial and what its job says
        self._occupancy = Occupancy()

    def submit(self, job: Job) -> None:
        if self._current is not None:
            raise RuntimeError("one job at a time")
        self._occupancy.submitted(time.monotonic())
        self._current = job.trial, self._run(job)

    def wait(self, timeout: float) -> list[Message]:
        if self._current is None:
            return []
        started = time.monotonic()
        message = next(self._current[1], None)
        self._occupancy.ran(started, time.monotonic())
        if message is None:  # it was to stop
            self.close()
            return []
        if isinstance(message, Finished | Failed):
            self.close()
        return [message]

    def stop(self, trial: int) -> None:
        if self._current is not None and self._current[0] == trial:
            self.close()

    def busy_share(self) -> float | None:
        return self._occupancy.share(1, (), time.monotonic())

    def close(self) -> None:
        current, self._current = self._current, None
        if current is not None and isinstance(current[1], Generator):
            current[1].close()
