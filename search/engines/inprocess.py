"""Jobs in this process, one at a time: for small searches, notebooks and tests."""

from collections.abc import Callable, Iterator

from search.engines import runner
from search.engines.job import Failed, Finished, Job, Message


class InProcessEngine:
    """Runs one job, an epoch per `wait`. `run` may be replaced by a simulated training."""

    slots = 1

    def __init__(self, run: Callable[[Job], Iterator[Message]] = runner.run_on_one_thread) -> None:
        self._run = run
        self._current: Iterator[Message] | None = None

    def submit(self, job: Job) -> None:
        if self._current is not None:
            raise RuntimeError("one job at a time")
        self._current = self._run(job)

    def wait(self, timeout: float) -> list[Message]:
        if self._current is None:
            return []
        message = next(self._current)
        if isinstance(message, Finished | Failed):
            self._current = None
        return [message]

    def close(self) -> None:
        self._current = None
