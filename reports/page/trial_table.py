"""The trial table: its rows as compact JSON, drawn by table.js in portions so that thousands stay usable."""

from typing import Any

from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import trial_row

# key of reports.tables.trial_row -> (heading, decimals; None for text, -1 for a label such as a trial number)
COLUMNS: dict[str, tuple[str, int | None]] = {
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


def trial_table(study: StudyRecord) -> dict[str, Any]:
    """{"columns": [[heading, decimals, key], ...], "rows": [[value, ...], ...]}, rows by trial number."""
    rows = []
    for trial in study.trials:
        row = trial_row(trial)
        rows.append([_short(row[key]) for key in COLUMNS])
    return {"columns": [[*column, key] for key, column in COLUMNS.items()], "rows": rows}


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
