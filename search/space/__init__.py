"""The parameterised generator: the networks that a search may propose (docs/space.md)."""

from search.space.dimensions import Choice, Dimension, Integer, Real, Suggests
from search.space.space import Space, feasible_share

__all__ = ["Choice", "Dimension", "Integer", "Real", "Space", "Suggests", "feasible_share"]
