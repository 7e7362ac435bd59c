"""Learning curves of the trials on the front."""

import math
from collections.abc import Sequence
from typing import Any

from underbudget.reports.front import params
from underbudget.reports.page.figure import PALETTE, Figure, axis, error_axis, layout, least_error
from underbudget.reports.page.numbers import percent
from underbudget.reports.record import Epoch, TrialRecord

_LISTED = 18  # trials in the figure: more names than plot helps nobody
_BEHIND = 150  # curves of one kind behind them
_SHOWN = 6  # of them drawn at first; the others wait in the legend
_DASHES = ("solid", "dash", "dashdot")  # so that colours may repeat
_LOSSES = (10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


def curves_figure(trials: Sequence[TrialRecord], images: int | None, others: Sequence[TrialRecord] = ()) -> Figure:
    """Accuracy above, loss below; one colour per trial, validation solid or dashed, training dotted and thin.

    Of more than 18 trials, 18 spread evenly over the front are taken. Of `others`, all of a study, validation accuracy
    is drawn behind: complete ones thin and grey, stopped ones dashed with a cross at their end, up to 150 of each.

    The accuracy axis is logarithmic in the error (100 - accuracy), where 90 % and 99.5 % both have room, and is
    labelled with accuracies.
    """
    floor = least_error(images)
    drawn = {trial.trial for trial in trials}
    complete = [trial for trial in others if trial.state == "complete" and trial.trial not in drawn]
    stopped = [trial for trial in others if trial.state == "stopped"]
    trials = [trials[index] for index in _spread(len(trials), _LISTED)]
    shown = _spread(len(trials), _SHOWN)
    styles = [*shown, *(index for index in range(len(trials)) if index not in shown)]  # those shown: a colour each
    traces = [
        *_behind("complete, not on the front", complete, floor, {"color": "@muted", "width": 1}, False),
        *_behind("stopped early", stopped, floor, {"color": "@vermillion", "width": 1, "dash": "dash"}, True),
    ]
    for index, trial in enumerate(trials):
        dashes, color = divmod(styles.index(index), len(PALETTE))
        line = {"color": PALETTE[color], "dash": _DASHES[dashes % len(_DASHES)], "width": 2}
        traces += _traces(trial, floor, line, True if index in shown else "legendonly")
    longest = max(2, _longest([*trials, *others]))
    return {
        "data": traces,
        "layout": layout(
            height=640,
            xaxis=axis(
                "epoch", domain=[0, 1], anchor="y2", dtick=1 if longest <= 20 else None, range=[0.8, longest + 0.2]
            ),
            yaxis=error_axis("accuracy, %", domain=[0.42, 1]),
            yaxis2=axis(
                "loss, nats",
                domain=[0, 0.34],
                type="log",
                tickvals=list(_LOSSES),
                ticktext=[f"{tick:g}" for tick in _LOSSES],
            ),
        ),
    }


def _traces(trial: TrialRecord, floor: float, line: dict[str, Any], visible: bool | str) -> list[dict[str, Any]]:
    name = f"#{trial.trial}, {params(trial):,} parameters"
    thin = {"color": line["color"], "dash": "dot", "width": 1}
    epochs = [epoch.epoch for epoch in trial.curve]

    def trace(part: str, axis_name: str, values: list[float | None], line: dict[str, Any], texts: list[str]) -> Any:
        return {
            "type": "scatter",
            "mode": "lines",
            "x": epochs,
            "y": values,
            "yaxis": axis_name,
            "line": line,
            "name": name,
            "legendgroup": str(trial.trial),
            "showlegend": part == "validation accuracy",
            "visible": visible,
            "hovertext": [f"{name}<br>epoch {epoch}<br>{text}" for epoch, text in zip(epochs, texts, strict=True)],
            "hoverinfo": "text",
        }

    def accuracy(part: str, values: list[float], line: dict[str, Any]) -> Any:
        errors = [_error(value, floor) for value in values]
        return trace(f"{part} accuracy", "y", errors, line, [f"{part} {percent(value)}" for value in values])

    def loss(part: str, values: list[float], line: dict[str, Any]) -> Any:
        finite = [value if math.isfinite(value) and value > 0 else None for value in values]
        return trace(f"{part} loss", "y2", finite, line, [f"{part} loss {value:.4f}" for value in values])

    def column(read: Any) -> list[float]:
        return [read(epoch) for epoch in trial.curve]

    return [
        accuracy("validation", column(lambda epoch: epoch.val_accuracy), line),
        accuracy("training", column(lambda epoch: epoch.train_accuracy), thin),
        loss("validation", column(lambda epoch: epoch.val_loss), line),
        loss("training", column(lambda epoch: epoch.train_loss), thin),
    ]


def _behind(
    name: str, trials: Sequence[TrialRecord], floor: float, line: dict[str, Any], ends: bool
) -> list[dict[str, Any]]:
    """Many curves as one trace, which draws fast: a gap between them. None where there are none."""
    chosen = [trials[index] for index in _spread(len(trials), _BEHIND)]
    x: list[int | None] = []
    y: list[float | None] = []
    for trial in chosen:
        x += [*(epoch.epoch for epoch in trial.curve), None]
        y += [*(_error(epoch.val_accuracy, floor) for epoch in trial.curve), None]
    if not any(value is not None for value in y):
        return []
    shown = f"{len(chosen)} of {len(trials):,}" if len(chosen) < len(trials) else f"{len(trials):,}"
    last = [index - 1 for index, value in enumerate(x) if value is None and index and x[index - 1] is not None]
    sizes = [0] * len(x)
    for index in last:
        sizes[index] = 6
    return [
        {
            "type": "scatter",
            "mode": "lines+markers" if ends else "lines",
            "name": f"{name} ({shown})",
            "x": x,
            "y": y,
            "line": line,
            "opacity": 0.6,
            "hoverinfo": "skip",
            **({"marker": {"symbol": "x", "size": sizes, "color": line["color"]}} if ends else {}),
        }
    ]


def _error(accuracy: float, floor: float) -> float | None:
    return round(max(100 - accuracy, floor), 4) if math.isfinite(accuracy) else None


def _spread(count: int, most: int) -> list[int]:
    """Up to `most` indices spread evenly over `count`, first and last included."""
    if count <= most:
        return list(range(count))
    return [round(step * (count - 1) / (most - 1)) for step in range(most)]


def _longest(trials: Sequence[TrialRecord]) -> int:
    last: list[Epoch] = [trial.curve[-1] for trial in trials if trial.curve]
    return max((epoch.epoch for epoch in last), default=1)
