"""The search methods that the laboratory compares: a sampler, with or without early stopping, by name.

`tpe` is a method, `tpe+front` the same with the stopping rule `front`. A new one is a line in SAMPLERS or STOPPING.
"""

from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler

from lab.stock import StockSampler
from underbudget.models.errors import UserError
from underbudget.search.sampling import samplers
from underbudget.search.sampling.samplers import Sampler
from underbudget.search.stopping import METHODS, Stopping

# A factory from the epochs of a trial, since a sampler that remembers serves one search only.
Factory = Callable[[int], Sampler]


def _ours(name: str) -> Factory:
    return lambda epochs: samplers.SAMPLERS[name]


def _grouped_tpe(seed: int) -> TPESampler:
    return TPESampler(multivariate=True, group=True, seed=seed)


SAMPLERS: dict[str, Factory] = {
    **{name: _ours(name) for name in samplers.SAMPLERS},  # as `underbudget launch --sampler` names them
    "optuna-default": lambda epochs: StockSampler(lambda seed: TPESampler(seed=seed), epochs),  # of Optuna 5
    "optuna-tpe": lambda epochs: StockSampler(_grouped_tpe, epochs),
    "optuna-tpe-blind": lambda epochs: StockSampler(_grouped_tpe, epochs, constrained=False),
    "optuna-nsga2": lambda epochs: StockSampler(lambda seed: NSGAIISampler(seed=seed), epochs),
    "optuna-random": lambda epochs: StockSampler(lambda seed: RandomSampler(seed=seed), epochs),
}

STOPPING: dict[str, Stopping] = {name: Stopping(name) for name in METHODS}


@dataclass(frozen=True)
class Method:
    """A way to search."""

    name: str
    sampler: Factory
    stopping: Stopping


def method(name: str) -> Method:
    """The method of a name, SAMPLER or SAMPLER+STOPPING. Raises UserError for another."""
    sampler, plus, stopping = name.partition("+")
    if sampler not in SAMPLERS or (plus and stopping not in STOPPING):
        raise UserError(
            f"there is no method {name!r}: use SAMPLER or SAMPLER+STOPPING, samplers {', '.join(SAMPLERS)}, "
            f"stopping {', '.join(STOPPING)}"
        )
    return Method(name, SAMPLERS[sampler], STOPPING[stopping if plus else "none"])
