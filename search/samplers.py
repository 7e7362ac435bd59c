"""The sampler of one proposal.

It is made afresh for each ask from (study seed, trial number). A sampler that lives on, rebuilt from its seed at a
resume, would propose the same again; one made afresh makes a killed and resumed search propose what an uninterrupted
one would have.
"""

import warnings
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from search.seeds import derive

SAMPLERS = ("tpe", "random")
STARTUP_TRIALS = 10  # trained trials before TPE takes over from random sampling


class TrialSampler(BaseSampler):
    """Samples one trial: together what TPE has a model of, if there is one, and every other parameter at random.

    A random parameter depends on its own name and the trial's seed only, not on the order of the draws: a trial that
    was killed in the middle of its sampling is completed to what it would have been.
    """

    def __init__(self, study_seed: int, trial: int, tpe: TPESampler | None) -> None:
        self._study_seed = study_seed
        self._trial = trial
        self.tpe = tpe

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {} if self.tpe is None else self.tpe.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {} if self.tpe is None else self.tpe.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        single = RandomSampler(seed=derive(self._study_seed, self._trial, f"sampler/{param_name}"))
        return single.sample_independent(study, trial, param_name, param_distribution)


def sampler_for(name: str, study_seed: int, trial: int, trained: int) -> TrialSampler:
    """The sampler of trial number `trial`, when `trained` trials have been trained.

    "tpe" samples at random until STARTUP_TRIALS are trained: TPESampler's own start-up counts the rejected too, so
    it would begin to model after two or three accuracies. Running trials are left out of its model (`constant_liar`):
    with a handful of workers they change little, and reading them anew would cost a third of each ask.
    """
    if name == "random" or trained < STARTUP_TRIALS:
        return TrialSampler(study_seed, trial, None)
    with warnings.catch_warnings():
        # multivariate and group have been called experimental for years; a pinned Optuna 5 keeps them.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        tpe = TPESampler(
            n_startup_trials=0,
            multivariate=True,
            group=True,
            constant_liar=False,
            seed=derive(study_seed, trial, "sampler"),
        )
    return TrialSampler(study_seed, trial, tpe)
