"""The course of a search: hypervolume and front after each trained trial."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.record import TRAINED, StudyRecord, TrialRecord


@dataclass(frozen=True)
class FrontStep:
    """The state of a search when a trained trial ended."""

    trial: int
    trained: int  # trials so far, complete or stopped
    epochs: int  # trained so far, of all trials that ended
    seconds: float | None  # of searching, pauses between sessions left out; None where no time was stored
    hypervolume: float | None  # None for a study without a reference point
    best: float | None  # highest score so far, percent


def history(study: StudyRecord) -> list[FrontStep]:
    """One step per complete or stopped trial, in the order in which they ended."""
    reference = study.stored.hypervolume_reference
    clock = _Clock(study)
    steps: list[FrontStep] = []
    front: tuple[TrialRecord, ...] = ()
    epochs, volume, best = 0, 0.0 if reference else None, None
    for trained, trial in enumerate(ended(study), 1):
        epochs += len(trial.curve)
        if fronts.scored([trial]):
            score = fronts.score(trial)
            best = score if best is None else max(best, score)
            cheaper = bisect_right(front, fronts.cost(trial, study.axis), key=lambda one: fronts.cost(one, study.axis))
            if not cheaper or score > fronts.score(front[cheaper - 1]):  # no one on the front beats it
                front = fronts.front((*front, trial), study.axis)
                volume = fronts.study_hypervolume(front, reference) if reference else None
        steps.append(FrontStep(trial.trial, trained, epochs, clock.seconds(trial.completed), volume, best))
    return steps


def fronts_after(study: StudyRecord, shares: Sequence[float]) -> list[tuple[int, tuple[TrialRecord, ...]]]:
    """The fronts after these shares (0 to 1) of the trained trials: (trained trials, front), without repeats."""
    trials = ended(study)
    counts = sorted({max(1, round(share * len(trials))) for share in shares}) if trials else []
    return [(count, fronts.front(trials[:count], study.axis)) for count in counts]


def ended(study: StudyRecord) -> list[TrialRecord]:
    """The complete and stopped trials in the order in which they ended; those without a time by number."""
    trained = [trial for trial in study.trials if trial.state in TRAINED]
    never = datetime.max.replace(tzinfo=UTC)
    return sorted(trained, key=lambda trial: (trial.completed or never, trial.trial))


class _Clock:
    """Seconds of searching up to a moment, pauses between sessions left out."""

    def __init__(self, study: StudyRecord) -> None:
        times = sorted(trial.completed for trial in study.trials if trial.completed is not None)
        begun = sorted(found for session in study.sessions if (found := _time(session, "started")) is not None)
        first = min((trial.started for trial in study.trials if trial.started is not None), default=None)
        if first is not None and (not begun or first < begun[0]):
            begun.insert(0, first)
        # A session that was killed has no end: it lasted until the last trial before the next one.
        self._spans: list[tuple[datetime, float]] = []
        before = 0.0
        for start, following in zip(begun, [*begun, None][1:], strict=True):
            self._spans.append((start, before))
            ended = times[: bisect_right(times, following)] if following else []
            before += max(0.0, (ended[-1] - start).total_seconds()) if ended else 0.0

    def seconds(self, moment: datetime | None) -> float | None:
        if moment is None or not self._spans:
            return None
        start, before = max((span for span in self._spans if span[0] <= moment), default=self._spans[0])
        return before + max(0.0, (moment - start).total_seconds())


def _time(session: dict[str, Any], key: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(session[key])
    except (KeyError, TypeError, ValueError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
