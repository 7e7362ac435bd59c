"""The front and the learning curves as figures of a paper, drawn by matplotlib at the width at which they are printed.

Nothing rests on colour alone: whatever differs in colour (Okabe and Ito's palette) differs in marker or dashes too.
Figures have no title and no text of the user, since a paper has captions. They are made without pyplot.
"""

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from underbudget.reports import front as fronts
from underbudget.reports import paper_axes
from underbudget.reports.page.figure import least_error
from underbudget.reports.page.published import LABEL, published_points
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.statistics import Summary, evenly
from underbudget.reports.tables import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")
# Colour, dashes and marker go together: any one of them tells the lines apart.
_STYLES = (
    ("#0072b2", "solid", "o"),
    ("#d55e00", (0, (5, 1.5)), "s"),
    ("#009e73", (0, (1.2, 1.2)), "^"),
    ("#000000", (0, (6, 1.5, 1.2, 1.5)), "D"),
    ("#cc79a7", (0, (3, 1, 1, 1, 1, 1)), "v"),
)
_BLUE, _VERMILLION, _PURPLE, _ORANGE = "#0072b2", "#d55e00", "#cc79a7", "#e69f00"
_MANY = 1000  # of more marks than this a vector file is slow to show: they become a picture within it
_BARS = 24  # of more intervals than these the bars hide each other
_DPI = 300
_SETTINGS: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType, embedded: what publishers ask for, instead of Type 3
    # Text as outlines: an SVG file carries no fonts, so text would be set in whatever the reader's machine has.
    "svg.fonttype": "path",
    "svg.hashsalt": "underbudget",  # else random names
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": paper_axes.FAINT,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "legend.columnspacing": 1.2,
}


def front(
    study: StudyRecord,
    confirmed: Mapping[int, Summary],
    width: float,
    target: float | None = None,
) -> dict[str, bytes]:
    """Cost against accuracy, by the names of FORMATS; `width` in inches, `confirmed` as test accuracies by trial.

    Accuracies stand on an axis that is logarithmic in the error, costs on a logarithmic one where they differ much; the
    hypervolume is measured on the same axes. Of trials that are not on the front, those far below it are left out; the
    legend counts them. Raises ValueError for a study without a complete trial.
    """
    scored, best = fronts.scored(study.trials), fronts.front(study.trials, study.axis)
    if not best:
        raise ValueError("there is no front")
    low, high = paper_axes.cost_range([fronts.cost(trial, study.axis) for trial in scored], study.stored.limit)
    known = published_points(study.stored.dataset.name, study.axis)
    points = [point for point in known if low <= point.params <= high]
    least = least_error(study.stored.images)
    inside = [fronts.score(trial) for trial in best] + list(interval(study, best[-1].score) or ())
    inside += [point.accuracy for point in points] + ([] if target is None else [target])
    inside += [value for found in confirmed.values() for value in (found.minimum, found.maximum)]
    bottom, top = max(100 - min(inside), least) * 1.25, max(100 - max(inside), least) / 1.25
    with _figure(width) as figure:
        axes = figure.subplots()
        _staircase(axes, study, best, least)
        winner = best[-1]
        axes.plot([fronts.cost(winner, study.axis)], [max(100 - fronts.score(winner), least)], "*", color=_VERMILLION,
                  markersize=9, markeredgecolor="white", markeredgewidth=0.6, linestyle="none", zorder=5,
                  label=f"winner (trial {winner.trial})")  # fmt: skip
        _confirmed(axes, study, best, confirmed, least)
        on_front = {trial.trial for trial in best}
        _others(axes, study, [trial for trial in scored if trial.trial not in on_front], bottom, least)
        if points:
            axes.plot([point.params for point in points], [max(100 - point.accuracy, least) for point in points], "D",
                      markersize=3, markerfacecolor="none", markeredgecolor=_ORANGE, markeredgewidth=0.7, zorder=3,
                      label=LABEL)  # fmt: skip
        paper_axes.costs(axes, low, high, width)
        paper_axes.limits(axes, study.stored.limit, high, target)
        paper_axes.accuracies(axes, bottom, top)
        axes.set_xlabel(fronts.AXIS_WORDS[study.axis])
        _finish(figure, width)
        return _files(figure)


def curves(study: StudyRecord, width: float) -> dict[str, bytes]:
    """Validation accuracy, on an axis logarithmic in the error, by epoch: up to five trials of the front, the others in
    grey; by the names of FORMATS. Raises ValueError as `front` does."""
    best = fronts.front(study.trials, study.axis)
    if not best:
        raise ValueError("there is no front")
    on_front = {trial.trial for trial in best}
    chosen = evenly([trial for trial in reversed(best) if trial.curve], len(_STYLES))
    least = least_error(study.stored.images)
    with _figure(width) as figure:
        axes = figure.subplots()
        complete = [trial for trial in fronts.scored(study.trials) if trial.trial not in on_front]
        stopped = [trial for trial in study.trials if trial.state == "stopped"]
        _grey(axes, complete, least, "solid", f"complete, not on the front ({len(complete):,})")
        _grey(axes, stopped, least, (0, (1, 1)), f"stopped early ({len(stopped):,})", marker="x")
        unit = {"params": "parameters", "macs": "MACs"}.get(study.axis, "bytes")
        for trial, (color, dashes, marker) in zip(chosen, _STYLES, strict=False):
            name = f"{fronts.cost(trial, study.axis):,} {unit}, {trial.score:.2f} %"
            axes.plot(*_errors(trial, least), label=name, color=color, linestyle=dashes, marker=marker, markersize=3.4,
                      markeredgecolor="white", markeredgewidth=0.3)  # fmt: skip
        errors = [error for trial in chosen for error in _errors(trial, least)[1] if math.isfinite(error)]
        high, low = max(errors, default=90.0) * 1.15, min(errors, default=least) / 1.15
        paper_axes.accuracies(axes, high, low)
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        _finish(figure, width)
        return _files(figure)


@contextmanager
def _figure(width: float) -> "Iterator[Figure]":
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # not what a matplotlibrc of the user's may say
        matplotlib.rcParams.update(_SETTINGS)
        yield Figure(figsize=(width, width), dpi=_DPI, layout="constrained")


def _others(axes: "Axes", study: StudyRecord, trials: Sequence[TrialRecord], bottom: float, least: float) -> None:
    if not trials:
        return
    below = sum(100 - fronts.score(trial) > bottom for trial in trials)
    label = f"complete, not on the front ({len(trials):,}" + (f", {below:,} below)" if below else ")")
    errors = [max(100 - fronts.score(trial), least) for trial in trials]
    axes.plot([fronts.cost(trial, study.axis) for trial in trials], errors, ".", color=paper_axes.LIGHT, markersize=4,
              markeredgewidth=0, label=label, rasterized=len(trials) > _MANY, zorder=2)  # fmt: skip


def _staircase(axes: "Axes", study: StudyRecord, front: Sequence[TrialRecord], least: float) -> None:
    x = [fronts.cost(trial, study.axis) for trial in front]
    y = [max(100 - fronts.score(trial), least) for trial in front]
    ends = [found for trial in front if (found := interval(study, trial.score)) is not None]
    error = _bars(y, ends, least) if len(ends) == len(front) else None
    # The best score for at most so many parameters holds until the next point.
    every = math.ceil(len(front) / _BARS)
    words = "" if error is None else ", 95 % intervals" if every == 1 else f", 95 % interval of one in {every}"
    axes.errorbar(x, y, yerr=error, drawstyle="steps-post", color=_BLUE, marker="o", markersize=3.2, elinewidth=0.6,
                  capsize=1.6, capthick=0.6, zorder=4, errorevery=(-1 % len(front) % every, every),
                  label=f"front ({len(front):,}){words}")  # fmt: skip


def _confirmed(
    axes: "Axes", study: StudyRecord, front: Sequence[TrialRecord], confirmed: Mapping[int, Summary], least: float
) -> None:
    there = [(fronts.cost(trial, study.axis), confirmed[trial.trial]) for trial in front if trial.trial in confirmed]
    if not there:
        return
    y = [max(100 - found.mean, least) for _, found in there]
    error = _bars(y, [(found.minimum, found.maximum) for _, found in there], least)
    axes.errorbar([cost for cost, _ in there], y, yerr=error, linestyle="none", marker="s", markersize=4,
                  markerfacecolor="white", color=_PURPLE, elinewidth=0.8, capsize=2.4, capthick=0.8, zorder=6,
                  label="confirmed on test, lowest to highest seed")  # fmt: skip


def _bars(errors: Sequence[float], accuracies: Sequence[tuple[float, float]], least: float) -> list[list[float]]:
    """How far bars reach below and above errors in percent; `accuracies` are their lower and upper ends."""
    ends = list(zip(errors, accuracies, strict=True))
    return [
        [max(0.0, error - max(100 - high, least)) for error, (_, high) in ends],
        [max(0.0, 100 - low - error) for error, (low, _) in ends],
    ]


def _grey(
    axes: "Axes", trials: Sequence[TrialRecord], least: float, dashes: Any, label: str, marker: str | None = None
) -> None:
    """Curves in the background, ending in `marker`, as one collection: since a line each would take seconds."""
    from matplotlib.collections import LineCollection

    lines = [list(zip(*_errors(trial, least), strict=True)) for trial in trials if trial.curve]
    if not lines:
        return
    many = len(lines) > _MANY // 5
    alpha = min(0.7, max(0.05, 100 / len(lines)))  # thousands of them stay a light background
    drawn = LineCollection(
        lines, colors=paper_axes.LIGHT, linewidths=0.45, linestyles=[dashes], alpha=alpha, rasterized=many
    )
    axes.add_collection(drawn)
    if marker is not None:
        ends = [line[-1] for line in lines]
        axes.plot(*zip(*ends, strict=True), marker, color=paper_axes.GREY, markersize=2.6, markeredgewidth=0.6,
                  alpha=max(alpha, 0.25))  # fmt: skip
    axes.plot([], [], color=paper_axes.LIGHT, linewidth=0.8, linestyle=dashes, marker=marker, markersize=2.6,
              markeredgecolor=paper_axes.GREY, markeredgewidth=0.6, label=label)  # fmt: skip


def _errors(trial: TrialRecord, least: float) -> tuple[list[int], list[float]]:
    """Epochs and validation errors in percent; NaN, which is not drawn, for what is not finite."""
    found = [epoch.val_accuracy for epoch in trial.curve]
    errors = [max(100 - value, least) if math.isfinite(value) else math.nan for value in found]
    return [epoch.epoch for epoch in trial.curve], errors


def _finish(figure: "Figure", width: float) -> None:
    """The legend below, and the height that leaves the axes flatter the wider they are."""
    found = zip(*figure.axes[0].get_legend_handles_labels(), strict=True)
    handles, labels = zip(*sorted(found, key=lambda pair: not pair[1].startswith("front")), strict=True)
    columns = max(1, min(len(labels), int(width / 2.4)))
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        fontsize=7 if width >= paper_axes.READABLE else 5.8,
    )
    plot = 0.76 * width if width < 4.5 else max(3.4, 0.48 * width)
    figure.set_size_inches(width, plot + 0.15 * math.ceil(len(labels) / columns))


def _files(figure: "Figure") -> dict[str, bytes]:
    """The figure in every format, without time, version or machine: equal studies give equal files."""
    without: dict[str, dict[str, Any]] = {
        "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
    }
    files = {name: io.BytesIO() for name in FORMATS}
    for name, buffer in files.items():
        figure.savefig(buffer, format=name, metadata=without[name])
    return {name: buffer.getvalue() for name, buffer in files.items()}
