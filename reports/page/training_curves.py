"""Two by two: train and judged loss above, train and judged accuracy below."""

from collections.abc import Sequence
from typing import Any

from underbudget.reports.page.figure import PALETTE, Figure, axis, layout
from underbudget.reports.page.numbers import percent
from underbudget.reports.runs import Run


def training_curves(runs: Sequence[Run]) -> Figure:
    """A line per seed in each of the four panels, one colour per seed."""
    part = runs[0].data.part
    traces = []
    for index, run in enumerate(runs):
        color = PALETTE[index % len(PALETTE)]
        traces += [
            _trace(run, "train loss", [epoch.train_loss for epoch in run.curve], 1, color),
            _trace(run, f"{part} loss", [epoch.loss for epoch in run.judged], 2, color),
            _trace(run, "train accuracy", [epoch.train_accuracy for epoch in run.curve], 3, color),
            _trace(run, f"{part} accuracy", [epoch.accuracy for epoch in run.judged], 4, color, legend=True),
        ]
    left, right, above, below = [0, 0.46], [0.54, 1], [0.56, 1], [0, 0.44]
    step = 1 if len(runs[0].curve) <= 10 else None
    titles = ("train loss", f"{part} loss", "train accuracy, %", f"{part} accuracy, %")
    places = ((left, above), (right, above), (left, below), (right, below))
    axes: dict[str, Any] = {}
    notes = []
    for number, (title, (x, y)) in enumerate(zip(titles, places, strict=True), 1):
        suffix = "" if number == 1 else str(number)
        axes[f"xaxis{suffix}"] = axis("epoch" if number > 2 else "", domain=x, anchor=f"y{suffix}", dtick=step)
        axes[f"yaxis{suffix}"] = axis("", domain=y, anchor=f"x{suffix}")
        notes.append(
            {
                "text": title,
                "xref": "paper",
                "yref": "paper",
                "x": x[0],
                "y": y[1],
                "yshift": 18,
                "xanchor": "left",
                "showarrow": False,
                "font": {"size": 13, "color": "@muted"},
            }
        )
    margin = {"l": 8, "r": 8, "t": 52, "b": 8}
    return {
        "data": traces,
        "layout": layout(height=560, annotations=notes, margin=margin, **axes) | {"showlegend": len(runs) > 1},
    }


def _trace(run: Run, name: str, values: list[float], number: int, color: str, legend: bool = False) -> dict[str, Any]:
    suffix = "" if number == 1 else str(number)
    epochs = [epoch.epoch for epoch in run.curve]
    shown = [percent(value) if "accuracy" in name else f"{value:.4f}" for value in values]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": epochs,
        "y": values,
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "name": f"seed {run.seed}",
        "legendgroup": str(run.seed),
        "showlegend": legend,
        "line": {"color": color, "width": 2},
        "marker": {"size": 5},
        "hovertext": [
            f"seed {run.seed}, epoch {epoch}<br>{name} {text}" for epoch, text in zip(epochs, shown, strict=True)
        ],
        "hoverinfo": "text",
    }
