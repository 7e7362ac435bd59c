"""Learning curves of the trials on the front."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

from underbudget.reports.front import cost
from underbudget.reports.page.figure import PALETTE, Figure, axis, error_axis, figure, least_error, scatter
from underbudget.reports.page.numbers import percent
from underbudget.reports.record import TrialRecord
from underbudget.reports.statistics import evenly

_LISTED = 18  # trials in the figure; more would leave more names than plot
_BEHIND = 150  # curves of one kind behind them
_SHOWN = 6  # of them drawn at first; the others wait in the legend
_DASHES = ("solid", "dash", "dashdot")  # so that colours may repeat
_LOSSES = (10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


def curves_figure(trials: Sequence[TrialRecord], images: int | None, others: Sequence[TrialRecord] = ()) -> Figure:
    """Accuracy above, loss below; one colour per trial, validation solid or dashed, training dotted and thin.

    At most 18 trials are drawn, spread evenly over the front. Behind them stands the validation accuracy of `others`,
    all trials of a study: complete ones thin and grey, stopped ones dashed with a cross at their end, at most 150 each.

    The accuracy axis is logarithmic in the error (100 - accuracy), where 90 % and 99.5 % both have room, and is
    labelled with accuracies.
    """
    floor = least_error(images)
    drawn = {trial.trial for trial in trials}
    complete = [trial for trial in others if trial.state == "complete" and trial.trial not in drawn]
    stopped = [trial for trial in others if trial.state == "stopped"]
    trials = evenly(trials, _LISTED)
    shown = evenly(range(len(trials)), _SHOWN)
    styles = [*shown, *(index for index in range(len(trials)) if index not in shown)]  # those shown: a colour each
    traces = [
        *_behind("complete, not on the front", complete, floor, {"color": "@muted", "width": 1}, False),
        *_behind("stopped early", stopped, floor, {"color": "@vermillion", "width": 1, "dash": "dash"}, True),
    ]
    for index, trial in enumerate(trials):
        dashes, color = divmod(styles.index(index), len(PALETTE))
        line = {"color": PALETTE[color], "dash": _DASHES[dashes % len(_DASHES)], "width": 2}
        traces += _traces(trial, floor, line, True if index in shown else "legendonly")
    longest = max([2, *(trial.curve[-1].epoch for trial in [*trials, *others] if trial.curve)])
    step, labels = 1 if longest <= 20 else None, [f"{tick:g}" for tick in _LOSSES]
    return figure(
        traces,
        height=640,
        xaxis=axis("epoch", domain=[0, 1], anchor="y2", dtick=step, range=[0.8, longest + 0.2]),
        yaxis=error_axis("accuracy, %", domain=[0.42, 1]),
        yaxis2=axis("loss, nats", domain=[0, 0.34], type="log", tickvals=list(_LOSSES), ticktext=labels),
    )


def _traces(trial: TrialRecord, floor: float, line: dict[str, Any], visible: bool | str) -> list[dict[str, Any]]:
    name = f"#{trial.trial}, {cost(trial):,} parameters"
    thin = {"color": line["color"], "dash": "dot", "width": 1}
    epochs = [epoch.epoch for epoch in trial.curve]

    def trace(values: list[float | None], texts: list[str], line: dict[str, Any], **more: Any) -> dict[str, Any]:
        hovers = [f"{name}<br>epoch {epoch}<br>{text}" for epoch, text in zip(epochs, texts, strict=True)]
        shared = {"mode": "lines", "name": name, "legendgroup": str(trial.trial), "visible": visible, "line": line}
        return scatter(epochs, values, **shared, hovertext=hovers, **more)

    def accuracy(part: str, values: list[float], line: dict[str, Any]) -> dict[str, Any]:
        texts = [f"{part} {percent(value)}" for value in values]
        errors = [_error(value, floor) for value in values]
        return trace(errors, texts, line, yaxis="y", showlegend=part == "validation")

    def loss(part: str, values: list[float], line: dict[str, Any]) -> dict[str, Any]:
        finite = [value if math.isfinite(value) and value > 0 else None for value in values]
        return trace(finite, [f"{part} loss {value:.4f}" for value in values], line, yaxis="y2", showlegend=False)

    return [
        accuracy("validation", [epoch.val_accuracy for epoch in trial.curve], line),
        accuracy("training", [epoch.train_accuracy for epoch in trial.curve], thin),
        loss("validation", [epoch.val_loss for epoch in trial.curve], line),
        loss("training", [epoch.train_loss for epoch in trial.curve], thin),
    ]


def _behind(
    name: str, trials: Sequence[TrialRecord], floor: float, line: dict[str, Any], ends: bool
) -> list[dict[str, Any]]:
    """Many curves as one trace with gaps between them, which draws fast. No trace without curves."""
    chosen = evenly(trials, _BEHIND)
    x = [place for trial in chosen for place in (*(epoch.epoch for epoch in trial.curve), None)]
    y = [value for trial in chosen for value in (*(_error(epoch.val_accuracy, floor) for epoch in trial.curve), None)]
    if not any(value is not None for value in y):
        return []
    shown = f"{len(chosen)} of {len(trials):,}" if len(chosen) < len(trials) else f"{len(trials):,}"
    found = scatter(x, y, mode="lines", name=f"{name} ({shown})", line=line, opacity=0.6, hoverinfo="skip")
    if ends:
        sizes = [6 if here is not None and after is None else 0 for here, after in itertools.pairwise([*x, None])]
        found |= {"mode": "lines+markers", "marker": {"symbol": "x", "size": sizes, "color": line["color"]}}
    return [found]


def _error(accuracy: float, floor: float) -> float | None:
    return round(max(100 - accuracy, floor), 4) if math.isfinite(accuracy) else None
