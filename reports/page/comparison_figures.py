"""Figures of a comparison: fronts in one figure, and hypervolume against what was spent, a curve with its band each."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.comparison import Comparison, Group
from underbudget.reports.page.conditions import conditions
from underbudget.reports.page.embedding import plotly_text
from underbudget.reports.page.figure import ACCURACY_TICKS, PALETTE, Figure, axis, layout, least_error
from underbudget.reports.page.numbers import whole
from underbudget.reports.seed_bands import Band

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star-open")
_NAME = 40  # characters of a name in the legend
_NARROW = 10  # errors that differ by less leave room for more labels
_CLOSE_TICKS = tuple(
    round(100 - unit * step, 6) for unit in (10, 1, 0.1, 0.01) for step in (10, 8, 6, 5, 4, 3, 2.5, 2, 1.5, 1.2)
)
_ENDS = {"trained": "trained trials", "epochs": "trained epochs"}


def comparison_figures(comparison: Comparison) -> dict[str, Figure]:
    """`fronts`, `volume_trained`, `volume_epochs`."""
    figures = {"fronts": _fronts(comparison)}
    for what, title in _ENDS.items():
        figures[f"volume_{what}"] = _volumes(comparison, what, title)
    return figures


def _fronts(comparison: Comparison) -> Figure:
    """The best accuracy for at most such a cost: a staircase per group, with the range of its seeds."""
    images = conditions(comparison.members[0].study).images
    least, end = least_error(images), float(comparison.largest_cost)
    traces: list[dict[str, Any]] = []
    for place, group in enumerate(comparison.groups):
        band = group.error_by_cost(end)
        if band is None:
            continue
        words = fronts.AXIS_WORDS[comparison.axis]

        def text(index: int, band: Band = band, words: str = words) -> str:
            least, most = 100 - band.high[index], 100 - band.low[index]  # of errors
            spread = f", {least:.2f} to {most:.2f} over {band.n} seeds" if band.n > 1 else ""
            return f"at most {whole(band.x[index])} {words}<br>{100 - band.mean[index]:.2f} %{spread}"

        mean, low, high = (tuple(max(value, least) for value in part) for part in (band.mean, band.low, band.high))
        shown = Band(band.x, mean, low, high, band.n)
        traces += _traces(group, place, shown, text, markers=not group.pooled)
    costs = [fronts.cost(trial, comparison.axis) for member in comparison.members for trial in member.front]
    errors = [100 - fronts.score(trial) for member in comparison.members for trial in member.front]
    cheapest, dearest = min(costs), max(end, *costs)
    ticks = ACCURACY_TICKS if max(errors) > _NARROW * max(min(errors), least) else _CLOSE_TICKS
    limits = sorted({member.limit.largest for member in comparison.members if member.limit is not None})
    line = {
        "type": "line",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": "@muted", "width": 1.5, "dash": "dash"},
    }
    return {
        "data": traces,
        "layout": layout(
            height=480,
            xaxis=axis(
                fronts.AXIS_WORDS[comparison.axis],
                type="log",
                range=[math.log10(cheapest * 0.9), math.log10(dearest * 1.15)],
                tickformat=",",
                dtick="D2" if dearest / cheapest < 1000 else 1,
            ),
            yaxis=axis(
                "best validation accuracy, %",
                type="log",
                range=[math.log10(max(*errors, least) * 1.2), math.log10(max(min(errors), least) / 1.2)],
                tickvals=[100 - tick for tick in ticks],
                ticktext=[f"{tick:g}" for tick in ticks],
            ),
            shapes=[{**line, "x0": limit, "x1": limit} for limit in limits],
        ),
    }


def _volumes(comparison: Comparison, what: str, title: str) -> Figure:
    traces: list[dict[str, Any]] = []
    for place, group in enumerate(comparison.groups):
        band = group.hypervolume_by(what)
        if band is None:
            continue

        def text(index: int, band: Band = band) -> str:
            spread = f", {band.low[index]:.3f} to {band.high[index]:.3f} over {band.n} seeds" if band.n > 1 else ""
            return f"{whole(band.x[index])} {title}<br>hypervolume {band.mean[index]:.3f}{spread}"

        traces += _traces(group, place, band, text, markers=False)
    return {
        "data": traces,
        "layout": layout(
            height=380,
            xaxis=axis(title, rangemode="tozero", tickformat=","),
            yaxis=axis("hypervolume, square decades", rangemode="tozero"),
        ),
    }


def _traces(group: Group, place: int, band: Band, text: Callable[[int], str], markers: bool) -> list[dict[str, Any]]:
    """The mean as a stepped line, the range of the seeds behind it."""
    color = PALETTE[place % len(PALETTE)]
    traces: list[dict[str, Any]] = []
    if band.n > 1:
        x, low = _stepped(band.x, band.low)
        _, high = _stepped(band.x, band.high)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [*x, *reversed(x)],
                "y": [*high, *reversed(low)],
                "fill": "toself",
                "fillcolor": color,
                "opacity": 0.2,
                "line": {"width": 0},
                "hoverinfo": "skip",
                "showlegend": False,
                "legendgroup": str(place),
            }
        )
    short = group.name if len(group.name) <= _NAME else f"{group.name[:_NAME]}..."
    name = plotly_text(short) + (f" ({band.n} seeds)" if band.n > 1 else "")
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers" if markers else "lines",
            "x": list(band.x),
            "y": [round(value, 6) for value in band.mean],
            "name": name,
            "legendgroup": str(place),
            "line": {"shape": "hv", "color": color, "width": 2, "dash": _DASHES[place % len(_DASHES)]},
            # The last place only says up to where the last value holds: there is no network.
            "marker": {
                "size": [7] * (len(band.x) - 1) + [0 if len(band.x) > 1 and band.mean[-1] == band.mean[-2] else 7],
                "color": color,
                "symbol": _SYMBOLS[place % len(_SYMBOLS)],
            },
            "hovertext": [f"<b>{name}</b><br>{text(index)}" for index in range(len(band.x))],
            "hoverinfo": "text",
        }
    )
    return traces


def _stepped(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """A step function as corners: a filled shape can't be stepped both ways."""
    corners = [(place, value) for index, value in enumerate(y) for place in x[index : index + 2]]
    return [place for place, _ in corners], [round(value, 6) for _, value in corners]
