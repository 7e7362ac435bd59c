"""A comparison as rows and JSON, and the name of its folder."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.comparison import Comparison, Group, Member
from underbudget.reports.statistics import Difference, Summary, difference, summary
from underbudget.reports.tables import FRONT_COLUMNS, counts, front_rows, interval

FILES = {
    "page": "index.html",
    "studies": "studies.csv",
    "budgets": "budgets.csv",
    "fronts": "fronts.csv",
    "hypervolume": "hypervolume.csv",
    "report": "comparison.json",
}
_LONGEST = 80  # characters of a folder's name


def folder_name(studies: Sequence[str]) -> str:
    """Name of the folder of a comparison: "compare-first-second"; a long one is cut and gets a digest."""
    words = ["".join(c if c.isalnum() or c in "._-" else "_" for c in name) for name in studies]
    name = "-".join(["compare", *words])
    if len(name) <= _LONGEST and len(name.encode()) <= 2 * _LONGEST:
        return name
    digest = hashlib.sha256("\0".join(studies).encode()).hexdigest()[:8]
    return f"{name[: _LONGEST // 2]}-{digest}"


def study_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A row per study: what it spent and what it found; accuracies in percent."""
    axis, rows = comparison.axis, []
    for names, member in _named(comparison):
        study, best = member.study, fronts.winner(member.study.trials, axis)
        row = {
            **names,
            **counts(study),
            "epochs": member.epochs,
            "seconds": next((step.seconds for step in reversed(member.history) if step.seconds is not None), None),
            "hypervolume": member.hypervolume,
            "hypervolume_at_common_epochs": comparison.at_common_epochs(member),
            "common_epochs": comparison.common_epochs,
            "front": len(member.front),
            "winner": best and best.trial,
            "winner_score": best and best.score,
            f"winner_{axis}": best and fronts.cost(best, axis),
        }
        if comparison.target is not None:
            holds = fronts.smallest_holding(study.trials, comparison.target, axis)
            row["smallest_holding"] = holds and holds.trial
            row[f"smallest_holding_{axis}"] = holds and fronts.cost(holds, axis)
        rows.append(row)
    return rows


def budget_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A row per budget and study: the best score within it and its 95 % interval, percent; None without a network."""
    rows = []
    for budget in comparison.budgets:
        for names, member in _named(comparison):
            best = member.best_within(budget)
            low, high = (best and interval(member.study, best.score)) or (None, None)
            rows.append(
                {
                    "budget": budget,
                    **names,
                    "score": best and best.score,
                    "low": low,
                    "high": high,
                    "trial": best and best.trial,
                    comparison.axis: best and fronts.cost(best, comparison.axis),
                    "searched": is_searched(member, budget),
                }
            )
    return rows


def _named(comparison: Comparison) -> Iterator[tuple[dict[str, Any], Member]]:
    """Every study with the columns that name it."""
    for group in comparison.groups:
        for member in group.members:
            yield {"group": group.name, "study": member.study.name, "seed": member.seed}, member


def is_searched(member: Member, budget: int) -> bool:
    """Whether a study's own budget reaches so far; if not, its best network is of a smaller budget."""
    return member.limit is None or member.limit.largest >= budget


def best_scores(group: Group, budget: int) -> list[float]:
    """The best scores of a group's studies within a budget; studies without so small a network are left out."""
    found = [member.best_within(budget) for member in group.members]
    return [fronts.score(trial) for trial in found if trial is not None]


def hypervolumes(comparison: Comparison, group: Group) -> Summary:
    """Hypervolumes of a group's studies after the epochs that all studies have reached."""
    return summary([comparison.at_common_epochs(member) for member in group.members])


def advantage(comparison: Comparison, group: Group) -> Difference | None:
    """How much more hypervolume than the first group at equal epochs; None for the first."""
    first = comparison.groups[0]
    if group is first:
        return None
    values = [[comparison.at_common_epochs(member) for member in one.members] for one in (group, first)]
    return difference(values[0], values[1])


def to_json(comparison: Comparison) -> dict[str, Any]:
    """All of it as plain JSON: what `report --compare --json` prints."""
    groups: list[dict[str, Any]] = []
    for group in comparison.groups:
        found, more = hypervolumes(comparison, group), advantage(comparison, group)
        groups.append(
            {
                "name": group.name,
                "studies": [member.study.name for member in group.members],
                "seeds": [member.seed for member in group.members],
                "hypervolume_at_common_epochs": {"mean": found.mean, "min": found.minimum, "max": found.maximum},
                "more_than_first": more and {"mean": more.mean, "low": more.low, "high": more.high},
                "settings_that_differ": {name: values[len(groups)] for name, values in comparison.differences},
            }
        )
    return {
        "axis": comparison.axis,
        "reference": comparison.reference,
        "common_epochs": comparison.common_epochs,
        "target": comparison.target,
        "groups": groups,
        "studies": study_rows(comparison),
        "budgets": budget_rows(comparison),
    }


def all_front_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The fronts of all studies, one after the other."""
    found = [{**names, **row} for names, member in _named(comparison) for row in front_rows(member.study)]
    return found or [dict.fromkeys(("group", "study", "seed", *FRONT_COLUMNS))]


def hypervolume_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A row per study and trained trial: the hypervolume when it ended."""
    return [
        {**names, **{name: getattr(step, name) for name in ("trial", "trained", "epochs", "seconds", "hypervolume")}}
        for names, member in _named(comparison)
        for step in member.history
    ]
