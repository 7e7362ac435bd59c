"""The page's figures made ready for Optuna Dashboard, which draws them as they are stored, 450 pixels high."""

import math
from collections.abc import Sequence
from typing import Any

from underbudget.budget.table import rows
from underbudget.reports import front as fronts
from underbudget.reports.network import plan_of
from underbudget.reports.page.curves_figure import curves_figure
from underbudget.reports.page.figure import Figure
from underbudget.reports.page.front_figure import front_figure
from underbudget.reports.page.numbers import percent
from underbudget.reports.page.published import published_points
from underbudget.reports.page.spending import spending_figure
from underbudget.reports.page.template import light_colors
from underbudget.reports.record import StudyRecord, TrialRecord

_CURVES = 6  # trials of the front in the figure: half the page's width has room for so many
# Points of a trace that have more in their hover boxes than a number: every browser fetches a figure anew.
_DETAILED = 100
_LINES = 3  # of those hover boxes
_WIDE = 8  # between the smallest and the largest cost that is drawn


def figures(study: StudyRecord) -> dict[str, Figure]:
    """Plotly figures by their HTML ids: the front, learning curves of trials on it, the winner's spending.

    None of them while no trial is complete.
    """
    winner = fronts.winner(study.trials, study.axis)
    if winner is None:
        return {}
    held = study.stored
    front = fronts.front(study.trials, study.axis)
    title = f"Front: validation accuracy against {fronts.AXIS_WORDS[study.axis]}"
    return {
        "underbudget-front": _stored(_in_decades(front_figure(study, published_points(held.dataset.name))), title),
        "underbudget-curves": _stored(
            curves_figure(_spread(front[::-1]), held.images),
            "Learning curves on the front; training dotted",
            legend={"x": 1.02, "y": 1, "font": {"size": 11}},
        ),
        "underbudget-layers": _stored(
            spending_figure(rows(plan_of(study, winner), held.precision)),
            f"Where the budget goes: trial {winner.trial}, {fronts.cost(winner):,} parameters, {percent(winner.score)}",
        ),
    }


def _spread(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Up to _CURVES trials spread evenly over the front, both ends included."""
    if len(trials) <= _CURVES:
        return list(trials)
    return [trials[round(step * (len(trials) - 1) / (_CURVES - 1))] for step in range(_CURVES)]


def _in_decades(figure: Figure) -> Figure:
    """The front with an accuracy axis that is logarithmic in the error, and a cost axis that is where costs differ by
    a factor of _WIDE: what the page's switches offer, here for good."""
    axes = figure["layout"]["meta"]

    def error(accuracy: float) -> float:
        return max(100.0 - accuracy, float(axes["floor"]))

    def turned(trace: dict[str, Any]) -> dict[str, Any]:
        bars = trace.get("error_y")
        if bars:
            ends = list(zip(trace["y"], bars["array"], bars["arrayminus"], strict=True))
            bars = {
                **bars,
                "array": [round(error(y - down) - error(y), 6) for y, _, down in ends],
                "arrayminus": [round(error(y) - error(y + up), 6) for y, up, _ in ends],
            }
        return {**trace, "y": [round(error(y), 6) for y in trace["y"]], **({"error_y": bars} if bars else {})}

    layout = figure["layout"]
    low, high = min(x for trace in figure["data"] for x in trace["x"]), axes["x"]["linear"][1]
    wide = low > 0 and high >= _WIDE * low
    across = {"type": "log", "range": [math.log10(0.8 * low), math.log10(high)], "dtick": "D2"} if wide else {}
    up = {
        "type": "log",
        "range": axes["y"]["log"],
        "tickvals": [100 - tick for tick in axes["ticks"]],
        "ticktext": [f"{tick:g}" for tick in axes["ticks"]],
    }
    layout = {**layout, "xaxis": layout["xaxis"] | across, "yaxis": layout["yaxis"] | up}
    return {"data": [turned(trace) for trace in figure["data"]], "layout": layout}


def _stored(figure: Figure, title: str, **more: Any) -> Figure:
    """A figure of the page with fixed colours, a title, the dashboard's size, and `more` in its layout."""
    layout = {key: value for key, value in figure["layout"].items() if key not in ("height", "meta")}
    layout |= {
        "title": {"text": title, "x": 0.01, "xanchor": "left", "font": {"size": 15}},
        "margin": {"l": 8, "r": 12, "t": 44, "b": 8},
        "paper_bgcolor": "@paper",
        "plot_bgcolor": "@paper",
        "dragmode": "zoom",
        "template": {},  # not Plotly's own, seven kilobytes that would undo nothing of this
        **more,
    }
    filled: Figure = _colored({"data": [_short(trace) for trace in figure["data"]], "layout": layout}, light_colors())
    return filled


def _short(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace without what only the page's script uses, and with short hover boxes where there are many."""
    trace = {key: value for key, value in trace.items() if key not in ("customdata", "meta", "ids")}
    if trace.get("mode") == "markers+text":
        trace["mode"] = "markers"  # half the page's width has no room for names beside points
    texts = trace.get("hovertext")
    if isinstance(texts, list) and len(texts) > _DETAILED:
        trace["hovertext"] = ["<br>".join(text.split("<br>")[:1]) for text in texts]
        trace["hoverinfo"] = "x+text"
    elif isinstance(texts, list) and len(texts) > _CURVES:
        trace["hovertext"] = ["<br>".join(text.split("<br>")[:_LINES]) for text in texts]
    return trace


def _colored(value: Any, light: dict[str, str]) -> Any:
    """The same with colours by value in place of their names."""
    match value:
        case str():
            return light.get(value[1:], value) if value.startswith("@") else value
        case dict():
            return {key: _colored(item, light) for key, item in value.items()}
        case list() | tuple():
            return [_colored(item, light) for item in value]
    return value
