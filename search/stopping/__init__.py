"""Early stopping for two objectives: which trials have no realistic chance (docs/stopping.md)."""

from underbudget.search.stopping.choosing import stopping
from underbudget.search.stopping.rule import METHODS, Stop, Stopping

__all__ = ["METHODS", "Stop", "Stopping", "stopping"]
