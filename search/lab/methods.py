"""The search methods that the laboratory compares: a sampler, with or without early stopping, by name.

`tpe` is a method, `tpe+front` the same with the pruner `front`. A new one is a line in SAMPLERS or PRUNERS.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from models.errors import UserError
from search import samplers
from search.lab import stopping

# A sampler of the program, by the name that `underbudget launch --sampler` takes, or a factory from a seed: then one
# sampler object serves the whole search, as Optuna's documentation has it.
Factory = Callable[[int], BaseSampler]

SAMPLERS: dict[str, str | Factory] = {
    **{name: name for name in samplers.SAMPLERS},
    "tpe-blind": lambda seed: Blind(our_tpe(seed)),
    "optuna-default": lambda seed: TPESampler(seed=seed),  # what create_study takes for two objectives in Optuna 5
    "optuna-nsga2": lambda seed: NSGAIISampler(seed=seed),
    "optuna-random": lambda seed: RandomSampler(seed=seed),
}

PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "rank": stopping.RankPruner,
}


@dataclass(frozen=True)
class Method:
    """A way to search."""

    name: str
    sampler: str | Factory
    pruner: Callable[[], BasePruner] | None


def method(name: str) -> Method:
    """The method of a name, SAMPLER or SAMPLER+PRUNER. Raises UserError for another."""
    sampler, plus, pruner = name.partition("+")
    if sampler not in SAMPLERS or (plus and pruner not in PRUNERS):
        raise UserError(
            f"there is no method {name!r}: use SAMPLER or SAMPLER+PRUNER, samplers {', '.join(SAMPLERS)}, "
            f"pruners {', '.join(PRUNERS)}"
        )
    return Method(name, SAMPLERS[sampler], PRUNERS[pruner] if plus else None)


def our_tpe(seed: int) -> TPESampler:
    """TPE with the options of search.samplers, as one object."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(multivariate=True, group=True, constant_liar=False, seed=seed)


class Blind(BaseSampler):
    """A sampler that is not told how far a trial was over budget, only that it was pruned."""

    def __init__(self, wrapped: BaseSampler) -> None:
        self._wrapped = wrapped

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        return self._wrapped.infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        return self._wrapped.sample_relative(_Unconstrained(study), trial, search_space)  # type: ignore[arg-type]

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        return self._wrapped.sample_independent(_Unconstrained(study), trial, param_name, param_distribution)  # type: ignore[arg-type]


class _Unconstrained:
    """A study whose trials hold no constraint values."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(self, *args: Any, **options: Any) -> list[FrozenTrial]:
        return [_bare(trial) for trial in self._study._get_trials(*args, **options)]

    def get_trials(self, *args: Any, **options: Any) -> list[FrozenTrial]:
        return [_bare(trial) for trial in self._study.get_trials(*args, **options)]


def _bare(trial: FrozenTrial) -> FrozenTrial:
    return FrozenTrial(
        number=trial.number,
        state=trial.state,
        value=None,
        values=trial.values,
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=trial._trial_id,
    )
