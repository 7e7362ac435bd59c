"""What the page's figures share: plain Plotly figures as dicts, colours by name.

A colour is written "@name" and filled in by figures.js from the style sheet, so that a figure follows light and dark
mode.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

Figure = dict[str, Any]  # {"data": [...], "layout": {...}}

# Okabe and Ito's palette ("Color Universal Design", 2008) without yellow and black, which vanish on white or dark.
PALETTE = ("@blue", "@vermillion", "@green", "@purple", "@orange", "@sky")

# Labels of an axis that is logarithmic in the error (100 - accuracy), where 90 % and 99.5 % both have room.
ACCURACY_TICKS = (0, 20, 40, 60, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9)
COMPACT = {"l": 8, "r": 8, "t": 8, "b": 8}


def plotly_text(text: str) -> str:
    """Text for Plotly, which reads a subset of HTML in labels and hover boxes: shown as it is, never as markup."""
    return escape(text, quote=False)


def least_error(images: int | None) -> float:
    """The error in percent that a logarithmic axis shows for no error: half an image."""
    return 50 / (images or 10_000)


def scatter(x: Iterable[Any], y: Iterable[Any], **more: Any) -> dict[str, Any]:
    """A trace of points or lines; its hover boxes show `hovertext` where there is one."""
    shown = {"hoverinfo": "text"} if "hovertext" in more else {}
    return {"type": "scatter", "x": list(x), "y": list(y), **shown, **more}


def error_bars(
    values: Sequence[float], low: Sequence[float | None], high: Sequence[float | None], color: str, **more: Any
) -> dict[str, Any]:
    """Bars from `low` to `high` around values; no bar where an end is None."""
    ends = list(zip(values, low, high, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [None if above is None else round(above - value, 6) for value, _, above in ends],
        "arrayminus": [None if below is None else round(value - below, 6) for value, below, _ in ends],
        "color": color,
        "thickness": 1.5,
        "width": 4,
        **more,
    }


def across(axis: str, value: float, color: str, dash: str, **more: Any) -> dict[str, Any]:
    """A line over the whole figure at a value of an axis, "x" or "y"."""
    other = "y" if axis == "x" else "x"
    place = {f"{axis}0": value, f"{axis}1": value, f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1}
    return {"type": "line", **place, "line": {"color": color, "width": 1.5, "dash": dash}, **more}


def bar_pairs(names: Sequence[str], pairs: Sequence[dict[str, Any]], step: int, xaxis: dict[str, Any]) -> Figure:
    """Level bars in groups, one per name from top to bottom, `step` pixels each; the two traces of `pairs`
    differ in colour and hatching."""
    hatching = {"fillmode": "overlay", "fgcolor": "@card", "size": 6}
    styles = [
        {"color": color, "pattern": {"shape": shape, **hatching}} for color, shape in (("@blue", ""), ("@orange", "/"))
    ]
    shared = {"type": "bar", "orientation": "h", "y": [plotly_text(name) for name in names]}
    traces = [{**shared, "marker": style, **pair} for style, pair in zip(styles, pairs, strict=True)]
    height = 110 + step * len(names)
    return figure(traces, height=height, barmode="group", bargap=0.3, xaxis=xaxis, yaxis=name_axis(), dragmode=False)


def error_axis(title: str, ticks: Sequence[float] = ACCURACY_TICKS, **more: Any) -> dict[str, Any]:
    """An axis of errors in percent, logarithmic, the smallest on top, labelled with accuracies."""
    labels = {"tickvals": [100 - tick for tick in ticks], "ticktext": [f"{tick:g}" for tick in ticks]}
    return axis(title, **{"type": "log", "autorange": "reversed", **labels, **more})


def name_axis() -> dict[str, Any]:
    """An upright axis of names, the first on top."""
    return axis("", type="category", autorange="reversed", ticksuffix=" ")


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis in the page's style."""
    return {
        "title": {"text": title, "standoff": 8},
        "gridcolor": "@grid",
        "zeroline": False,
        "automargin": True,
        "linecolor": "@line",
        **more,
    }


def figure(traces: Sequence[dict[str, Any]], **more: Any) -> Figure:
    """A figure in the page's style, legend below the plot; `more` is for its layout."""
    layout = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "@text"},
        "margin": COMPACT,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": "@card",
            "bordercolor": "@line",
            "align": "left",
            "font": {"family": "ui-monospace, monospace", "size": 12, "color": "@text"},
        },
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "@muted", "activecolor": "@text"},
        "showlegend": True,
        "dragmode": "pan",
        **more,
    }
    return {"data": traces, "layout": layout}
