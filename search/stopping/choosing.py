"""Makes a stopping rule's pruner from its options."""

from typing import TYPE_CHECKING

from underbudget.search.stopping.rule import Stopping
from underbudget.search.study.objective import Objective

if TYPE_CHECKING:
    from underbudget.search.stopping.rungs import RungPruner


def _method(name: str) -> "type[RungPruner]":
    from underbudget.search.stopping.front import FrontPruner
    from underbudget.search.stopping.halving import HalvingPruner

    return FrontPruner if name == "front" else HalvingPruner


def stopping(chosen: Stopping, objective: Objective, epochs: int, images: int) -> "RungPruner | None":
    """The pruner of a choice, None for "none". images: of the validation part, which bound what an error can be."""
    if chosen.method == "none":
        return None
    return _method(chosen.method)(objective, epochs, images, chosen.first_rung, chosen.reduction_factor)


def rung_epochs(chosen: Stopping, epochs: int) -> list[int]:
    """The epochs after which a choice judges trials of so many epochs."""
    if chosen.method == "none":
        return []
    return _method(chosen.method).rungs(epochs, chosen.first_rung, chosen.reduction_factor)
