"""A study as rows, as a data frame and as plain JSON."""

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from underbudget.models.metrics import effective_images
from underbudget.reports import front as fronts
from underbudget.reports.record import TRAINED, StudyRecord, TrialRecord
from underbudget.reports.statistics import accuracy_interval

if TYPE_CHECKING:
    import pandas

_COSTS = ("params", "macs", "peak_bytes", "params_bytes")
FRONT_COLUMNS = (
    *("trial", *_COSTS, "score", "low", "high", "n", "last_accuracy"),
    *("epochs", "seconds", "id", "layers_text"),
)


def counts(study: StudyRecord) -> dict[str, int]:
    """How many trials were proposed and what became of them; trained = complete + stopped."""
    found = Counter(trial.state for trial in study.trials)
    by_state = {state: found[state] for state in ("complete", "stopped", "rejected", "failed", "running")}
    return {"proposed": len(study.trials), "trained": sum(by_state[state] for state in TRAINED), **by_state}


def epochs_saved(study: StudyRecord) -> int:
    """Epochs saved by early stopping: those that the stopped trials still had to train."""
    epochs = study.stored.epochs or 0
    return sum(max(0, epochs - len(trial.curve)) for trial in study.trials if trial.state == "stopped")


def interval(study: StudyRecord, accuracy: float | None) -> tuple[float, float] | None:
    """95 % interval of a validation accuracy of this study in percent, None where it is unknown."""
    images: float | None = study.stored.images
    if images is None or accuracy is None or not 0 <= accuracy <= 100:
        return None
    if study.stored.metric != "accuracy":
        images = next(
            (effective_images(one.result.confusion, study.stored.metric) for one in study.trials if one.result), images
        )
    return accuracy_interval(accuracy, images)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def trial_row(trial: TrialRecord) -> dict[str, Any]:
    """One trial as a flat row with the keys TRIAL_COLUMNS; what is unknown, or not finite, is None. Times: ISO, UTC."""
    proposal, result = trial.proposal, trial.result
    accuracies = [epoch.val_accuracy for epoch in trial.curve if math.isfinite(epoch.val_accuracy)]
    return {
        "trial": trial.trial,
        "state": trial.state,
        **{name: proposal and getattr(proposal.cost, name) for name in _COSTS},
        "score": _finite(trial.score),
        "last_accuracy": _finite(trial.curve[-1].val_accuracy) if trial.curve else None,
        "best_epoch_accuracy": max(accuracies, default=None),  # flatters, never used to choose
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


TRIAL_COLUMNS = tuple(trial_row(TrialRecord(0, "running", "", None)))


def front_rows(study: StudyRecord) -> list[dict[str, Any]]:
    """The front as rows with the keys FRONT_COLUMNS: `low` and `high` are the 95 % interval of the score on `n`
    validation images, percent."""
    found = [_with_interval(study, trial) for trial in fronts.front(study.trials, study.axis)]
    return [{column: row[column] for column in FRONT_COLUMNS} for row in found]


def front_frame(study: StudyRecord) -> "pandas.DataFrame":
    """The front, fewest parameters first, columns FRONT_COLUMNS; accuracies in percent."""
    import pandas

    rows = front_rows(study)
    types = dict.fromkeys(FRONT_COLUMNS, "Int64")  # a whole number may be missing
    types |= dict.fromkeys(("score", "low", "high", "last_accuracy", "seconds"), "float64")
    types |= {"id": "object", "layers_text": "object"}
    return pandas.DataFrame({name: pandas.Series([row[name] for row in rows], dtype=types[name]) for name in types})


def to_json(study: StudyRecord, target: float | None = None, confirmation: str | None = None) -> dict[str, Any]:
    """The report as plain JSON (no NaN): what `report --json` prints and report.json holds (docs/record.md)."""
    best = fronts.winner(study.trials, study.axis)
    reference = study.stored.hypervolume_reference
    return {
        "study": study.name,
        "counts": counts(study),
        "epochs_saved": epochs_saved(study),
        "winner": best and _with_interval(study, best),
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
    reached = first and {**_with_interval(study, first), "reached_at_epoch": fronts.reaching_epoch(first, target)}
    return {
        "accuracy": target,
        "smallest_holding": smallest and _with_interval(study, smallest),
        "first_reaching": reached,
    }


def _with_interval(study: StudyRecord, trial: TrialRecord) -> dict[str, Any]:
    low, high = interval(study, trial.score) or (None, None)
    return {**trial_row(trial), "low": low, "high": high, "n": study.stored.images}


def _without_nan(value: Any) -> Any:
    """A copy of JSON data in which NaN and infinities, which JSON does not know, are None."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)
