"""The report's figures for Optuna Dashboard, which draws them as they are stored, 450 pixels high."""

import json
import math
import re
from typing import Any

from underbudget.budget.table import rows
from underbudget.reports import front as fronts
from underbudget.reports.network import plan_of
from underbudget.reports.page.curves_figure import curves_figure
from underbudget.reports.page.figure import Figure
from underbudget.reports.page.front_figure import front_figure
from underbudget.reports.page.numbers import percent
from underbudget.reports.page.spending import spending_figure
from underbudget.reports.page.template import light_colors
from underbudget.reports.record import StudyRecord
from underbudget.reports.statistics import evenly

_CURVES = 6  # trials of the front: half the page's width has room for so many
_DETAILED = 100  # hover boxes of a trace: with more of them they hold a number only, since a browser fetches all of it
_LINES = 3  # of a hover box, where there are more than _CURVES of them
_WIDE = 8  # between the smallest and the largest cost


def figures(study: StudyRecord) -> dict[str, Figure]:
    """Plotly figures by HTML id: the front, learning curves on it, the winner's spending; none without a front."""
    winner = fronts.winner(study.trials, study.axis)
    if winner is None:
        return {}
    held = study.stored
    front = fronts.front(study.trials, study.axis)
    title = f"Front: validation accuracy against {fronts.AXIS_WORDS[study.axis]}"
    return {
        "underbudget-front": _stored(_in_decades(front_figure(study)), title),
        "underbudget-curves": _stored(
            curves_figure(evenly(front[::-1], _CURVES), held.images),
            "Learning curves on the front; training dotted",
            legend={"x": 1.02, "y": 1, "font": {"size": 11}},
        ),
        "underbudget-layers": _stored(
            spending_figure(rows(plan_of(study, winner), held.precision)),
            f"Where the budget goes: trial {winner.trial}, {fronts.cost(winner):,} parameters, {percent(winner.score)}",
        ),
    }


def _in_decades(figure: Figure) -> Figure:
    """The front with an accuracy axis that is logarithmic in the error, and a logarithmic cost axis where costs differ
    by a factor of _WIDE: what the page's switches offer, here for good."""
    layout = figure["layout"]
    axes = layout["meta"]

    def error(accuracy: float) -> float:
        return round(max(100.0 - accuracy, float(axes["floor"])), 6)

    def in_errors(trace: dict[str, Any]) -> dict[str, Any]:
        turned = {**trace, "y": [error(y) for y in trace["y"]]}
        if bars := trace.get("error_y"):
            ends = list(zip(trace["y"], bars["array"], bars["arrayminus"], strict=True))
            longer = [round(error(y - down) - error(y), 6) for y, _, down in ends]
            shorter = [round(error(y) - error(y + up), 6) for y, up, _ in ends]
            turned["error_y"] = {**bars, "array": longer, "arrayminus": shorter}
        return turned

    low, high = min(x for trace in figure["data"] for x in trace["x"]), axes["x"]["linear"][1]
    across, up = dict(layout["xaxis"]), dict(layout["yaxis"], type="log", range=axes["y"]["log"])
    if low > 0 and high >= _WIDE * low:
        across |= {"type": "log", "range": [math.log10(0.8 * low), math.log10(high)], "dtick": "D2"}
    up |= {"tickvals": [100 - tick for tick in axes["ticks"]], "ticktext": [f"{tick:g}" for tick in axes["ticks"]]}
    return {"data": [in_errors(trace) for trace in figure["data"]], "layout": {**layout, "xaxis": across, "yaxis": up}}


def _stored(figure: Figure, title: str, **more: Any) -> Figure:
    """A figure of the report with fixed colours, a title, the dashboard's size, and `more` in its layout."""
    layout = {key: value for key, value in figure["layout"].items() if key not in ("height", "meta")}
    layout |= {
        "title": {"text": title, "x": 0.01, "xanchor": "left", "font": {"size": 15}},
        "margin": {"l": 8, "r": 12, "t": 44, "b": 8},
        "paper_bgcolor": "@paper",
        "plot_bgcolor": "@paper",
        "dragmode": "zoom",
        "template": {},  # instead of the seven kilobytes of Plotly's own
        **more,
    }
    # Colours in place of their names.
    text, light = json.dumps({"data": [_short(trace) for trace in figure["data"]], "layout": layout}), light_colors()
    filled: Figure = json.loads(re.sub('"@([a-z]+)"', lambda name: f'"{light.get(name[1], name[0][1:-1])}"', text))
    return filled


def _short(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace without what only the report's script uses, and with short hover boxes where there are many."""
    trace = {key: value for key, value in trace.items() if key not in ("customdata", "meta", "ids")}
    if trace.get("mode") == "markers+text":
        trace["mode"] = "markers"  # half the page's width has no room for names beside points
    texts = trace.get("hovertext")
    if isinstance(texts, list) and len(texts) > _CURVES:
        lines, info = (1, {"hoverinfo": "x+text"}) if len(texts) > _DETAILED else (_LINES, {})
        trace |= {"hovertext": ["<br>".join(text.split("<br>")[:lines]) for text in texts], **info}
    return trace
