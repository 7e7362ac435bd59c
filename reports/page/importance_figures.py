"""What mattered: the share of the result that each parameter explains, and the trials over the most important ones."""

import itertools
from collections.abc import Sequence
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.importance import Importance, importances, numeric
from underbudget.reports.page import figure as plot
from underbudget.reports.page.figure import Figure
from underbudget.reports.record import StudyRecord, TrialRecord

_LISTED = 12  # parameters in the bars
_PARALLEL = 6  # of them in the parallel coordinates
_SLICES = 6
_MOST_LINES = 150  # of each group
_MOST_DOTS = 1500
# By accuracy, a quarter of the trials each: name, colour, width of the line.
_GROUPS = (
    ("best quarter", "@blue", 2),
    ("second", "@sky", 1.2),
    ("third", "@line", 1),
    ("last quarter", "@orange", 1),
)


def importance_figures(study: StudyRecord) -> tuple[dict[str, Figure], list[str]]:
    """`importance`, `parallel` and `slice_0`, ..., and the parameters of the slices. Empty with too few trials."""
    found = importances(study)
    if not found:
        return {}, []
    scored = fronts.scored(study.trials)
    names = [one.parameter for one in found]
    trials = [trial for trial in scored if all(name in trial.params for name in names)][-_MOST_DOTS:]
    figures = {"importance": _bars(study, found[:_LISTED]), "parallel": _parallel(study, trials, names[:_PARALLEL])}
    for index, name in enumerate(names[:_SLICES]):
        figures[f"slice_{index}"] = _slice(study, trials, name)
    return figures, names[:_SLICES]


def _bars(study: StudyRecord, found: Sequence[Importance]) -> Figure:
    def bars(word: str, values: list[float]) -> dict[str, Any]:
        template = "%{y}: %{x:.2f}<extra>" + word + "</extra>"
        return {"name": word, "x": [round(value, 4) for value in values], "hovertemplate": template}

    pairs = [
        bars("validation error", [one.error for one in found]),
        bars(fronts.AXIS_WORDS[study.axis], [one.cost for one in found]),
    ]
    xaxis = plot.axis("share of the variance explained", rangemode="tozero")
    return plot.bar_pairs([one.parameter for one in found], pairs, 36, xaxis)


def _parallel(study: StudyRecord, trials: Sequence[TrialRecord], names: Sequence[str]) -> Figure:
    """A line per trial over upright axes, in groups by accuracy; plain SVG, since Plotly's own needs WebGL."""
    scores, costs = [fronts.score(trial) for trial in trials], [fronts.cost(trial, study.axis) for trial in trials]
    axes = [(name, *_upright([trial.params[name] for trial in trials])) for name in names]
    axes.append((fronts.AXIS_WORDS[study.axis], *_upright(costs)))
    # By rank: otherwise one network that failed to learn would squeeze all others together.
    order = {score: rank for rank, score in enumerate(sorted(set(scores)))}
    axes.append(("accuracy", _upright([order[score] for score in scores])[0], [(0, "worst"), (1, "best")]))
    ranked = sorted(range(len(trials)), key=lambda index: -scores[index])
    ends = [len(ranked) * part // len(_GROUPS) for part in range(len(_GROUPS) + 1)]
    groups = [ranked[start:end] for start, end in itertools.pairwise(ends)]
    traces: list[dict[str, Any]] = []
    for (name, color, width), group in reversed(list(zip(_GROUPS, groups, strict=True))):
        drawn = group[:_MOST_LINES]
        hovers = [f"trial {trials[index].trial}, {scores[index]:.2f} %, {costs[index]:,}" for index in drawn]
        traces.append(
            plot.scatter(
                [*range(len(axes)), None] * len(drawn),
                [place for index in drawn for place in (*(places[index] for _, places, _ in axes), None)],
                mode="lines",
                name=f"{name} ({len(group):,})",
                line={"color": color, "width": width},
                opacity=0.7,
                hovertext=[text for hover in hovers for text in (*[hover] * len(axes), None)],
                legendrank=len(_GROUPS) - len(traces),
            )
        )
    label = {"showarrow": False, "xanchor": "left", "xshift": 4, "bgcolor": "@paper", "opacity": 0.85}
    label["font"] = {"size": 11, "color": "@text"}
    upright = {"type": "line", "y0": 0, "y1": 1, "line": {"color": "@muted", "width": 1}}
    return plot.figure(
        traces,
        height=420,
        xaxis=plot.axis(
            "",
            tickvals=list(range(len(axes))),
            ticktext=[plot.plotly_text(name) for name, _, _ in axes],
            range=[-0.3, len(axes) - 0.4],
            showgrid=False,
            side="top",
        ),
        yaxis=plot.axis("", visible=False, range=[-0.06, 1.06]),
        shapes=[{**upright, "x0": x, "x1": x} for x in range(len(axes))],
        annotations=[
            {"x": x, "y": y, "text": plot.plotly_text(text), **label}
            for x, (_, _, ticks) in enumerate(axes)
            for y, text in ticks
        ],
        dragmode=False,
    )


def _upright(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """One axis of the parallel coordinates: the place of each value, 0 to 1 from below, and the labels by place."""
    if numeric(values):
        low, high = min(values), max(values)
        places = [round((value - low) / ((high - low) or 1), 4) for value in values]
        return places, [(0, f"{low:,.4g}"), (1, f"{high:,.4g}")]
    choices = sorted({str(value) for value in values})
    last = max(1, len(choices) - 1)
    places = [round(choices.index(str(value)) / last, 4) for value in values]
    return places, [(index / last, text) for index, text in enumerate(choices)]


def _slice(study: StudyRecord, trials: Sequence[TrialRecord], name: str) -> Figure:
    least = plot.least_error(study.stored.images)
    values = [trial.params[name] for trial in trials]
    is_number = numeric(values)
    scores = [fronts.score(trial) for trial in trials]
    trace = plot.scatter(
        values if is_number else [plot.plotly_text(str(value)) for value in values],
        [max(100 - score, least) for score in scores],
        mode="markers",
        marker={"size": 7, "color": "@blue", "opacity": 0.5},
        hovertext=[
            f"trial {trial.trial}<br>{plot.plotly_text(name)} {plot.plotly_text(str(value))}<br>{score:.2f} %"
            for trial, value, score in zip(trials, values, scores, strict=True)
        ],
    )
    xaxis = plot.axis(plot.plotly_text(name), type="linear" if is_number else "category")
    return plot.figure([trace], height=260, xaxis=xaxis, yaxis=plot.error_axis("accuracy, %"), showlegend=False)
