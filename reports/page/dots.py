"""A figure of means with their intervals, one line per row: for finalists, steps of a series, ablated ingredients."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from underbudget.reports.page.embedding import plotly_text
from underbudget.reports.page.figure import Figure, axis, layout


@dataclass(frozen=True)
class Row:
    """One line of the figure."""

    name: str
    mean: float
    low: float | None = None
    high: float | None = None
    single: tuple[float, ...] = ()  # each seed's value
    marks: dict[str, float] = field(default_factory=dict)  # other values of the row by the name in the legend


@dataclass(frozen=True)
class Mark:
    """How a named other value is drawn."""

    symbol: str
    color: str


def dots(
    rows: Sequence[Row], title: str, ours: str, marks: dict[str, Mark] | None = None, line: float | None = None
) -> Figure:
    """Rows from top to bottom. title: of the value axis; ours: what the means are called; line: a value that is marked
    across all rows, such as a target or 0."""
    names = [plotly_text(row.name) for row in rows]
    traces: list[dict[str, Any]] = []
    singles = [(value, name) for row, name in zip(rows, names, strict=True) for value in row.single]
    if singles:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "each seed",
                "x": [value for value, _ in singles],
                "y": [name for _, name in singles],
                "marker": {"size": 6, "color": "@muted", "opacity": 0.55},
                "hovertemplate": "%{x:.2f}<extra></extra>",
            }
        )
    texts = []
    for row in rows:
        interval = "" if row.low is None or row.high is None else f"<br>95 % interval {row.low:.2f} to {row.high:.2f}"
        texts.append(f"{plotly_text(row.name)}<br>{plotly_text(ours)} {row.mean:.2f}{interval}")
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": ours,
            "x": [row.mean for row in rows],
            "y": names,
            "marker": {"size": 10, "color": "@blue"},
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [None if row.high is None else row.high - row.mean for row in rows],
                "arrayminus": [None if row.low is None else row.mean - row.low for row in rows],
                "color": "@blue",
                "thickness": 1.5,
                "width": 4,
            },
            "hovertext": texts,
            "hoverinfo": "text",
        }
    )
    for name, mark in (marks or {}).items():
        there = [(row.marks[name], shown) for row, shown in zip(rows, names, strict=True) if name in row.marks]
        if there:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": plotly_text(name),
                    "x": [value for value, _ in there],
                    "y": [shown for _, shown in there],
                    "marker": {"size": 9, "symbol": mark.symbol, "color": mark.color, "line": {"width": 1.5}},
                    "hovertemplate": "%{x:.2f}<extra>" + plotly_text(name) + "</extra>",
                }
            )
    shapes = []
    if line is not None:
        across = {"type": "line", "x0": line, "x1": line, "yref": "paper", "y0": 0, "y1": 1}
        shapes.append({**across, "line": {"color": "@green", "width": 1.5, "dash": "dot"}})
    return {
        "data": traces,
        "layout": layout(
            height=150 + 34 * len(rows),
            margin={"l": 8, "r": 8, "t": 32, "b": 8},
            xaxis=axis(title, range=_range(rows, line)),
            yaxis=axis("", type="category", autorange="reversed", ticksuffix=" "),
            shapes=shapes,
        ),
    }


def _range(rows: Sequence[Row], line: float | None) -> list[float]:
    """From the lowest to the highest value, and of the intervals what does not push those together: an interval over
    two seeds can be a hundred times as wide as the values lie apart."""
    values = [value for row in rows for value in (row.mean, *row.single, *row.marks.values())]
    values += [] if line is None else [line]
    low, high = min(values), max(values)
    room = max(0.6 * (high - low), 0.2)
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    first, last = min([low, *ends]), max([high, *ends])
    pad = 0.05 * (high - low) + 0.02
    return [max(first, low - room) - pad, min(last, high + room) + pad]
