"""The front: cost against accuracy, with the budget, and over MNIST published points."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.confirmation import Confirmation
from underbudget.reports.page import figure as plot
from underbudget.reports.page.figure import Figure
from underbudget.reports.page.numbers import percent, span, whole
from underbudget.reports.page.published import LABEL, Published, published_points
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.tables import interval

_LABEL_ROOM = 0.17  # of the figure's width, that a name takes
_LABEL = 20  # characters of it
_WRAP = 46  # characters of a hover line: what a phone shows
_HEADROOM = 1.25  # the drawn range goes this far beyond the limit on parameters


def front_figure(study: StudyRecord, target: float | None = None, confirmation: Confirmation | None = None) -> Figure:
    """Every complete trial as a dot, the front as a staircase with 95 % intervals, the winner as a star; over MNIST
    published points. Raises ValueError for a study without a complete trial.

    `layout.meta` holds what front.js switches the axes with: both ranges for linear and log axes, the least error that
    is drawn, and the accuracies to label.
    """
    scored = fronts.scored(study.trials)
    front = fronts.front(study.trials, study.axis)
    winner = fronts.winner(study.trials, study.axis)
    if winner is None:
        raise ValueError("there is no front")
    on_front = {trial.trial for trial in front}
    others = [trial for trial in scored if trial.trial not in on_front]
    low, high = x_range(scored, study.stored.limit, study.axis)
    known = published_points(study.stored.dataset.name, study.axis)
    published = [point for point in known if point.params <= high]

    traces = []
    if others:
        name = f"complete, not on the front ({len(others):,})"
        marker = {"size": 6, "color": "@muted", "opacity": 0.45}
        traces.append(_points(study, others, name, mode="markers", marker=marker))
    if published:
        traces.append(_published(published, low, high - low))
    traces.append(_staircase(study, front))
    marker = {"size": 17, "symbol": "star", "color": "@vermillion", "line": {"width": 1, "color": "@card"}}
    traces.append(_points(study, [winner], f"winner, trial {winner.trial}", mode="markers", marker=marker))
    if confirmation is not None:
        traces.append(_finalists(confirmation, study.axis))
    inside = [max(point.accuracy for point in published)] if published else []
    inside += [*(interval(study, winner.score) or ()), *([] if target is None else [target])]
    scores, front_scores = [fronts.score(trial) for trial in scored], [fronts.score(trial) for trial in front]
    bottom, top = y_range(scores, front_scores, inside)
    least = plot.least_error(study.stored.images)
    return plot.figure(
        traces,
        height=520,
        xaxis=plot.axis(fronts.AXIS_WORDS[study.axis], range=[low, high], tickformat=","),
        yaxis=plot.axis("validation accuracy, %", range=[bottom, top]),
        shapes=_shapes(study.stored.limit, high, target),
        meta={
            "x": {"linear": [low, high], "log": [math.log10(low), math.log10(high)]},
            "y": {"linear": [bottom, top], "log": error_range([*front_scores, *inside], least)},
            "floor": least,
            "ticks": [tick for tick in plot.ACCURACY_TICKS if 100 - tick >= least],
        },
    )


def x_range(scored: Sequence[TrialRecord], limit: int | None, axis: str = "params") -> tuple[float, float]:
    """Costs that the figure shows at first: all scored trials and some room beyond the limit; both are positive."""
    counts = [fronts.cost(trial, axis) for trial in scored]
    high = max([*counts, limit or 1]) * (_HEADROOM if limit else 1.05)
    low = min(counts, default=high / 10)
    return max(1.0, min(low * 0.9, low - (high - low) * 0.03)), high


def y_range(scores: Sequence[float], front: Sequence[float], inside: Sequence[float]) -> tuple[float, float]:
    """Accuracies that the figure shows at first: where most trials are, all that is `inside`, and of the front what is
    not far below."""
    if not scores:
        return 0.0, 100.0
    ordered = sorted(scores)
    best, median = ordered[-1], ordered[len(ordered) // 2]
    bottom = max(ordered[0], best - max(4 * (best - median), 0.5))
    bottom = min([bottom, *inside, *(score for score in front if best - score <= 8 * max(best - median, 0.25))])
    top = max([best, *inside])
    room = 0.08 * max(top - bottom, 0.2)
    return max(0.0, bottom - room), min(100.0 + room, top + room)


def error_range(accuracies: Sequence[float], least: float) -> list[float]:
    """Range of an axis that is logarithmic in the error and reversed: log10 of the errors in percent, with room for
    all `accuracies`."""
    errors = [max(100 - accuracy, least) for accuracy in accuracies] or [100.0, 1.0]
    return [math.log10(min(100.0, max(errors) * 1.3)), math.log10(min(errors) / 1.3)]


def hover(study: StudyRecord, trial: TrialRecord) -> str:
    """What the hover box of a trial says, escaped for Plotly."""
    proposal = trial.proposal
    assert proposal is not None, "only scored trials are drawn"
    other = f"{whole(fronts.cost(trial, study.axis))} {fronts.AXIS_WORDS[study.axis]}"
    lines = [
        f"<b>trial {trial.trial}</b>",
        f"{whole(proposal.cost.params)} parameters",
        *([] if study.axis == "params" else [other]),
        f"{percent(trial.score)}   95 % interval {span(interval(study, trial.score))}",
    ]
    wrapped = textwrap.wrap(proposal.layers_text, _WRAP, break_on_hyphens=False)
    return "<br>".join(lines + [plot.plotly_text(line) for line in wrapped])


def _points(study: StudyRecord, trials: Sequence[TrialRecord], name: str, **more: Any) -> dict[str, Any]:
    return plot.scatter(
        [fronts.cost(trial, study.axis) for trial in trials],
        [round(fronts.score(trial), 6) for trial in trials],
        name=name,
        hovertext=[hover(study, trial) for trial in trials],
        customdata=[trial.trial for trial in trials],  # what a click shows
        **more,
    )


def _staircase(study: StudyRecord, front: Sequence[TrialRecord]) -> dict[str, Any]:
    trace = _points(
        study,
        front,
        f"front ({len(front):,}), 95 % intervals",
        mode="lines+markers",
        line={"shape": "hv", "color": "@blue", "width": 2},  # the best score for at most so many parameters
        marker={"size": 9, "color": "@blue"},
    )
    intervals = [found for trial in front if (found := interval(study, trial.score)) is not None]
    if len(intervals) == len(front):
        low, high = zip(*intervals, strict=True)
        scores = [fronts.score(trial) for trial in front]
        trace["error_y"] = plot.error_bars(scores, low, high, "@blue", thickness=1, width=3)
    return trace


def _finalists(confirmation: Confirmation, axis: str) -> dict[str, Any]:
    """Mean test accuracy of the finalists' seeds with its 95 % interval."""
    finalists = [one for one in confirmation.finalists if one.trial.proposal is not None]
    lasts = [one.last for one in finalists]
    high = [last.mean if last.high is None else min(last.high, 100) for last in lasts]
    low = [last.mean if last.low is None else last.low for last in lasts]
    return plot.scatter(
        [fronts.cost(one.trial, axis) for one in finalists],
        [round(last.mean, 6) for last in lasts],
        mode="markers",
        name="confirmed: test, mean of the seeds, 95 % interval",
        error_y=plot.error_bars([last.mean for last in lasts], low, high, "@green"),
        marker={"size": 9, "symbol": "square", "color": "@green"},
        customdata=[one.trial.trial for one in finalists],
        hovertext=[
            f"<b>trial {one.trial.trial}, confirmed</b><br>{whole(one.runs[0].params)} parameters<br>"
            f"{last.mean:.2f} % on test, mean of {last.n} seeds<br>95 % interval {span((last.low, last.high), '')}"
            for one, last in zip(finalists, lasts, strict=True)
        ],
    )


def _published(points: Sequence[Published], low: float, width: float) -> dict[str, Any]:
    labelled, names = _labelled(points, width), [point.name for point in points]
    short = {name: name if len(name) <= _LABEL else name[: _LABEL - 1] + "…" for name in names}
    return plot.scatter(
        [point.params for point in points],
        [point.accuracy for point in points],
        name=LABEL,
        mode="markers+text",
        text=[plot.plotly_text(short[point.name]) if point in labelled else "" for point in points],
        textposition=["top right" if point.params < low + width / 5 else "top left" for point in points],
        textfont={"size": 10, "color": "@orange"},
        marker={"size": 8, "symbol": "diamond-open", "color": "@orange", "line": {"width": 1.5}},
        hovertext=[
            f"<b>{plot.plotly_text(point.name)}</b><br>{whole(point.params)} parameters<br>"
            f"{percent(point.accuracy)} on test, {point.epochs} epochs<br>{LABEL}"
            for point in points
        ],
    )


def _labelled(points: Sequence[Published], width: float) -> list[Published]:
    """Points that get a name: those that no other point beats, the most accurate first, as long as there is room."""
    best = fronts.pareto(points, lambda point: point.params, lambda point: -point.accuracy)
    shown: list[Published] = []
    for point in reversed(best):
        if all(abs(point.params - other.params) > _LABEL_ROOM * width for other in shown):
            shown.append(point)
    return shown


def _shapes(limit: int | None, high: float, target: float | None) -> list[dict[str, Any]]:
    shapes: list[dict[str, Any]] = []
    if limit is not None:
        over = {"type": "rect", "x0": limit, "x1": high, "yref": "paper", "y0": 0, "y1": 1}
        font = {"color": "@muted", "size": 12}
        label: dict[str, Any] = {"text": "over budget", "textposition": "middle center", "textangle": -90, "font": font}
        shapes.append({**over, "fillcolor": "@shade", "line": {"width": 0}, "layer": "below", "label": label})
        shapes.append(plot.across("x", limit, "@muted", "dash"))
    if target is not None:
        label = {"text": f"target {target:g} %", "textposition": "start", "font": {"color": "@green", "size": 12}}
        shapes.append(plot.across("y", target, "@green", "dot", label=label))
    return shapes
