"""The page of confirmed finalists: one HTML file that needs no network."""

from datetime import datetime
from typing import Any

from reports.confirmation import FILES, Confirmation, Confirmed
from reports.page.dots import Mark, Row, dots
from reports.page.numbers import DASH, percent, whole
from reports.page.template import render
from reports.page.training import PROTOCOLS, facts, spread


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
        rows=[_row(confirmation, one) for one in finalists],
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


def _row(confirmation: Confirmation, one: Confirmed) -> dict[str, Any]:
    last = one.last
    interval = DASH if last.low is None or last.high is None else f"{last.low:.2f}{DASH}{min(last.high, 100):.2f}"
    return {
        "trial": one.trial.trial,
        "params": whole(one.runs[0].params),
        "score": f"{one.score:.2f}",
        "mean": f"{last.mean:.2f}",
        "sd": DASH if last.sd is None else f"{last.sd:.2f}",
        "minimum": f"{last.minimum:.2f}",
        "maximum": f"{last.maximum:.2f}",
        "interval": interval,
        "best": f"{one.best.mean:.2f}",
        "held": None
        if confirmation.target is None
        else f"{sum(run.holds(confirmation.target, confirmation.last) for run in one.runs)} of {len(one.runs)}",
        "seeds": len(one.runs),
        "layers_text": one.runs[0].layers_text,
    }
