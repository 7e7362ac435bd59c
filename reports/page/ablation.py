"""The page of an ablation: one HTML file that needs no network."""

from datetime import datetime
from typing import Any

from underbudget.reports.ablation import FILES, Ablation, rows
from underbudget.reports.page.dots import Row, dots
from underbudget.reports.page.numbers import DASH, percent, whole
from underbudget.reports.page.template import render
from underbudget.reports.page.training import PROTOCOLS, facts, spread


def render_page(ablation: Ablation, now: datetime | None = None) -> str:
    """The page as HTML text."""
    base = ablation.base
    first = base.runs[0]
    changes = [(arm, ablation.change(arm)) for arm in ablation.arms]
    figures = {}
    if changes:
        figures["changes"] = dots(
            [Row(arm.change, change.mean, change.low, change.high) for arm, change in changes],
            f"change in {first.data.part} accuracy, points",
            "change",
            line=0,
        )
    return render(
        "ablation.html",
        figures,
        now,
        title=f"{ablation.title}: what each ingredient is worth",
        conditions=f"{first.data.name} · recipe {first.recipe['name']} · {len(first.judged)} epochs · "
        f"{len(base.runs)} seeds · protocol {first.protocol}",
        accuracy=percent(base.score.mean),
        spread=spread(base.score),
        drawn=bool(changes),
        part=first.data.part,
        params=whole(first.params),
        layers_text=first.layers_text,
        rows=[_row(row) for row in rows(ablation)],
        protocol=PROTOCOLS[first.protocol],
        facts=facts(tuple(run for arm in (base, *ablation.arms) for run in arm.runs)),
        files=[name for key, name in FILES.items() if key != "page"],
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    change, low, high = row["accuracy_change"], row["low"], row["high"]
    sure = "" if low is None or low <= 0 <= high else "better" if low > 0 else "worse"
    return {
        "ingredient": row["ingredient"],
        "change": row["change"] + (f" ({row['failed']} more runs failed)" if row["failed"] else ""),
        "there": row["accuracy"] is not None,
        "accuracy": percent(row["accuracy"]),
        "points": DASH if change is None else f"{change:+.2f}",
        "sure": sure,
        "interval": DASH if low is None else f"{low:+.2f} to {high:+.2f}",
        "params": _with_change(row, "params"),
        "macs": _with_change(row, "macs"),
        "peak_bytes": _with_change(row, "peak_bytes"),
        "seconds": DASH if row["seconds"] is None else f"{row['seconds']:.0f}",
    }


def _with_change(row: dict[str, Any], name: str) -> str:
    value, change = row[name], row[f"{name}_change"]
    return whole(value) + (f" ({change:+,})" if change else "")
