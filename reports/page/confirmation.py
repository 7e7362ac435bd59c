"""The page of confirmed finalists: one HTML file that needs no network."""

from datetime import datetime

from underbudget.reports.confirmation import FILES, Confirmation
from underbudget.reports.page.dots import Mark, Row, dots
from underbudget.reports.page.finalists import finalist_rows
from underbudget.reports.page.numbers import percent, whole
from underbudget.reports.page.template import render
from underbudget.reports.page.training import PROTOCOLS, facts, spread


def render_page(confirmation: Confirmation, now: datetime | None = None) -> str:
    """The page as HTML text."""
    finalists = confirmation.finalists
    first = finalists[0]
    figure = dots(
        [
            Row(
                name=f"#{one.trial.trial}, {whole(one.runs[0].params)}",
                mean=one.last.mean,
                low=one.last.low,
                high=None if one.last.high is None else min(one.last.high, 100),
                single=tuple(run.last for run in one.runs),
                marks={"search score (validation)": one.score},
            )
            for one in finalists
        ],
        "accuracy, %",
        "confirmed mean (test, last epoch)",
        {"search score (validation)": Mark("diamond-open", "@orange")},
        confirmation.target,
    )
    runs = tuple(run for one in finalists for run in one.runs)
    return render(
        "confirmation.html",
        {"finalists": figure},
        now,
        title=f"{confirmation.study}: confirmed finalists",
        conditions=f"{first.runs[0].data.name} · {len(first.runs[0].judged)} epochs · {len(first.runs)} seeds each",
        best=first,
        best_mean=percent(first.last.mean),
        best_spread=spread(first.last),
        best_params=whole(first.runs[0].params),
        rows=finalist_rows(confirmation),
        target=None if confirmation.target is None else f"{confirmation.target:g} % held by",
        closing=confirmation.closing(),
        correlation=confirmation.correlation,
        count=len(finalists),
        readings=whole(confirmation.readings),
        protocol=PROTOCOLS["confirm"],
        images=whole(first.runs[0].data.judged),
        facts=[fact for fact in facts(runs) if fact[0] != "network"],  # of the first finalist only
        files=[name for key, name in FILES.items() if key != "page"],
    )
