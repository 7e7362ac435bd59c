"""What the page shows of a single trial when one is picked: its network drawn and listed, its curve, its commands."""

import shlex
from typing import Any

from underbudget.budget import table
from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports.network import plan_of
from underbudget.reports.page.numbers import percent, span
from underbudget.reports.record import TRAINED, StudyRecord, TrialRecord
from underbudget.reports.tables import interval

_LISTED = 2000  # networks whose layers are listed: a page of 5,000 trials stays under 12 MB, and under 10 s


def trial_details(study: StudyRecord, options: str = "") -> dict[str, Any]:
    """Compact JSON for details.js, which takes what the trial table has from there.

    Of more than 2,000 complete trials, layers are listed for the front and the highest scores.

    `texts` are the distinct operations and tails; `trials` holds, by number, for each complete or stopped trial
    `curve`, an epoch per row as [train accuracy, validation accuracy, train loss, validation loss], and of complete
    ones `layers`, a stage per row as [operation, tail, channels, height, width, parameters, MACs, receptive field]
    (operation and tail as indices of `texts`), and `interval`. `commands` are those for trial "{trial}"; `options`
    finds the study again, e.g. " --runs lab".
    """
    texts: dict[str, int] = {}
    listed = {trial.trial for trial in fronts.front(study.trials, study.axis)}
    ranked = sorted(fronts.scored(study.trials), key=lambda trial: (-fronts.score(trial), trial.trial))
    listed |= {trial.trial for trial in ranked[: max(0, _LISTED - len(listed))]}
    return {
        "commands": _commands(study.name, options),
        "input": list(study.settings.get("dataset", {}).get("input_shape", ())),
        "trials": {
            trial.trial: _details(study, trial, texts if trial.trial in listed else None)
            for trial in study.trials
            if trial.state in TRAINED
        },
        "texts": list(texts),  # filled by now
    }


def _details(study: StudyRecord, trial: TrialRecord, texts: dict[str, int] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "curve": [
            [_short(value, digits) for value, digits in zip(values, (2, 2, 4, 4), strict=True)]
            for values in (
                (epoch.train_accuracy, epoch.val_accuracy, epoch.train_loss, epoch.val_loss) for epoch in trial.curve
            )
        ]
    }
    if trial.state == "complete":
        found["layers"] = [] if texts is None else _layers(study, trial, texts)
        found["score"] = f"{percent(trial.score)}, 95 % interval {span(interval(study, trial.score))}"
    return found


def _layers(study: StudyRecord, trial: TrialRecord, texts: dict[str, int]) -> list[list[int | str]]:
    """Nothing for a text that this version cannot read."""
    try:
        rows = table.rows(plan_of(study, trial), study.settings.get("precision", "float32"))
    except (UserError, KeyError, TypeError, ValueError):
        return []
    return [
        [
            texts.setdefault(row.op, len(texts)),
            texts.setdefault(row.tail, len(texts)),
            *(row.output_shape if len(row.output_shape) == 3 else (row.output_shape[0], 1, 1)),
            row.params,
            row.macs,
            row.receptive_field if isinstance(row.receptive_field, int) else "x".join(map(str, row.receptive_field)),
        ]
        for row in rows
    ]


def _commands(name: str, options: str) -> dict[str, str]:
    trial = ":{trial}".join(shlex.quote(f"{name}:0").rsplit(":0", 1))
    return {
        "show": f"underbudget show {trial}{options}",
        "train": f"underbudget train {trial}{options}",
        "export": f"underbudget export {trial}{options} --output trial-{{trial}}.py",
    }


def _short(value: float, digits: int) -> float | None:
    return round(value, digits) if abs(value) < 1e9 else None
