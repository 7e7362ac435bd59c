"""An engine in virtual time: a discrete-event simulation of so many workers that train by `CurveModel`.

Nothing waits: `wait` jumps to the next moment at which some worker has finished an epoch. Epochs of large networks take
longer than those of small ones, so trials finish out of order, as they do in a real search with several workers.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from lab.curves import CurveModel, planned
from underbudget.search.engines.job import EpochDone, Finished, Job, Message


@dataclass
class _Training:
    job: Job
    accuracies: Sequence[float]
    seconds: float  # of one epoch
    done: int = 0  # epochs


class VirtualEngine:
    """`workers` simulated processes, and one job ready for whichever is free first (as search/engines/processes.py)."""

    def __init__(self, model: CurveModel, workers: int) -> None:
        self.slots = workers + 1
        self.now = 0.0  # virtual seconds since the start
        self.epochs = 0  # finished, of all trainings, the stopped ones included
        self._model = model
        self._free = workers
        self._done: dict[int, int] = {}  # trial -> epochs
        self._ready: deque[Job] = deque()
        self._training: dict[int, _Training] = {}
        self._events: list[tuple[float, int, _Training]] = []  # when a training's next epoch is over
        self._order = 0

    def submit(self, job: Job) -> None:
        """Take a job; it begins when a worker is free."""
        self._ready.append(job)
        self._start()

    def wait(self, timeout: float) -> list[Message]:
        """What has been said by now; with a timeout over 0, what is said at the next moment that brings news."""
        if timeout <= 0:
            return []
        while self._events:
            moment, _, training = heapq.heappop(self._events)
            if self._training.get(training.job.trial) is training:
                self.now = moment
                return self._epoch(training)
        return []

    def stop(self, trial: int) -> None:
        """End a job at once; nothing more is heard of it."""
        self._ready = deque(job for job in self._ready if job.trial != trial)
        if self._training.pop(trial, None) is not None:
            self._free += 1
            self._start()

    def epochs_of(self, trial: int) -> int:
        """Epochs that a trial was trained for so far."""
        return self._done.get(trial, 0)

    def busy_share(self) -> float | None:
        """Not measured here: virtual workers wait for nothing but jobs."""
        return None

    def close(self) -> None:
        """End everything."""
        self._ready.clear()
        self._training.clear()
        self._events.clear()

    def _start(self) -> None:
        while self._free and self._ready:
            job = self._ready.popleft()
            self._free -= 1
            network = planned(job.layers_text)
            accuracies = self._model.curve(network, job.seed)[: job.recipe["epochs"]]
            training = _Training(job, accuracies, self._model.epoch_seconds(network))
            self._training[job.trial] = training
            self._schedule(training)

    def _schedule(self, training: _Training) -> None:
        self._order += 1  # of two events at the same moment the earlier scheduled comes first
        heapq.heappush(self._events, (self.now + training.seconds, self._order, training))

    def _epoch(self, training: _Training) -> list[Message]:
        accuracy = training.accuracies[training.done]
        training.done += 1
        self._done[training.job.trial] = training.done
        self.epochs += 1
        trial, error = training.job.trial, 100 - accuracy
        # Losses and training accuracies are not modelled: plausible, and never judged.
        messages: list[Message] = [
            EpochDone(trial, training.done, error / 20, accuracy, error / 30, accuracy, training.seconds)
        ]
        if training.done == len(training.accuracies):
            del self._training[trial]
            self._free += 1
            self._start()
            seconds = training.seconds * training.done
            messages.append(Finished(trial, "", [[1]], seconds, "simulated", "cpu", "none", {}))
        else:
            self._schedule(training)
        return messages
