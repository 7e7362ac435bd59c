"""The page of several studies compared: fronts in one figure, hypervolume against what was spent, tables."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.comparison import Comparison, Group
from underbudget.reports.comparison_tables import FILES, advantage, best_scores, hypervolumes, is_searched, study_rows
from underbudget.reports.page import figure as plot
from underbudget.reports.page.figure import Figure
from underbudget.reports.page.numbers import span, whole
from underbudget.reports.page.template import render
from underbudget.reports.record import score_words
from underbudget.reports.seed_bands import Band
from underbudget.reports.tables import interval

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star-open")
_NAME = 40  # characters of a name in the legend
_NARROW = 10  # errors that differ by less leave room for more labels
_CLOSE_TICKS = tuple(
    round(100 - unit * step, 6) for unit in (10, 1, 0.1, 0.01) for step in (10, 8, 6, 5, 4, 3, 2.5, 2, 1.5, 1.2)
)


def render_page(comparison: Comparison) -> str:
    """The page as HTML text."""
    settings = comparison.members[0].study.stored
    images = "" if settings.images is None else f", {whole(settings.images)} images"
    return render(
        "comparison.html",
        {
            "fronts": _fronts(comparison),
            "volume_trained": _volumes(comparison, "trained"),
            "volume_epochs": _volumes(comparison, "epochs"),
        },
        styles=["comparison.css"],
        title=_joined([group.name for group in comparison.groups]),
        conditions=f"{settings.dataset.title} · validation accuracy, {score_words(settings.epochs)}{images}",
        comparison=comparison,
        groups=[
            (group.name, hypervolumes(comparison, group), advantage(comparison, group)) for group in comparison.groups
        ],
        several=len(comparison.groups) > 1,
        pooled=any(group.pooled for group in comparison.groups),
        axis_words=fronts.AXIS_WORDS[comparison.axis],
        budgets=[
            (budget, [_cell(comparison, group, budget) for group in comparison.groups]) for budget in comparison.budgets
        ],
        smaller=any(not is_searched(member, budget) for budget in comparison.budgets for member in comparison.members),
        studies=study_rows(comparison),
        files=FILES.values(),
    )


def _joined(names: list[str]) -> str:
    """At most three names, the last two of which an "and" joins."""
    shown = names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _cell(comparison: Comparison, group: Group, budget: int) -> dict[str, Any]:
    """The best of a group within a budget: with its interval for one study, with the range of several."""
    scores = best_scores(group, budget)
    if not scores:
        return {"score": None, "detail": "no network", "mark": ""}
    mark = "" if all(is_searched(member, budget) for member in group.members) else "*"
    if group.pooled:
        count = f"{len(scores)} of {len(group.members)}" if len(scores) < len(group.members) else f"{len(scores)}"
        detail = f"{span((min(scores), max(scores)), '')}, {count} seeds"
        return {"score": sum(scores) / len(scores), "detail": detail, "mark": mark}
    member = group.members[0]
    trial = member.best_within(budget)
    assert trial is not None, "it has a score"
    bounds = interval(member.study, trial.score)
    sure = "" if bounds is None else f"{span(bounds)}, "
    detail = f"{sure}trial {trial.trial}, {whole(fronts.cost(trial, comparison.axis))}"
    return {"score": trial.score, "detail": detail, "mark": mark}


def _fronts(comparison: Comparison) -> Figure:
    """The best accuracy for at most such a cost: a staircase per group, with the range of its seeds."""
    least, end = plot.least_error(comparison.members[0].study.stored.images), float(comparison.largest_cost)
    words = fronts.AXIS_WORDS[comparison.axis]

    def text(band: Band, index: int) -> str:
        lowest, highest = 100 - band.high[index], 100 - band.low[index]  # of errors
        spread = f", {lowest:.2f} to {highest:.2f} over {band.n} seeds" if band.n > 1 else ""
        return f"at most {whole(band.x[index])} {words}<br>{100 - band.mean[index]:.2f} %{spread}"

    traces = _curves(comparison, lambda group: group.error_by_cost(end), text, least, markers=True)
    costs = comparison.front_costs
    errors = [100 - fronts.score(trial) for member in comparison.members for trial in member.front]
    cheapest, dearest = min(costs), max(end, *costs)
    ticks = plot.ACCURACY_TICKS if max(errors) > _NARROW * max(min(errors), least) else _CLOSE_TICKS
    limits = sorted({member.limit.largest for member in comparison.members if member.limit is not None})
    across = [math.log10(cheapest * 0.9), math.log10(dearest * 1.15)]
    step = "D2" if dearest / cheapest < 1000 else 1
    up = [math.log10(max(*errors, least) * 1.2), math.log10(max(min(errors), least) / 1.2)]
    return plot.figure(
        traces,
        height=480,
        xaxis=plot.axis(words, type="log", range=across, tickformat=",", dtick=step),
        yaxis=plot.error_axis("best validation accuracy, %", ticks, autorange=False, range=up),
        shapes=[plot.across("x", limit, "@muted", "dash") for limit in limits],
    )


def _volumes(comparison: Comparison, what: str) -> Figure:
    title = {"trained": "trained trials", "epochs": "trained epochs"}[what]

    def text(band: Band, index: int) -> str:
        spread = f", {band.low[index]:.3f} to {band.high[index]:.3f} over {band.n} seeds" if band.n > 1 else ""
        return f"{whole(band.x[index])} {title}<br>hypervolume {band.mean[index]:.3f}{spread}"

    traces = _curves(comparison, lambda group: group.hypervolume_by(what), text)
    xaxis = plot.axis(title, rangemode="tozero", tickformat=",")
    return plot.figure(
        traces, height=380, xaxis=xaxis, yaxis=plot.axis("hypervolume, square decades", rangemode="tozero")
    )


def _curves(
    comparison: Comparison,
    band_of: Callable[[Group], Band | None],
    text: Callable[[Band, int], str],
    least: float = 0.0,
    markers: bool = False,
) -> list[dict[str, Any]]:
    """A stepped line per group, its mean, and behind it the range of its seeds; nothing is drawn below `least`. Single
    studies have markers where that is asked for."""
    traces = []
    for place, group in enumerate(comparison.groups):
        band = band_of(group)
        if band is None:
            continue
        mean, low, high = ([max(value, least) for value in part] for part in (band.mean, band.low, band.high))
        color = plot.PALETTE[place % len(plot.PALETTE)]
        if band.n > 1:
            x, lower = _stepped(band.x, low)
            _, upper = _stepped(band.x, high)
            traces.append(
                plot.scatter(
                    [*x, *reversed(x)],
                    [*upper, *reversed(lower)],
                    mode="lines",
                    fill="toself",
                    fillcolor=color,
                    opacity=0.2,
                    line={"width": 0},
                    hoverinfo="skip",
                    showlegend=False,
                    legendgroup=str(place),
                )
            )
        short = group.name if len(group.name) <= _NAME else f"{group.name[:_NAME]}..."
        name = plot.plotly_text(short) + (f" ({band.n} seeds)" if band.n > 1 else "")
        # The last place only says up to where the last value holds: there is no network.
        last = 0 if len(mean) > 1 and mean[-1] == mean[-2] else 7
        symbol = _SYMBOLS[place % len(_SYMBOLS)]
        traces.append(
            plot.scatter(
                band.x,
                [round(value, 6) for value in mean],
                mode="lines+markers" if markers and not group.pooled else "lines",
                name=name,
                legendgroup=str(place),
                line={"shape": "hv", "color": color, "width": 2, "dash": _DASHES[place % len(_DASHES)]},
                marker={"size": [7] * (len(mean) - 1) + [last], "color": color, "symbol": symbol},
                hovertext=[f"<b>{name}</b><br>{text(band, index)}" for index in range(len(mean))],
            )
        )
    return traces


def _stepped(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """A step function as corners: a filled shape can't be stepped both ways."""
    corners = [(place, value) for index, value in enumerate(y) for place in x[index : index + 2]]
    return [place for place, _ in corners], [round(value, 6) for _, value in corners]
