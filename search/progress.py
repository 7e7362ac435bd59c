"""How far a search has come: counts, best, front, speed and time left. Told to whoever shows it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rejected:
    """A proposal that was not trained."""

    trial: int
    params: int
    reason: str


@dataclass(frozen=True)
class Started:
    """A training was handed to the engine."""

    trial: int
    params: int
    layers_text: str


@dataclass(frozen=True)
class EpochOver:
    trial: int
    epoch: int
    val_accuracy: float  # percent


@dataclass(frozen=True)
class Ended:
    """A trained trial is complete, stopped early or failed."""

    trial: int
    state: str
    reason: str
    params: int
    score: float | None  # percent
    seconds: float


@dataclass(frozen=True)
class Tick:
    """Nothing new, a second has passed."""


Event = Rejected | Started | EpochOver | Ended | Tick
Notify = Callable[[Event, "Progress"], None]


@dataclass
class Progress:
    """Counts of the whole study, speeds of this session."""

    goal: int  # complete and stopped trials wanted
    epochs: int  # of one trial
    axis: str = "params"  # the cost in `points`, a key of reports.front.AXIS_WORDS
    proposed: int = 0
    complete: int = 0
    stopped: int = 0
    rejected: int = 0
    failed: int = 0
    saved: int = 0  # epochs that early stopping has spared the study
    points: list[tuple[int, float, int]] = field(default_factory=list)  # (cost, score, trial) of complete trials
    running: dict[int, int] = field(default_factory=dict)  # trial -> epochs done
    session_epochs: int = 0
    started: float = field(default_factory=time.monotonic)
    first_job: float | None = None

    @property
    def done(self) -> int:
        """Trials that count towards the goal."""
        return self.complete + self.stopped

    @property
    def best(self) -> tuple[int, float, int] | None:
        """(cost on the front's axis, score, trial) of the winner so far."""
        return max(self.points, key=lambda point: (point[1], -point[0], -point[2]), default=None)

    @property
    def front_size(self) -> int:
        """Number of non-dominated (cost, score) points."""
        size, best = 0, float("-inf")
        for _, score in sorted({(params, score) for params, score, _ in self.points}, key=lambda p: (p[0], -p[1])):
            if score > best:
                size, best = size + 1, score
        return size

    @property
    def epochs_per_second(self) -> float | None:
        """Over this session, from the first job's start; None before the first epoch."""
        if self.first_job is None or not self.session_epochs:
            return None
        return self.session_epochs / max(1e-9, time.monotonic() - self.first_job)

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the epochs still to do and the speed so far; None before the first epoch."""
        speed = self.epochs_per_second
        if speed is None:
            return None
        each = self.epochs - self.saved / max(1, self.done)  # epochs of an average trial, stopped ones included
        return max(0, (self.goal - self.done) * each - sum(self.running.values())) / speed
