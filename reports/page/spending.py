"""What was spent and saved: parameters and MACs of each layer of a network, and the epochs that a search saved."""

import math
from collections.abc import Sequence
from typing import Any

from underbudget.budget.table import LayerRow
from underbudget.reports.page.figure import Figure, axis, bar_pairs, plotly_text
from underbudget.reports.page.numbers import duration, whole
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import counts, epochs_saved


def spending_figure(rows: tuple[LayerRow, ...]) -> Figure:
    """Shares of the network's parameters and MACs, a pair of bars per stage, the first stage on top."""
    spending = [(f"{index}  {row.op}", row) for index, row in enumerate(rows, 1) if row.params or row.macs]
    names = [name for name, _ in spending]

    def bars(word: str, values: Sequence[int]) -> dict[str, Any]:
        total = sum(values)
        shares = [100 * value / total if total else 0.0 for value in values]
        return {
            "name": f"{word} ({total:,})",
            "x": [round(share, 2) for share in shares],
            "text": [f"{share:.0f} %" if share >= 0.5 else "" for share in shares],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertext": [
                f"{plotly_text(name)}<br>{value:,} {word}, {share:.1f} %"
                for name, value, share in zip(names, values, shares, strict=True)
            ],
            "hoverinfo": "text",
        }

    pairs = [bars("parameters", [row.params for _, row in spending]), bars("MACs", [row.macs for _, row in spending])]
    largest = max((share for pair in pairs for share in pair["x"]), default=1.0)
    return bar_pairs(names, pairs, 44, axis("share, %", range=[0, 1.15 * largest]))


def savings(study: StudyRecord) -> dict[str, str] | None:
    """What stopping early and rejecting have saved, as text; times are of one worker, by the mean time of an epoch.
    None where nothing was trained, or the settings hold no number of epochs."""
    epochs = study.stored.epochs
    times = [epoch.seconds for trial in study.trials for epoch in trial.curve]  # of failed and running trials too
    seconds = [time for time in times if math.isfinite(time)]
    if epochs is None or not seconds:
        return None
    found = counts(study)
    mean = math.fsum(seconds) / len(seconds)
    trained = sum(len(trial.curve) for trial in study.trials)
    stopped, rejected = epochs_saved(study), found["rejected"] * epochs
    return {
        "trained": whole(trained),
        "stopped": whole(found["stopped"]),
        "stopped_epochs": whole(stopped),
        "stopped_time": duration(stopped * mean),
        "rejected": whole(found["rejected"]),
        "rejected_epochs": whole(rejected),
        "rejected_time": duration(rejected * mean),
        "share": f"{100 * (stopped + rejected) / (trained + stopped + rejected):.0f} %",  # saved, of all epochs
    }
