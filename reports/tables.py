"""A study as tables: data frames for people, plain JSON for programs."""

import math
from typing import TYPE_CHECKING, Any

from underbudget.reports import front as fronts
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.statistics import accuracy_interval

if TYPE_CHECKING:
    import pandas

# Columns with pandas' type; a whole number may be missing, so it is Int64.
_COLUMNS = {
    "trial": "Int64",
    "state": "object",
    "params": "Int64",
    "macs": "Int64",
    "peak_bytes": "Int64",
    "params_bytes": "Int64",
    "score": "float64",
    "low": "float64",  # of the score's 95 % interval
    "high": "float64",
    "n": "Int64",  # validation images
    "last_accuracy": "float64",
    "best_epoch_accuracy": "float64",  # the highest of the curve: flatters, never used to choose
    "epochs": "Int64",
    "seconds": "float64",
    "seed": "Int64",
    "retry_of": "Int64",
    "started": "object",
    "completed": "object",
    "id": "object",
    "layers_text": "object",
    "reason": "object",
}
_INTERVAL = ("low", "high", "n")
_TRIAL_ONLY = ("state", "best_epoch_accuracy", "seed", "retry_of", "started", "completed", "reason")
TRIAL_COLUMNS = tuple(name for name in _COLUMNS if name not in _INTERVAL)
FRONT_COLUMNS = tuple(name for name in _COLUMNS if name not in _TRIAL_ONLY)


def counts(study: StudyRecord) -> dict[str, int]:
    """How many trials were proposed and what became of them; trained = complete + stopped."""
    by_state = {"complete": 0, "stopped": 0, "rejected": 0, "failed": 0, "running": 0}
    for trial in study.trials:
        by_state[trial.state] += 1
    return {"proposed": len(study.trials), "trained": by_state["complete"] + by_state["stopped"], **by_state}


def epochs_saved(study: StudyRecord) -> int:
    """Epochs that early stopping has spared: what the stopped trials would still have been trained for."""
    epochs = study.stored.epochs
    if epochs is None:
        return 0
    return sum(epochs - len(trial.curve) for trial in study.trials if trial.state == "stopped")


def interval(study: StudyRecord, accuracy: float | None) -> tuple[float, float] | None:
    """95 % interval of a validation accuracy of this study in percent, None where it cannot be told."""
    images = study.stored.images
    if images is None or accuracy is None or not 0 <= accuracy <= 100:
        return None
    return accuracy_interval(accuracy, images)


def trial_row(trial: TrialRecord) -> dict[str, Any]:
    """One trial as a flat row with the keys TRIAL_COLUMNS; what is unknown, or not finite, is None. Times: ISO, UTC."""
    proposal, result = trial.proposal, trial.result
    accuracies = [epoch.val_accuracy for epoch in trial.curve if math.isfinite(epoch.val_accuracy)]
    return {
        "trial": trial.trial,
        "state": trial.state,
        "params": proposal and proposal.cost.params,
        "macs": proposal and proposal.cost.macs,
        "peak_bytes": proposal and proposal.cost.peak_bytes,
        "params_bytes": proposal and proposal.cost.params_bytes,
        "score": _finite(trial.score),
        "last_accuracy": _finite(trial.curve[-1].val_accuracy) if trial.curve else None,
        "best_epoch_accuracy": max(accuracies, default=None),
        "epochs": len(trial.curve),
        "seconds": _finite(result.seconds if result else math.fsum(epoch.seconds for epoch in trial.curve)),
        "seed": proposal and proposal.seed,
        "retry_of": proposal and proposal.retry_of,
        "started": trial.started and trial.started.isoformat(timespec="seconds"),
        "completed": trial.completed and trial.completed.isoformat(timespec="seconds"),
        "id": proposal and proposal.id,
        "layers_text": proposal and proposal.layers_text,
        "reason": trial.reason,
    }


def front_rows(study: StudyRecord) -> list[dict[str, Any]]:
    """The front as rows with the keys FRONT_COLUMNS: `low` and `high` are the 95 % interval of the score on `n`
    validation images, percent."""
    found = [_with_interval(study, trial) for trial in fronts.front(study.trials, study.axis)]
    return [{column: row[column] for column in FRONT_COLUMNS} for row in found]


def trials_frame(study: StudyRecord) -> "pandas.DataFrame":
    """One row per proposal, by trial number, columns TRIAL_COLUMNS; accuracies in percent, times in ISO and UTC."""
    return _frame([trial_row(trial) for trial in study.trials], TRIAL_COLUMNS)


def front_frame(study: StudyRecord) -> "pandas.DataFrame":
    """The front, fewest parameters first, columns FRONT_COLUMNS."""
    return _frame(front_rows(study), FRONT_COLUMNS)


def to_json(study: StudyRecord, target: float | None = None, confirmation: str | None = None) -> dict[str, Any]:
    """The report as plain JSON (no NaN): what `report --json` prints and report.json holds (docs/record.md)."""
    best = fronts.winner(study.trials, study.axis)
    reference = study.stored.hypervolume_reference
    return {
        "study": study.name,
        "counts": counts(study),
        "epochs_saved": epochs_saved(study),
        "winner": None if best is None else _with_interval(study, best),
        "confirmation": confirmation,
        "front": front_rows(study),
        "hypervolume": fronts.study_hypervolume(study.trials, reference) if reference else None,
        "target": None if target is None else _target_json(study, target),
        "settings": _without_nan(study.settings),
        "sessions": _without_nan(list(study.sessions)),
    }


def _target_json(study: StudyRecord, target: float) -> dict[str, Any]:
    smallest = fronts.smallest_holding(study.trials, target, study.axis)
    first = fronts.first_reaching(study.trials, target)
    return {
        "accuracy": target,
        "smallest_holding": None if smallest is None else _with_interval(study, smallest),
        "first_reaching": None
        if first is None
        else {**_with_interval(study, first), "reached_at_epoch": fronts.reaching_epoch(first, target)},
    }


def _with_interval(study: StudyRecord, trial: TrialRecord) -> dict[str, Any]:
    low, high = interval(study, trial.score) or (None, None)
    return {**trial_row(trial), "low": low, "high": high, "n": study.stored.images}


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> "pandas.DataFrame":
    import pandas

    series = {name: pandas.Series([row[name] for row in rows], dtype=_COLUMNS[name]) for name in columns}
    return pandas.DataFrame(series, columns=list(columns))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _without_nan(value: Any) -> Any:
    """A copy of JSON data in which NaN and infinities, which JSON does not know, are None."""
    match value:
        case float():
            return _finite(value)
        case dict():
            return {key: _without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
    return value
