"""The parameterised generator: the networks that a search may propose (docs/space.md)."""

from underbudget.search.space.dimensions import Choice, Dimension, Integer, Real, Suggests
from underbudget.search.space.space import Space, feasible_share

__all__ = ["Choice", "Dimension", "Integer", "Real", "Space", "Suggests", "feasible_share"]
