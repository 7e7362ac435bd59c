"""The page of a reproduced series: one HTML file that needs no network."""

from datetime import datetime

from underbudget.reports.page.dots import Mark, Row, dots
from underbudget.reports.page.numbers import DASH, whole
from underbudget.reports.page.template import render
from underbudget.reports.page.training import PROTOCOLS, facts
from underbudget.reports.series import FILES, Series, SeriesStep, analysis, result, target

_PUBLISHED = "published: one run, best epoch, chosen on test"


def render_page(series: Series, now: datetime | None = None) -> str:
    """The page as HTML text."""
    trained = [step for step in series.steps if step.runs]
    figures = {}
    if trained:
        figures["steps"] = dots(
            [_row(step) for step in trained],
            "test accuracy, %" if series.protocol != "search" else "validation accuracy, %",
            "ours, last epoch",
            {_PUBLISHED: Mark("diamond-open", "@orange"), "ours, best epoch": Mark("line-ns-open", "@vermillion")},
        )
    equal = sum(step.params == step.reference.published_params for step in series.steps)
    steps = []
    for index, step in enumerate(series.steps):
        before = series.previous(index)
        steps.append(
            {
                "name": step.reference.name,
                "source": step.reference.source,
                "target": target(step, before),
                "result": result(step),
                "analysis": analysis(step, before),
                "layers_text": step.reference.layers_text,
            }
        )
    first = trained[0].runs[0] if trained else None
    runs = tuple(run for step in trained for run in step.runs)
    return render(
        "series.html",
        figures,
        now,
        title=f"{series.name}: a published series, reproduced",
        repository=series.repository,
        conditions=DASH if first is None else f"{first.data.name} · protocol {series.protocol}",
        equal=equal,
        count=len(series.steps),
        trained=len(trained),
        steps=steps,
        protocol=PROTOCOLS[series.protocol],
        # Recipe, epochs and network differ by step: the table has them.
        facts=[fact for fact in facts(runs) if fact[0] not in ("recipe", "network", "seeds")] if runs else [],
        runs=whole(len(runs)),
        files=[name for key, name in FILES.items() if key != "page"],
    )


def _row(step: SeriesStep) -> Row:
    last = step.last
    marks = {"ours, best epoch": step.best.mean}
    if step.published_best is not None:
        marks[_PUBLISHED] = step.published_best
    return Row(
        name=step.reference.name,
        mean=last.mean,
        low=last.low,
        high=None if last.high is None else min(last.high, 100),
        single=tuple(run.last for run in step.runs),
        marks=marks,
    )
