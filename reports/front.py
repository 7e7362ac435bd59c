"""The front of a study, its winner, and which networks hold a target.

Only complete trials with a finite score take part; failed, stopped, rejected and running trials never do, nor do scores
that are NaN or missing.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from underbudget.budget.limits import COST_WORDS
from underbudget.reports.record import SCORE_EPOCHS, TrialRecord

# Accuracies are counts / n x 100 in floating point: 99.43 may be stored as 99.42999999999999. One image in a million
# is 1e-4 points, so this never lets a network pass that missed the target by an image.
_ROUNDING = 1e-9
LEAST_ERROR = 0.005  # percent: half an image of 10,000

AXIS_WORDS = COST_WORDS
T = TypeVar("T")


def cost(trial: TrialRecord, axis: str = "params") -> int:
    """A cost of a trial that was proposed, by its name in AXIS_WORDS. Raises ValueError for one that was not."""
    if trial.proposal is None:
        raise ValueError(f"trial {trial.trial} has no proposal")
    return int(getattr(trial.proposal.cost, axis))


def score(trial: TrialRecord) -> float:
    """Score of a complete trial, percent. Raises ValueError for a trial without one."""
    if trial.score is None:
        raise ValueError(f"trial {trial.trial} has no score")
    return trial.score


def scored(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The trials that may stand on a front: complete, proposed, with a finite score."""
    return [
        trial
        for trial in trials
        if trial.proposal is not None and trial.score is not None and math.isfinite(trial.score)
    ]


def pareto(items: Iterable[T], cost: Callable[[T], Any], loss: Callable[[T], float]) -> list[T]:
    """The items that no other one beats, lowest cost first; the loss falls along them. O(n log n).

    An item is beaten by one with no more cost and no more loss that is better in one of the two. Of items equal in
    both, the first stays.
    """
    result: list[T] = []
    for item in sorted(items, key=lambda item: (cost(item), loss(item))):
        if not result or loss(item) < loss(result[-1]):
            result.append(item)
    return result


def front(trials: Iterable[TrialRecord], axis: str = "params") -> tuple[TrialRecord, ...]:
    """The trials that no other one beats, lowest cost first; the score rises along it. axis: a key of AXIS_WORDS. Of
    trials equal in cost and score, the earliest (lowest number) stays."""
    by_number = sorted(scored(trials), key=lambda trial: trial.trial)
    return tuple(pareto(by_number, lambda trial: cost(trial, axis), lambda trial: -score(trial)))


def winner(trials: Iterable[TrialRecord], axis: str = "params") -> TrialRecord | None:
    """The highest score; ties go to the lower cost, then to the earliest. None where no trial has a score."""
    return min(scored(trials), key=lambda trial: (-score(trial), cost(trial, axis), trial.trial), default=None)


def holds(trial: TrialRecord, target: float) -> bool:
    """Whether each of the last three epochs reached `target` percent on validation; False for a shorter curve."""
    last = trial.curve[-SCORE_EPOCHS:]
    return len(last) == SCORE_EPOCHS and all(epoch.val_accuracy >= target - _ROUNDING for epoch in last)


def smallest_holding(trials: Iterable[TrialRecord], target: float, axis: str = "params") -> TrialRecord | None:
    """The complete trial of the lowest cost that holds `target`; ties go to the higher score, then the earliest."""
    holding = [trial for trial in scored(trials) if holds(trial, target)]
    return min(holding, key=lambda trial: (cost(trial, axis), -score(trial), trial.trial), default=None)


def reaching_epoch(trial: TrialRecord, target: float) -> int | None:
    """The first epoch, from 1, with a validation accuracy of at least `target` percent; None if there is none."""
    return next((epoch.epoch for epoch in trial.curve if epoch.val_accuracy >= target - _ROUNDING), None)


def first_reaching(trials: Iterable[TrialRecord], target: float) -> TrialRecord | None:
    """The complete trial of the lowest number that reached `target` percent at any one epoch, perhaps a lucky one."""
    reaching = [trial for trial in scored(trials) if reaching_epoch(trial, target) is not None]
    return min(reaching, key=lambda trial: trial.trial, default=None)


def hypervolume(points: Iterable[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Area dominated by `points` and bounded by `reference`, both coordinates minimised; exact, O(n log n).

    A point that does not lie below the reference in both coordinates adds nothing, nor does one that is not finite.
    The sweep of E. Zitzler's dissertation (ETH Zurich, 1999) in two dimensions: with x rising, each point that lowers
    y adds the box between its y and the lowest one before it, as wide as its distance from the reference.
    """
    area, lowest = 0.0, reference[1]
    for x, y in sorted(point for point in points if all(map(math.isfinite, point))):
        if x < reference[0] and y < lowest:
            area += (reference[0] - x) * (lowest - y)
            lowest = y
    return area


def study_hypervolume(trials: Iterable[TrialRecord], reference: Mapping[str, float]) -> float:
    """Hypervolume of trials on (log10 cost, log10 validation error), in square decades.

    Both in logarithms, so that a halved error counts alike at 10 % and at 1 %: in plain percent a network that errs
    twenty times in a hundred would outweigh all that lies between 99 and 99.5 %. `reference` is as the study's settings
    store it, a cost of AXIS_WORDS and `error` in percent: {"params": 7999, "error": 90.0}. A score of 100 % counts as
    an error of LEAST_ERROR.
    """
    axis = next(name for name in reference if name != "error")
    points = [
        (math.log10(cost(trial, axis)), math.log10(max(LEAST_ERROR, 100 - score(trial))))
        for trial in scored(trials)
        if cost(trial, axis) > 0
    ]
    return hypervolume(points, (math.log10(reference[axis]), math.log10(reference["error"])))
