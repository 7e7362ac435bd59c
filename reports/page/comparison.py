"""The page of several studies compared: one HTML file that needs no network."""

from datetime import datetime
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.comparison import Comparison, Group
from underbudget.reports.comparison_tables import FILES, advantage, best_scores, hypervolumes, is_searched, study_rows
from underbudget.reports.page.comparison_figures import comparison_figures
from underbudget.reports.page.conditions import conditions
from underbudget.reports.page.numbers import DASH, duration, percent, span, whole
from underbudget.reports.page.template import render
from underbudget.reports.record import score_words
from underbudget.reports.tables import interval


def render_page(comparison: Comparison, now: datetime | None = None) -> str:
    """The page as HTML text; `now` is the time that it says it was made at."""
    held = conditions(comparison.members[0].study)
    images = "" if held.images is None else f", {whole(held.images)} images"
    return render(
        "comparison.html",
        comparison_figures(comparison),
        now,
        styles=["training.css", "comparison.css"],
        title=" and ".join(_joined([group.name for group in comparison.groups])),
        conditions=f"{held.title} · validation accuracy, {score_words(held.epochs)}{images}",
        groups=[_group(comparison, group) for group in comparison.groups],
        first=comparison.groups[0].name,
        several=len(comparison.groups) > 1,
        pooled=any(group.pooled for group in comparison.groups),
        common_epochs=whole(comparison.common_epochs),
        reference=f"{whole(comparison.reference[comparison.axis])} {fronts.AXIS_WORDS[comparison.axis]} and "
        f"{comparison.reference['error']:g} % error",
        axis_words=fronts.AXIS_WORDS[comparison.axis],
        budgets=[_budget(comparison, budget) for budget in comparison.budgets],
        smaller=any(not is_searched(member, budget) for budget in comparison.budgets for member in comparison.members),
        differences=comparison.differences,
        target=None if comparison.target is None else f"{comparison.target:g} %",
        studies=[_study(row, comparison) for row in study_rows(comparison)],
        files=[name for key, name in FILES.items() if key != "page"],
    )


def _joined(names: list[str]) -> list[str]:
    """At most three names, the last two of which an "and" joins."""
    shown = names if len(names) <= 3 else [*names[:2], f"{len(names) - 2} more"]
    return [", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown


def _group(comparison: Comparison, group: Group) -> dict[str, str]:
    found, more = hypervolumes(comparison, group), advantage(comparison, group)
    against = ""
    if more is not None:
        against = f"{more.mean:+.3f}"
        if more.low is not None and more.high is not None:
            against += f" ({more.low:+.3f} to {more.high:+.3f})"
    return {
        "name": group.name,
        "hypervolume": f"{found.mean:.3f}",
        "range": f"{found.minimum:.3f}{DASH}{found.maximum:.3f}, {found.n} seeds" if found.n > 1 else "one seed",
        "against": against,
    }


def _budget(comparison: Comparison, budget: int) -> dict[str, Any]:
    return {"budget": whole(budget), "cells": [_cell(comparison, group, budget) for group in comparison.groups]}


def _cell(comparison: Comparison, group: Group, budget: int) -> dict[str, str]:
    """The best of a group within a budget: with its interval for one study, with the range of several."""
    scores = best_scores(group, budget)
    if not scores:
        return {"score": DASH, "detail": "no network", "mark": ""}
    mark = "" if all(is_searched(member, budget) for member in group.members) else "*"
    if group.pooled:
        count = f"{len(scores)} of {len(group.members)}" if len(scores) < len(group.members) else f"{len(scores)}"
        detail = f"{min(scores):.2f}{DASH}{max(scores):.2f}, {count} seeds"
        return {"score": percent(sum(scores) / len(scores)), "detail": detail, "mark": mark}
    member = group.members[0]
    trial = member.best_within(budget)
    assert trial is not None, "it has a score"
    cost = whole(fronts.cost(trial, comparison.axis))
    bounds = interval(member.study, trial.score)
    detail = ("" if bounds is None else f"{span(bounds)}, ") + f"trial {trial.trial}, {cost}"
    return {"score": percent(trial.score), "detail": detail, "mark": mark}


def _study(row: dict[str, Any], comparison: Comparison) -> dict[str, str]:
    cost = row[f"winner_{comparison.axis}"]
    found = {
        "group": row["group"],
        "study": row["study"],
        "seed": DASH if row["seed"] is None else str(row["seed"]),
        "time": duration(row["seconds"]),
        "hypervolume": f"{row['hypervolume']:.3f}",
        "winner": DASH if cost is None else f"{row['winner_score']:.2f} %, {whole(cost)} (trial {row['winner']})",
        **{name: whole(row[name]) for name in ("trained", "stopped", "rejected", "epochs")},
    }
    if comparison.target is not None:
        least = row[f"smallest_holding_{comparison.axis}"]
        found["holding"] = "none" if least is None else f"{whole(least)} (trial {row['smallest_holding']})"
    return found
