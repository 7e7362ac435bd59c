"""The axes of figures for a paper: accuracy logarithmic in its error, cost logarithmic where it varies much, limits."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from underbudget.reports.page.figure import ACCURACY_TICKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

READABLE = 3.0  # inches; a narrower figure has less and smaller text
GREY, LIGHT, FAINT, GREEN = "#595959", "#9a9a9a", "#e8e8e8", "#009e73"
_WIDE = 8.0  # costs that differ by this factor stand on a logarithmic axis


def accuracies(axes: "Axes", bottom: float, top: float) -> None:
    """The upright axis: logarithmic in the error, from `bottom` to `top` percent of it, labelled with accuracies."""
    axes.set_yscale("log")
    ticks = [tick for tick in ACCURACY_TICKS if top <= 100 - tick <= bottom]
    if len(ticks) < 3:  # a narrow range: what matplotlib finds on a plain axis
        from matplotlib.ticker import MaxNLocator

        found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(100 - bottom, 100 - top)
        ticks = [tick for tick in found if top <= 100 - tick <= bottom]
    axes.set_yticks([100 - tick for tick in ticks], [f"{tick:.6g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set(ylim=(bottom, top), ylabel="validation accuracy, %")
    axes.grid(True)


def cost_range(found: Sequence[int], limit: int | None) -> tuple[float, float]:
    """The costs to show: all of them, and some room beyond the limit."""
    low, high = min(found), max([*found, limit or 1])
    if high >= low * _WIDE:
        return low * 0.8, high * (1.5 if limit else 1.2)
    return max(0.0, low - 0.05 * (high - low) - 1), high + (0.2 * (high - low) if limit else 0.05 * (high - low)) + 1


def costs(axes: "Axes", low: float, high: float, width: float) -> None:
    """The level axis: logarithmic where costs differ by a factor of _WIDE or more."""
    if high < low * _WIDE:
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.locator_params(axis="x", nbins=5)
    else:
        axes.set_xscale("log")
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        steps = (1,) if high >= low * 1000 else (1, 2, 5) if width >= READABLE else (1, 3)
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick / 1e6:g} M" if tick >= 1e6 else f"{tick:,.0f}" for tick in ticks])
        axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)


def limits(axes: "Axes", limit: int | None, high: float, target: float | None) -> None:
    if limit is not None and limit < high:
        axes.axvspan(limit, high, color=FAINT, linewidth=0, zorder=0)
        axes.axvline(limit, color=GREY, linestyle=(0, (4, 2)), linewidth=0.8)
        middle = math.sqrt(limit * high) if axes.get_xscale() == "log" else (limit + high) / 2
        axes.text(middle, 0.04, "over budget", rotation=90, ha="center", va="bottom", fontsize=7, color=GREY,
                  transform=axes.get_xaxis_transform())  # fmt: skip
    if target is not None:
        axes.axhline(100 - target, color=GREEN, linestyle=(0, (1, 1.5)), linewidth=1, label=f"target {target:g} %")
