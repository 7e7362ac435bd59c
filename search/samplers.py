"""The sampler of one proposal.

It is made afresh for each ask from (study seed, trial number). A sampler that lives on, rebuilt from its seed at a
resume, would propose the same again; one made afresh makes a killed and resumed search propose what an uninterrupted
one would have.
"""

import warnings
from typing import TYPE_CHECKING

from search.seeds import derive

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

SAMPLERS = ("tpe", "random")
STARTUP_TRIALS = 10  # trained trials before TPE takes over from random sampling


def sampler_for(name: str, study_seed: int, trial: int, trained: int) -> "BaseSampler":
    """The sampler of trial number `trial`, when `trained` trials have been trained.

    "tpe" samples at random until STARTUP_TRIALS are trained: TPESampler's own start-up counts the rejected too, so
    it would begin to model after two or three accuracies.
    """
    import optuna

    seed = derive(study_seed, trial, "sampler")
    if name == "random" or trained < STARTUP_TRIALS:
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        # multivariate and group have been called experimental for years; a pinned Optuna 5 keeps them.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(n_startup_trials=0, multivariate=True, group=True, seed=seed)
