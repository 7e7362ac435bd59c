"""What each ingredient of a network is worth: accuracy and cost with it, and without it or with another."""

from dataclasses import dataclass
from typing import Any

from underbudget.budget.count import Cost
from underbudget.reports.runs import Run, conditions_json
from underbudget.reports.statistics import Difference, Summary, difference, summary

FILES = {
    "page": "index.html",
    "table": "ablation.csv",
    "report": "ablation.json",
    "picture": "ablation.png",
}
_COSTS = ("params", "macs", "peak_bytes")


@dataclass(frozen=True)
class Arm:
    """A network and recipe with its runs, at least one. `ingredient` is "" for the network as it is."""

    ingredient: str
    change: str
    cost: Cost
    layers_text: str
    runs: tuple[Run, ...]
    failed: int = 0  # further runs that came to nothing, such as a loss that is not finite

    @property
    def score(self) -> Summary:
        """Mean accuracy of the last three epochs on the evaluated part, over the seeds."""
        return summary([run.score for run in self.runs])


@dataclass(frozen=True)
class Missing:
    """An ingredient that the network does not have, or that cannot be swapped in it."""

    ingredient: str
    reason: str


@dataclass(frozen=True)
class Ablation:
    """A network as it is, its variants, and what there was nothing to take away of."""

    title: str
    base: Arm
    arms: tuple[Arm, ...]
    missing: tuple[Missing, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for arm in (self.base, *self.arms) for run in arm.runs)

    def change(self, arm: Arm) -> Difference:
        """Accuracy of a variant less the base's, points, with Welch's 95 % interval over seeds."""
        return difference([run.score for run in arm.runs], [run.score for run in self.base.runs])


def rows(ablation: Ablation) -> list[dict[str, Any]]:
    """The network as it is, then a row per variant and per missing ingredient, all with the same keys. Accuracies in
    percent, their changes in points with a 95 % interval."""
    base = ablation.base
    found = []
    for arm in (base, *ablation.arms):
        change = None if arm is base else ablation.change(arm)
        row: dict[str, Any] = {
            "ingredient": arm.ingredient or "(as it is)",
            "change": arm.change,
            "accuracy": arm.score.mean,
            "sd": arm.score.sd,
            "seeds": arm.score.n,
            "failed": arm.failed,
            "accuracy_change": change and change.mean,
            "low": change and change.low,
            "high": change and change.high,
        }
        for name in _COSTS:
            cost = getattr(arm.cost, name)
            row |= {name: cost, f"{name}_change": None if arm is base else cost - getattr(base.cost, name)}
        seconds = summary([run.seconds for run in arm.runs]).mean
        found.append({**row, "seconds": seconds, "layers_text": arm.layers_text})
    nothing = dict.fromkeys(found[0])
    return found + [
        {**nothing, "ingredient": missing.ingredient, "change": f"none: {missing.reason}"}
        for missing in ablation.missing
    ]


def to_json(ablation: Ablation) -> dict[str, Any]:
    """What `ablate --json` prints and ablation.json holds."""
    first = ablation.base.runs[0]
    return {
        "title": ablation.title,
        "protocol": first.protocol,
        "recipe": first.recipe,
        "epochs": len(first.judged),
        "judged_on": {"part": first.data.part, "images": first.data.judged},
        "seeds": [run.seed for run in ablation.base.runs],
        "rows": rows(ablation),
        **conditions_json(ablation.runs),
    }
