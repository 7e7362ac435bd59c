"""What a search optimises: the values stored for a trial, and those that the sampler models."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from underbudget.budget.count import Cost
from underbudget.models.errors import UserError

OBJECTIVES = ("front", "accuracy")
AXES = ("params", "macs", "peak_bytes")  # costs that a front may be searched for


@dataclass(frozen=True)
class Objective:
    """`front`: the trade-off between accuracy and one cost; `accuracy`: the most accurate network under the budget."""

    kind: str = "front"
    minimize: str = "params"  # the front's other axis, one of AXES

    def __post_init__(self) -> None:
        if self.kind not in OBJECTIVES:
            raise UserError(f"--objective is {' or '.join(OBJECTIVES)}, not {self.kind!r}")
        if self.minimize not in AXES:
            raise UserError(f"--minimize is {', '.join(AXES[:-1])} or {AXES[-1]}, not {self.minimize!r}")

    @property
    def metrics(self) -> list[str]:
        """Names of the values that a trial is told with."""
        return [self.minimize, "accuracy"] if self.kind == "front" else ["accuracy"]

    @property
    def directions(self) -> list[Literal["minimize", "maximize"]]:
        """Optuna's directions of these values."""
        return ["minimize", "maximize"] if self.kind == "front" else ["maximize"]

    def cost(self, cost: Cost | dict[str, Any]) -> int:
        """The cost that the front's axis shows."""
        return int(cost[self.minimize] if isinstance(cost, dict) else getattr(cost, self.minimize))

    def values(self, cost: Cost, score: float) -> list[float]:
        """What a complete trial is told with: for people, the cost as counted and the accuracy in percent."""
        return [self.cost(cost), score] if self.kind == "front" else [score]

    def modelled(self, cost: Cost | dict[str, Any], log_error: float) -> list[float]:
        """What the sampler's model minimises: logarithms, in which a halved error counts alike everywhere.

        With plain percent the hypervolume by which TPE divides good from bad sees no difference between 99.2 and
        99.4 % beside one of thousands of parameters, and proposes ever smaller networks.
        """
        return [math.log(max(1, self.cost(cost))), log_error] if self.kind == "front" else [log_error]


def log_error(accuracy: float, images: int) -> float:
    """Natural logarithm of the error in percent; no error at all on `images` images counts as half an image."""
    return math.log(max(100 - accuracy, 50 / max(1, images)))
