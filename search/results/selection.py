"""Which network of a study is taken away: by accuracy, by size, or where the front bends; one line says why."""

import math
from dataclasses import dataclass

from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports import tables
from underbudget.reports.record import SCORE_EPOCHS, StudyRecord, TrialRecord
from underbudget.search.results.trained_trials import pick

PICKS = ("accurate", "smallest", "knee")


@dataclass(frozen=True)
class Selection:
    """A complete trial and why it is the one."""

    trial: TrialRecord
    why: str


def select(study: StudyRecord, how: str | None = None, at_least: float | None = None) -> Selection:
    """The trial that a pick decides on.

    None: the winner, as everywhere. accurate: the lowest cost (of the study's front) among those whose score lies in
    the 95 % interval of the winner's. smallest: the fewest parameters among those that hold `at_least` percent, or the
    target that the study was last searched with. knee: see `_knee`.

    Raises UserError where no trial is complete, none holds the accuracy, or none is named.
    """
    best = pick(study)
    if how not in (None, *PICKS):
        raise UserError(f"--pick is {', '.join(PICKS[:-1])} or {PICKS[-1]}, not {how!r}")
    if at_least is not None and how != "smallest":
        raise UserError("--at-least belongs to --pick smallest: give both, or leave it out")
    match how:
        case "accurate":
            return _accurate(study, best)
        case "smallest":
            return _smallest(study, at_least)
        case "knee":
            return _knee(study, best)
    least = fronts.AXIS_WORDS[study.axis]
    return Selection(best, f"the highest score, {fronts.score(best):.2f} %; of equal ones the fewest {least}")


def _accurate(study: StudyRecord, best: TrialRecord) -> Selection:
    bounds = tables.interval(study, best.score)
    if bounds is None:
        return Selection(best, f"the highest score, {fronts.score(best):.2f} %")
    equals = [trial for trial in fronts.scored(study.trials) if fronts.score(trial) >= bounds[0]]
    chosen = min(equals, key=lambda trial: (fronts.cost(trial, study.axis), -fronts.score(trial), trial.trial))
    shown = f"{fronts.score(best):.2f} %: {bounds[0]:.2f} .. {bounds[1]:.2f}"
    interval, least = f"the 95 % interval of the highest score ({shown})", fronts.AXIS_WORDS[study.axis]
    if chosen is best:
        return Selection(best, f"the highest score, and none with fewer {least} lies in {interval}")
    return Selection(chosen, f"the fewest {least} of the {len(equals)} networks within {interval}, #{best.trial}")


def _smallest(study: StudyRecord, at_least: float | None) -> Selection:
    accuracy = _target(study) if at_least is None else at_least
    if accuracy is None:
        raise UserError(
            f"--pick smallest needs an accuracy, and {study.name} was searched without --target: give --at-least 99.4"
        )
    if not 1 < accuracy <= 100:
        raise UserError(f"--at-least is an accuracy in percent, over 1 and at most 100, not {accuracy:g}")
    chosen = fronts.smallest_holding(study.trials, accuracy)
    held = f"{accuracy:g} % in each of its last {SCORE_EPOCHS} epochs"
    if chosen is None:
        raise UserError(f"no network of {study.name} holds {held}: give a lower --at-least, or search on")
    return Selection(chosen, f"the fewest parameters that hold {held}")


def _target(study: StudyRecord) -> float | None:
    """The target of the last session that had one."""
    given = [session.get("target") for session in study.sessions]
    return next((float(target) for target in reversed(given) if isinstance(target, int | float)), None)


def _knee(study: StudyRecord, best: TrialRecord) -> Selection:
    """Where the front bends most: farthest from the line between its ends, on (log10 cost, score), both scaled to 0..1.

    Source: I. Das, "On characterizing the knee of the Pareto curve based on normal-boundary intersection", Structural
    Optimization 18 (1999). A front of fewer than three points, or without a point over that line, has no knee.
    """
    front = fronts.front(study.trials, study.axis)
    if len(front) >= 3:
        costs = {trial.trial: math.log10(max(1, fronts.cost(trial, study.axis))) for trial in front}
        first, last = front[0], front[-1]

        def above(trial: TrialRecord) -> float:
            height = (fronts.score(trial) - fronts.score(first)) / (fronts.score(last) - fronts.score(first))
            width = (costs[trial.trial] - costs[first.trial]) / (costs[last.trial] - costs[first.trial])
            return height - width

        knee = max(front[1:-1], key=lambda trial: (above(trial), -trial.trial))
        if above(knee) > 0:
            return Selection(knee, f"the knee of the front of {len(front)}: farthest from the line between its ends")
    return Selection(
        best, f"the front of {len(front)} has no knee: the highest score instead, {fronts.score(best):.2f} %"
    )
