"""The front of a study, its winner, and which networks hold a target.

Only complete trials with a finite score take part: a failed, stopped, rejected or running trial, or a score that is
NaN or missing, never enters anything here.
"""

import math
from collections.abc import Iterable, Mapping

from reports.record import SCORE_EPOCHS, TrialRecord

# Accuracies are counts / n x 100 in floating point: 99.43 may be stored as 99.42999999999999. One image in a million
# is 1e-4 points, so this never lets a network pass that missed the target by an image.
_ROUNDING = 1e-9


def params(trial: TrialRecord) -> int:
    """Parameter count of a trial that was proposed. Raises ValueError for one that was not."""
    if trial.proposal is None:
        raise ValueError(f"trial {trial.trial} has no proposal")
    return trial.proposal.cost.params


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


def front(trials: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """The trials that no other one beats, fewest parameters first; the score rises along it.

    A trial is beaten by one with no more parameters and no lower score that is better in one of the two. Of trials
    equal in both, the earliest (lowest number) stays. O(n log n).
    """
    result: list[TrialRecord] = []
    for trial in sorted(scored(trials), key=lambda trial: (params(trial), -score(trial), trial.trial)):
        if not result or score(trial) > score(result[-1]):
            result.append(trial)
    return tuple(result)


def winner(trials: Iterable[TrialRecord]) -> TrialRecord | None:
    """The highest score; ties go to fewer parameters, then to the earliest. None where no trial has a score."""
    return min(scored(trials), key=lambda trial: (-score(trial), params(trial), trial.trial), default=None)


def holds(trial: TrialRecord, target: float) -> bool:
    """Whether the validation accuracy was at least `target` percent in each of the last three epochs.

    False for a curve of fewer than three epochs.
    """
    last = trial.curve[-SCORE_EPOCHS:]
    return len(last) == SCORE_EPOCHS and all(epoch.val_accuracy >= target - _ROUNDING for epoch in last)


def smallest_holding(trials: Iterable[TrialRecord], target: float) -> TrialRecord | None:
    """The complete trial with the fewest parameters that holds `target`; ties go to the higher score, then earliest."""
    holding = [trial for trial in scored(trials) if holds(trial, target)]
    return min(holding, key=lambda trial: (params(trial), -score(trial), trial.trial), default=None)


def reaching_epoch(trial: TrialRecord, target: float) -> int | None:
    """The first epoch, from 1, with a validation accuracy of at least `target` percent; None if there is none."""
    return next((epoch.epoch for epoch in trial.curve if epoch.val_accuracy >= target - _ROUNDING), None)


def first_reaching(trials: Iterable[TrialRecord], target: float) -> TrialRecord | None:
    """The complete trial of the lowest number that reached `target` percent on validation at any of its epochs.

    Reaching is less than holding: one epoch is enough, and one epoch may be luck. It tells how soon a search got near.
    """
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
    """Hypervolume of trials on (log10 params, validation error percent).

    `reference` is {"params": count, "error": percent}, as the study's settings store it; the unit is decades times
    percentage points.
    """
    points = [(math.log10(params(trial)), 100 - score(trial)) for trial in scored(trials) if params(trial) > 0]
    return hypervolume(points, (math.log10(reference["params"]), reference["error"]))
