"""What a stopping rule is: its options, its rungs, its decision."""

import math
from dataclasses import dataclass

from underbudget.models.errors import UserError

METHODS = ("front", "mo-asha", "none")
FIRST_RUNG = 1
REDUCTION_FACTORS = {"front": 1.3, "mo-asha": 3.0}  # of each method, where none is asked for


@dataclass(frozen=True)
class StopDecision:
    """The decision to end a trial after an epoch."""

    epoch: int
    reason: str  # one line, for the verdict
    estimate: float  # percent: the score that the trial would have come to


@dataclass(frozen=True)
class Stopping:
    """How trials are stopped early. None: the method's own default."""

    method: str = "front"
    first_rung: int | None = None  # epochs after which a trial is checked first
    reduction_factor: float | None = None  # from a rung to the next; for mo-asha also: one of so many goes on

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UserError(f"--stopping is {', '.join(METHODS[:-1])} or {METHODS[-1]}, not {self.method!r}")
        if self.first_rung is not None and self.first_rung < 1:
            raise UserError(f"--first-rung is a number of epochs, at least 1, not {self.first_rung}")
        if self.reduction_factor is not None and not 1.01 <= self.reduction_factor <= 100:
            raise UserError(f"--reduction-factor is from 1.01 to 100, not {self.reduction_factor:g}")

    @property
    def factor(self) -> float:
        """From a rung to the next."""
        return REDUCTION_FACTORS[self.method] if self.reduction_factor is None else self.reduction_factor

    def rungs(self, epochs: int) -> list[int]:
        """The epochs after which trials of so many epochs are checked."""
        return [] if self.method == "none" else rungs(self.first_rung or FIRST_RUNG, self.factor, epochs)


def rungs(first: int, factor: float, epochs: int) -> list[int]:
    """Epochs at which trials are checked: first, first x factor, first x factor^2, ..., rounded up, all before the
    last epoch and each at most once."""
    found: list[int] = []
    exact = float(first)
    while (epoch := math.ceil(exact - 1e-9)) < epochs:
        if not found or epoch > found[-1]:
            found.append(epoch)
        exact *= factor
    return found
