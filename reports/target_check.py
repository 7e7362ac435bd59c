"""The check of the published series: accuracy held in the last epochs, few parameters, few epochs."""

from collections.abc import Sequence
from dataclasses import dataclass

from underbudget.budget.count import Cost
from underbudget.budget.limits import Budget
from underbudget.reports.runs import HOLDING_EPOCHS, Run


@dataclass(frozen=True)
class Goal:
    """What is to be reached."""

    accuracy: float  # percent, in each of the last epochs
    last: int = HOLDING_EPOCHS
    budget: str = "params<8000"
    epochs: int = 15  # at most


@dataclass(frozen=True)
class Check:
    """One rule of a goal."""

    rule: str
    found: str
    passed: bool


def target_check(runs: Sequence[Run], cost: Cost, goal: Goal) -> tuple[Check, ...]:
    """Each rule with what was found. Accuracy passes when every seed holds it."""
    least = min(len(run.judged) for run in runs)
    last = min(goal.last, least)
    held = sum(run.holds(goal.accuracy, goal.last) for run in runs)
    lowest = min(epoch.accuracy for run in runs for epoch in run.judged[-goal.last :])
    where = f"in each of the last {last} epochs" if last > 1 else "in the only epoch"
    seeds = f"{held} of {len(runs)} seeds" if len(runs) > 1 else ("held" if held else "not held")
    checks = [Check(f"accuracy at least {goal.accuracy:.2f} % {where}", f"{seeds}, lowest {lowest:.2f} %",
                    held == len(runs))]  # fmt: skip
    for limit in Budget.parse(goal.budget).limits:
        used = getattr(cost, limit.metric)
        checks.append(Check(str(limit), f"{used:,}", used <= limit.largest))
    epochs = max(len(run.judged) for run in runs)
    checks.append(Check(f"at most {goal.epochs} epochs", str(epochs), epochs <= goal.epochs))
    return tuple(checks)
