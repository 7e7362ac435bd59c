"""Learning-rate schedules: pure functions of the step and of the losses monitored so far.

They have no state, so a run can be cut, replayed or drawn anywhere. Each agrees with its namesake in
`torch.optim.lr_scheduler` at every step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """The same rate and momentum at every step."""

    kind: str = "constant"


@dataclass(frozen=True)
class StepDecay:
    """The rate is multiplied by `factor` after every `every` epochs: `StepLR`, stepped once per epoch."""

    every: int = 6  # epochs, at least 1
    factor: float = 0.1  # over 0
    kind: str = "step"


@dataclass(frozen=True)
class Plateau:
    """The rate is multiplied by `factor` once the monitored loss has not fallen for more than `patience` epochs.

    `ReduceLROnPlateau` with its defaults: a loss counts as lower from a 10,000th of the lowest on.
    """

    factor: float = 0.1  # over 0 and under 1
    patience: int = 10  # epochs without a lower loss that change nothing, at least 0
    kind: str = "plateau"


@dataclass(frozen=True)
class OneCycle:
    """One cycle over the whole run, stepped per batch: `OneCycleLR` in two cosine phases.

    Source: Smith and Topin, "Super-convergence" (2018), as torch implements it. The recipe's rate is the highest one.
    Momentum runs the other way, from `high_momentum` to `low_momentum` and back; the recipe's own is then not used.
    """

    warm_up: float = 0.3  # share of the steps in which the rate rises, over 0 and under 1
    first_divisor: float = 25.0  # the first rate is the highest divided by this
    last_divisor: float = 1e4  # the last rate is the first divided by this
    low_momentum: float = 0.85
    high_momentum: float = 0.95
    length: float = 1.0  # the cycle's, in runs, at least 1: at 20 / 15 a run ends after 15 of the cycle's 20 epochs
    kind: str = "one-cycle"


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from the recipe's rate down to `last` times it, stepped per batch: `CosineAnnealingLR`.

    Source: Loshchilov and Hutter, "SGDR" (2017), without restarts.
    """

    last: float = 0.0  # 0..1, reached one step after the run's last
    kind: str = "cosine"


Schedule = Constant | StepDecay | Plateau | OneCycle | Cosine
SCHEDULES: dict[str, type[Schedule]] = {kind.kind: kind for kind in (Constant, StepDecay, Plateau, OneCycle, Cosine)}


@dataclass(frozen=True)
class Timeline:
    """How long a run is."""

    epochs: int
    steps_per_epoch: int

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.epochs * self.steps_per_epoch


def at(
    schedule: Schedule, step: int, timeline: Timeline, lr: float, momentum: float, losses: Sequence[float] = ()
) -> tuple[float, float]:
    """(learning rate, momentum) of optimiser step `step`, 0 <= step < timeline.steps.

    `lr` and `momentum` are the recipe's: the rate and momentum of a constant schedule, the first rate of a step decay,
    a plateau and a cosine, the highest rate of a one-cycle. losses: the monitored loss of each epoch before this step,
    which only a plateau looks at.
    """
    match schedule:
        case Constant():
            return lr, momentum
        case StepDecay():
            return lr * schedule.factor ** (step // timeline.steps_per_epoch // schedule.every), momentum
        case Plateau():
            return _after_plateaus(schedule, losses, lr), momentum
        case OneCycle():
            return _one_cycle(schedule, step, round(schedule.length * timeline.steps), lr)
        case Cosine():
            return _cosine(lr, lr * schedule.last, step / timeline.steps), momentum


_LOWER = 1 - 1e-4  # ReduceLROnPlateau's threshold
_LEAST_CHANGE = 1e-8  # its eps: a rate that would fall by no more stays


def _after_plateaus(schedule: Plateau, losses: Sequence[float], rate: float) -> float:
    lowest, waited = math.inf, 0
    for loss in losses:
        if loss < lowest * _LOWER:
            lowest, waited = loss, 0
        else:
            waited += 1
        if waited > schedule.patience:
            waited = 0
            if rate - rate * schedule.factor > _LEAST_CHANGE:
                rate *= schedule.factor
    return rate


def _one_cycle(schedule: OneCycle, step: int, steps: int, highest: float) -> tuple[float, float]:
    first = highest / schedule.first_divisor
    last = first / schedule.last_divisor
    peak = schedule.warm_up * steps - 1  # torch counts from 0 and keeps the fraction: the peak falls between two steps
    if step <= peak:
        share = step / peak if peak else 1.0  # a warm-up of one step is over at once (torch divides by zero there)
        return _cosine(first, highest, share), _cosine(schedule.high_momentum, schedule.low_momentum, share)
    share = (step - peak) / (steps - 1 - peak)
    return _cosine(highest, last, share), _cosine(schedule.low_momentum, schedule.high_momentum, share)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
