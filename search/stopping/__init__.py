"""Early stopping for two objectives: which trials have no realistic chance (docs/stopping.md)."""

from search.stopping.front import FrontPruner
from search.stopping.halving import HalvingPruner
from search.stopping.rule import METHODS, Stop, Stopping, stopping

__all__ = ["METHODS", "FrontPruner", "HalvingPruner", "Stop", "Stopping", "stopping"]
