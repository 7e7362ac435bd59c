"""PNG files of a training, drawn by matplotlib: curves, image grids, confusion matrix. Each function returns the bytes.

Figures are made without pyplot, so that no backend, window or global state is involved.
"""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from underbudget.reports.pictures import Picture, as_rows
from underbudget.reports.runs import Run
from underbudget.reports.statistics import Difference
from underbudget.reports.training import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, as on the page.
COLORS = ("#0072b2", "#d55e00", "#00805d", "#b0588c", "#b87a00", "#2c8fc4")
_GRID, _MUTED = "#e6e9ed", "#5f6b7a"


def curves(runs: Sequence[Run], title: str) -> bytes:
    """Two by two: loss above and accuracy below, of the train part and of the evaluated part, a line per seed."""
    figure = _figure(9, 6.4)
    axes = figure.subplots(2, 2, sharex=True)
    for index, run in enumerate(runs):
        line = {"color": COLORS[index % len(COLORS)], "linewidth": 1.4, "label": f"seed {run.seed}", "marker": "."}
        for panel, (name, values) in zip(axes.flat, panels(run).items(), strict=True):
            panel.plot([epoch.epoch for epoch in run.curve], values, **line)
            panel.set_title(f"{name}, {'%' if 'accuracy' in name else 'nats'}", loc="left", fontsize=10)
            _style(panel)
    for axis in axes[1]:
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    if len(runs) > 1:
        axes[0, 1].legend(frameon=False, fontsize=8)
    figure.suptitle(_plain(title), x=0.01, ha="left", fontsize=11)
    return _png(figure)


def grid(pictures: Sequence[Picture], title: str) -> bytes:
    """Images with their captions, ten in a row, on one pair of axes, since a pair for each would take seconds."""
    columns = min(10, max(1, len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    lines = 2 if any(picture.detail for picture in pictures) else 1
    wide, high = 1.12, 1.14 + 0.17 * lines  # of a cell, in widths of an image
    figure = _figure(max(4.0, 0.95 * columns), 0.45 + rows * 0.85 * high)
    axes = figure.subplots()
    axes.set_axis_off()
    for index, picture in enumerate(pictures):
        left, top = index % columns * wide, index // columns * high
        axes.imshow(
            as_rows(picture.pixels),
            cmap="gray",
            vmin=0,
            vmax=255,
            interpolation="nearest",
            extent=(left, left + 1, top + 1, top),
        )
        caption = f"{picture.caption}\n{picture.detail}" if lines == 2 else picture.caption
        axes.text(left + 0.5, top + 1.03, _plain(caption), fontsize=7, ha="center", va="top", linespacing=1.1)
    axes.set_xlim(-0.06, columns * wide)
    axes.set_ylim(rows * high, -0.06)
    axes.set_title(_plain(title), loc="left", fontsize=10)
    return _png(figure)


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> bytes:
    """Counts [true][predicted]; only wrong predictions are shaded, since the right ones would outweigh them."""
    import numpy as np

    size = len(classes)
    figure = _figure(max(4.6, 0.5 * size + 1.6), max(4.2, 0.46 * size + 1.5))
    axes = figure.subplots()
    values = np.asarray(counts, dtype=float)
    wrong = values.copy()
    np.fill_diagonal(wrong, 0)
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(1.0, wrong.max() * 1.4))
    for true in range(size):
        for predicted in range(size):
            count = int(values[true, predicted])
            if count:
                axes.text(predicted, true, f"{count:,}", ha="center", va="center", fontsize=7,
                          color=COLORS[0] if true == predicted else "black")  # fmt: skip
    names = [_plain(name) for name in classes]
    turn = 60 if max(map(len, names)) > 3 else 0
    axes.set_xticks(range(size), names, rotation=turn, fontsize=8)
    axes.set_yticks(range(size), names, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(_plain(title), loc="left", fontsize=10)
    return _png(figure)


def changes(rows: Sequence[tuple[str, Difference]], title: str) -> bytes:
    """Differences with their intervals, one line each, about a line at 0."""
    figure = _figure(8.4, 1.2 + 0.42 * max(1, len(rows)))
    axes = figure.subplots()
    _style(axes)
    axes.axvline(0, color=_MUTED, linewidth=1, linestyle=":")
    for place, (_, change) in enumerate(rows):
        if change.low is not None and change.high is not None:
            axes.plot([change.low, change.high], [place, place], color=COLORS[0], linewidth=1.6)
        axes.plot([change.mean], [place], "o", color=COLORS[0], markersize=6)
    axes.set_yticks(range(len(rows)), [_plain(name) for name, _ in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(_plain(title), loc="left", fontsize=10)
    axes.set_xlabel("95 % interval over seeds", fontsize=8, color=_MUTED)
    return _png(figure)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def _style(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=_GRID, linewidth=0.7)
    axes.tick_params(colors=_MUTED, labelsize=8)
    axes.set_axisbelow(True)


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    # Without the version and the time: equal runs give equal files.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _plain(text: str) -> str:
    """Text that matplotlib shows as it is: a dollar sign would begin a formula."""
    return text.replace("$", r"\$")
