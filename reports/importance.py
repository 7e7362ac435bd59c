"""Which parameters of the search mattered, by functional ANOVA over the complete trials.

F. Hutter, H. Hoos and K. Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014, in
Optuna's implementation. Only parameters that every complete trial has can be compared: one that only some
trials have, such as the width of a fourth layer, is left out.
"""

import math
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from underbudget.reports import front as fronts
from underbudget.reports.record import StudyRecord, TrialRecord

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST_TRIALS = 10  # fewer say nothing
_MOST_TRIALS = 1000  # a random part of more
# Optuna's 64 trees of depth 64 give the same shares to 0.02 (5,000 trials), in ten times the time.
_FOREST = {"n_trees": 32, "max_depth": 6}


@dataclass(frozen=True)
class Importance:
    """Shares of the variance that a parameter explains by itself and with others, 0 to 1."""

    parameter: str
    error: float  # of log10 validation error
    cost: float  # of log10 cost


def importances(study: StudyRecord) -> list[Importance]:
    """The most important for the error first. Empty for fewer than LEAST_TRIALS complete trials, or equal ones."""
    trials = [trial for trial in fronts.scored(study.trials) if trial.params]
    if len(trials) > _MOST_TRIALS:
        trials = random.Random(0).sample(trials, _MOST_TRIALS)
    if len(trials) < LEAST_TRIALS:
        return []
    common = [name for name in trials[0].params if all(name in trial.params for trial in trials)]
    names = [name for name in common if len({str(trial.params[name]) for trial in trials}) > 1]
    if not names:
        return []
    distributions = {name: _distribution([trial.params[name] for trial in trials]) for name in names}
    error = _shares(trials, distributions, lambda trial: math.log10(max(fronts.LEAST_ERROR, 100 - fronts.score(trial))))
    cost = _shares(trials, distributions, lambda trial: math.log10(max(1, fronts.cost(trial, study.axis))))
    if not error and not cost:
        return []
    found = [Importance(name, error.get(name, 0.0), cost.get(name, 0.0)) for name in names]
    return sorted(found, key=lambda one: (-one.error, one.parameter))


def numeric(values: Sequence[Any]) -> bool:
    """Whether the values of a parameter are numbers, not choices."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _distribution(values: list[Any]) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return IntDistribution(min(values), max(values))
    if numeric(values):
        return FloatDistribution(float(min(values)), float(max(values)))
    return CategoricalDistribution(sorted(set(values), key=str))


def _shares(
    trials: list[TrialRecord], distributions: "dict[str, BaseDistribution]", target: Callable[[TrialRecord], float]
) -> dict[str, float]:
    import optuna

    from underbudget.reports.optuna_logging import quiet_optuna

    values = [target(trial) for trial in trials]
    if max(values) - min(values) < 1e-12:
        return {}
    with quiet_optuna(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study()
        for trial, value in zip(trials, values, strict=True):
            params = {name: trial.params[name] for name in distributions}
            study.add_trial(optuna.create_trial(value=value, params=params, distributions=distributions))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0, **_FOREST)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}
