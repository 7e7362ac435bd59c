"""What the page's figures share: plain Plotly figures as dicts, colours by name.

A colour is written "@name" and filled in by figures.js from the style sheet, so that a figure follows light and dark
mode.
"""

from typing import Any

Figure = dict[str, Any]  # {"data": [...], "layout": {...}}

# Okabe and Ito's palette ("Color Universal Design", 2008) without yellow and black, which vanish on white or dark.
PALETTE = ("@blue", "@vermillion", "@green", "@purple", "@orange", "@sky")

# Labels of an axis that is logarithmic in the error (100 - accuracy), where 90 % and 99.5 % both have room.
ACCURACY_TICKS = (0, 20, 40, 60, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9)


def least_error(images: int | None) -> float:
    """The error in percent that stands for none on a logarithmic axis: half an image."""
    return 50 / (images or 10_000)


def error_axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis of errors in percent, logarithmic, the smallest on top, labelled with accuracies."""
    return axis(
        title,
        type="log",
        autorange="reversed",
        tickvals=[100 - tick for tick in ACCURACY_TICKS],
        ticktext=[f"{tick:g}" for tick in ACCURACY_TICKS],
        **more,
    )


def hatching(shape: str) -> dict[str, Any]:
    """The pattern of bars that differ by more than their colour; "" for none."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": "@card", "size": 6}


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


def layout(**more: Any) -> dict[str, Any]:
    """A layout in the page's style, legend below the plot."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "@text"},
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
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
