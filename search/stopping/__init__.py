"""Early stopping for two objectives: which trials have no realistic chance (docs/stopping.md)."""

from typing import TYPE_CHECKING

from underbudget.search.stopping.rule import METHODS, StopDecision, Stopping
from underbudget.search.study.objective import Objective

if TYPE_CHECKING:
    from underbudget.search.stopping.rungs import RungPruner

__all__ = ["METHODS", "StopDecision", "Stopping", "stopping"]


def stopping(chosen: Stopping, objective: Objective, epochs: int, images: int) -> "RungPruner | None":
    """The pruner of a choice, None for "none". images: of the validation part, which bound what an error can be."""
    from underbudget.search.stopping.front import FrontPruner
    from underbudget.search.stopping.halving import HalvingPruner

    if chosen.method == "none":
        return None
    return (FrontPruner if chosen.method == "front" else HalvingPruner)(objective, epochs, images, chosen)
