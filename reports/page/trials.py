"""All trials: the table's rows, and what the page shows of one that is picked: its network, its curve, its commands."""

import shlex
from typing import Any

from underbudget.budget import table
from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports.network import plan_of
from underbudget.reports.page.numbers import percent, span
from underbudget.reports.record import TRAINED, StudyRecord, TrialRecord
from underbudget.reports.tables import interval, trial_row

# key of reports.tables.trial_row -> (heading, decimals; None for text, -1 for a label such as a trial number)
_COLUMNS: dict[str, tuple[str, int | None]] = {
    "trial": ("trial", -1),
    "state": ("state", None),
    "params": ("parameters", 0),
    "score": ("score, %", 2),
    "best_epoch_accuracy": ("best epoch, %", 2),
    "epochs": ("epochs", 0),
    "seconds": ("seconds", 1),
    "reason": ("reason", None),
    "layers_text": ("layers", None),
    "macs": ("MACs", 0),
    "peak_bytes": ("peak bytes", 0),
}
_LISTED = 2000  # networks whose layers are listed: a page of 5,000 trials stays under 12 MB, and under 10 s


def trial_table(study: StudyRecord) -> dict[str, Any]:
    """{"columns": [[heading, decimals, key], ...], "rows": [[value, ...], ...]}, rows by trial number; table.js draws
    them in portions, so that thousands stay usable."""
    found = [trial_row(trial) for trial in study.trials]
    return {
        "columns": [[*column, key] for key, column in _COLUMNS.items()],
        "rows": [
            [_short(row[key], 4) if isinstance(row[key], float) else row[key] for key in _COLUMNS] for row in found
        ],
    }


def trial_details(study: StudyRecord, options: str = "") -> dict[str, Any]:
    """Compact JSON for details.js, which takes what the trial table has from there.

    Of more than 2,000 complete trials, layers are listed for the front and the highest scores.

    `texts` are the distinct operations and tails; `trials` holds, by number, for each complete or stopped trial
    `curve`, an epoch per row as [train accuracy, validation accuracy, train loss, validation loss], and of complete
    ones `layers`, a stage per row as [operation, tail, channels, height, width, parameters, MACs, receptive field]
    (operation and tail as indices of `texts`), and `score`. `commands` are those for trial "{trial}"; `options` finds
    the study again, e.g. " --runs lab".
    """
    texts: dict[str, int] = {}
    listed = {trial.trial for trial in fronts.front(study.trials, study.axis)}
    ranked = sorted(fronts.scored(study.trials), key=lambda trial: (-fronts.score(trial), trial.trial))
    listed |= {trial.trial for trial in ranked[: max(0, _LISTED - len(listed))]}
    name = ":{trial}".join(shlex.quote(f"{study.name}:0").rsplit(":0", 1))
    return {
        "commands": {
            "show": f"underbudget show {name}{options}",
            "train": f"underbudget train {name}{options}",
            "export": f"underbudget export {name}{options} --output trial-{{trial}}.py",
        },
        "input": study.stored.dataset.input_shape,
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
            [
                *(_short(value, 2) for value in (epoch.train_accuracy, epoch.val_accuracy)),
                *(_short(value, 4) for value in (epoch.train_loss, epoch.val_loss)),
            ]
            for epoch in trial.curve
        ]
    }
    if trial.state == "complete":
        found["layers"] = [] if texts is None else _layers(study, trial, texts)
        found["score"] = f"{percent(trial.score)}, 95 % interval {span(interval(study, trial.score))}"
    return found


def layer_rows(study: StudyRecord, trial: TrialRecord) -> tuple[table.LayerRow, ...]:
    """A row per stage of a trial's network. Empty for a network that this version cannot read."""
    try:
        return table.rows(plan_of(study, trial), study.stored.precision)
    except (UserError, KeyError, TypeError, ValueError):
        return ()


def _layers(study: StudyRecord, trial: TrialRecord, texts: dict[str, int]) -> list[list[int | str]]:
    return [
        [
            texts.setdefault(row.op, len(texts)),
            texts.setdefault(row.tail, len(texts)),
            *(row.output_shape if len(row.output_shape) == 3 else (row.output_shape[0], 1, 1)),
            row.params,
            row.macs,
            row.receptive_field if isinstance(row.receptive_field, int) else "x".join(map(str, row.receptive_field)),
        ]
        for row in layer_rows(study, trial)
    ]


def _short(value: float, digits: int) -> float | None:
    return round(value, digits) if abs(value) < 1e9 else None
