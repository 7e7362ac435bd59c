"""The confirmed finalists of a study, as its own page and its front show them."""

from typing import Any

from underbudget.reports.confirmation import Confirmation, Confirmed
from underbudget.reports.page.numbers import DASH, whole
from underbudget.reports.statistics import Summary


def finalist_rows(confirmation: Confirmation) -> list[dict[str, Any]]:
    """A row per finalist as text."""
    return [_row(confirmation, one) for one in confirmation.finalists]


def _row(confirmation: Confirmation, one: Confirmed) -> dict[str, Any]:
    last = one.last
    interval = DASH if last.low is None or last.high is None else f"{last.low:.2f}{DASH}{min(last.high, 100):.2f}"
    return {
        "trial": one.trial.trial,
        "params": whole(one.runs[0].params),
        "score": f"{one.score:.2f}",
        "mean": f"{last.mean:.2f}",
        "sd": DASH if last.sd is None else f"{last.sd:.2f}",
        "minimum": f"{last.minimum:.2f}",
        "maximum": f"{last.maximum:.2f}",
        "interval": interval,
        "best": f"{one.best.mean:.2f}",
        "held": None
        if confirmation.target is None
        else f"{sum(run.holds(confirmation.target, confirmation.last) for run in one.runs)} of {len(one.runs)}",
        "seeds": len(one.runs),
        "layers_text": one.runs[0].layers_text,
    }


def finalist_trace(confirmation: Confirmation, axis: str) -> dict[str, Any]:
    """The finalists on the front figure: mean test accuracy of their seeds with its 95 % interval."""
    finalists = [one for one in confirmation.finalists if one.trial.proposal is not None]
    texts = []
    for one, row in zip(finalists, finalist_rows(Confirmation("", tuple(finalists), None)), strict=True):
        texts.append(
            f"<b>trial {one.trial.trial}, confirmed</b><br>{row['params']} parameters<br>"
            f"{row['mean']} % on test, mean of {row['seeds']} seeds<br>95 % interval {row['interval']}"
        )
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "confirmed: test, mean of the seeds, 95 % interval",
        "x": [getattr(one.trial.proposal.cost, axis) for one in finalists if one.trial.proposal is not None],
        "y": [round(one.last.mean, 6) for one in finalists],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [_above(one.last) for one in finalists],
            "arrayminus": [
                0.0 if one.last.low is None else round(one.last.mean - one.last.low, 6) for one in finalists
            ],
            "color": "@green",
            "thickness": 1.5,
            "width": 4,
        },
        "marker": {"size": 9, "symbol": "square", "color": "@green"},
        "customdata": [one.trial.trial for one in finalists],
        "hovertext": texts,
        "hoverinfo": "text",
    }


def _above(last: Summary) -> float:
    return 0.0 if last.high is None else round(min(last.high, 100) - last.mean, 6)
