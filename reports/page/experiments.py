"""The pages of several trainings together: confirmed finalists, a reproduced series, an ablation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from underbudget.reports import ablation as ablations
from underbudget.reports import confirmation as confirmations
from underbudget.reports import series as replays
from underbudget.reports.ablation import Ablation
from underbudget.reports.confirmation import Confirmation
from underbudget.reports.page import figure as plot
from underbudget.reports.page.figure import Figure
from underbudget.reports.page.numbers import DASH, whole
from underbudget.reports.page.template import render
from underbudget.reports.page.training import PROTOCOLS, facts, spread
from underbudget.reports.runs import OverSeeds
from underbudget.reports.series import Series

_PUBLISHED = "published: one run, best epoch, chosen on test"
_SEARCHED = "search score (validation)"


@dataclass(frozen=True)
class DotRow:
    """One line of the figure."""

    name: str
    mean: float
    low: float | None = None
    high: float | None = None
    single: tuple[float, ...] = ()  # each seed's value
    marks: dict[str, float] = field(default_factory=dict)  # other values of the row by the name in the legend


def confirmation_page(confirmation: Confirmation) -> str:
    """The page of confirmed finalists as HTML text."""
    finalists = confirmation.finalists
    first = finalists[0]
    rows = [_row(f"#{one.trial.trial}, {whole(one.runs[0].params)}", one, {_SEARCHED: one.score}) for one in finalists]
    marks = {_SEARCHED: ("diamond-open", "@orange")}
    figure = _dots(rows, "accuracy, %", "confirmed mean (test, last epoch)", marks, confirmation.target)
    return render(
        "confirmation.html",
        {"finalists": figure},
        title=f"{confirmation.study}: confirmed finalists",
        conditions=f"{first.runs[0].data.name} · {len(first.runs[0].judged)} epochs · {len(first.runs)} seeds each",
        confirmation=confirmation,
        spread=spread(first.last),
        protocol=PROTOCOLS["confirm"],
        facts=[fact for fact in facts(confirmation.runs) if fact[0] != "network"],  # of the first finalist only
        files=confirmations.FILES.values(),
    )


def series_page(series: Series) -> str:
    """The page of a reproduced series as HTML text."""
    trained = [step for step in series.steps if step.runs]
    figures = {}
    if trained:
        marks = {_PUBLISHED: ("diamond-open", "@orange"), "ours, best epoch": ("line-ns-open", "@vermillion")}
        rows = [
            _row(step.reference.name, step, {"ours, best epoch": step.best.mean, _PUBLISHED: step.published_best})
            for step in trained
        ]
        part = "validation" if series.protocol == "search" else "test"
        figures["steps"] = _dots(rows, f"{part} accuracy, %", "ours, last epoch", marks)
    runs = tuple(run for step in trained for run in step.runs)
    return render(
        "series.html",
        figures,
        title=f"{series.name}: a published series, reproduced",
        conditions=f"{series.repository} · " + (f"{runs[0].data.name} · protocol {series.protocol}" if runs else DASH),
        equal=sum(step.params == step.reference.published_params for step in series.steps),
        count=len(series.steps),
        trained=len(trained),
        steps=list(zip(series.steps, replays.to_json(series)["steps"], strict=True)),
        protocol=PROTOCOLS[series.protocol],
        # Recipe, epochs and network differ by step: the table has them.
        facts=[fact for fact in facts(runs) if fact[0] not in ("recipe", "network", "seeds")] if runs else [],
        runs=len(runs),
        files=replays.FILES.values(),
    )


def ablation_page(ablation: Ablation) -> str:
    """The page of an ablation as HTML text."""
    base, first = ablation.base, ablation.base.runs[0]
    figures = {}
    if ablation.arms:
        changes = [(arm, ablation.change(arm)) for arm in ablation.arms]
        rows = [DotRow(arm.change, change.mean, change.low, change.high) for arm, change in changes]
        figures["changes"] = _dots(rows, f"change in {first.data.part} accuracy, points", "change", line=0)
    return render(
        "ablation.html",
        figures,
        title=f"{ablation.title}: what each ingredient is worth",
        conditions=f"{first.data.name} · recipe {first.recipe['name']} · {len(first.judged)} epochs · "
        f"{len(base.runs)} seeds · protocol {first.protocol}",
        base=base,
        first=first,
        spread=spread(base.score),
        drawn=bool(figures),
        rows=ablations.rows(ablation),
        protocol=PROTOCOLS[first.protocol],
        facts=facts(ablation.runs),
        files=ablations.FILES.values(),
    )


def _row(name: str, one: OverSeeds, marks: dict[str, float | None]) -> DotRow:
    last = one.last
    high = None if last.high is None else min(last.high, 100)
    there = {name: value for name, value in marks.items() if value is not None}
    return DotRow(name, last.mean, last.low, high, tuple(run.last for run in one.runs), there)


def _dots(
    rows: Sequence[DotRow],
    title: str,
    ours: str,
    marks: dict[str, tuple[str, str]] | None = None,
    line: float | None = None,
) -> Figure:
    """Means with their intervals, a line per row from top to bottom. title: of the value axis; ours: what the means are
    called; marks: symbol and colour of other values; line: a value marked across all rows, such as a target or 0."""
    names = [plot.plotly_text(row.name) for row in rows]

    def points(found: Sequence[tuple[float, str]], name: str, label: str = "", **more: Any) -> dict[str, Any]:
        template = "%{x:.2f}<extra>" + label + "</extra>"
        values, places = zip(*found, strict=True)
        return plot.scatter(values, places, mode="markers", name=name, hovertemplate=template, **more)

    traces: list[dict[str, Any]] = []
    singles = [(value, name) for row, name in zip(rows, names, strict=True) for value in row.single]
    if singles:
        traces.append(points(singles, "each seed", marker={"size": 6, "color": "@muted", "opacity": 0.55}))
    texts = []
    for row, name in zip(rows, names, strict=True):
        interval = "" if row.low is None or row.high is None else f"<br>95 % interval {row.low:.2f} to {row.high:.2f}"
        texts.append(f"{name}<br>{plot.plotly_text(ours)} {row.mean:.2f}{interval}")
    means = [row.mean for row in rows]
    bars = plot.error_bars(means, [row.low for row in rows], [row.high for row in rows], "@blue")
    marker = {"size": 10, "color": "@blue"}
    traces.append(plot.scatter(means, names, mode="markers", name=ours, marker=marker, error_x=bars, hovertext=texts))
    for name, (symbol, color) in (marks or {}).items():
        there = [(row.marks[name], shown) for row, shown in zip(rows, names, strict=True) if name in row.marks]
        if there:
            marker = {"size": 9, "symbol": symbol, "color": color, "line": {"width": 1.5}}
            traces.append(points(there, plot.plotly_text(name), plot.plotly_text(name), marker=marker))
    return plot.figure(
        traces,
        height=150 + 34 * len(rows),
        margin={**plot.COMPACT, "t": 32},
        xaxis=plot.axis(title, range=_range(rows, line)),
        yaxis=plot.name_axis(),
        shapes=[] if line is None else [plot.across("x", line, "@green", "dot")],
    )


def _range(rows: Sequence[DotRow], line: float | None) -> list[float]:
    """All values, and as much of the intervals as leaves the values room: an interval over two seeds can be a hundred
    times as wide as the distance between the values."""
    values = [value for row in rows for value in (row.mean, *row.single, *row.marks.values())]
    values += [] if line is None else [line]
    low, high = min(values), max(values)
    room = max(0.6 * (high - low), 0.2)
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    first, last = min([low, *ends]), max([high, *ends])
    pad = 0.05 * (high - low) + 0.02
    return [max(first, low - room) - pad, min(last, high + room) + pad]
