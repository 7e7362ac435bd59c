"""How the parameters of one proposal are chosen: at random, or by TPE's model of what the study has seen.

Everything is made afresh for each proposal from (study seed, trial number): a sampler that lived on, rebuilt from its
seed at a resume, would propose the same again; one made afresh makes a killed and resumed search propose what an
uninterrupted one would have.
"""

import random
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from search.seeds import derive
from search.space import fitting
from search.space.dimensions import Sampled, collect, distribution

if TYPE_CHECKING:
    from search.view import View

STARTUP_TRIALS = 10  # trained trials before TPE takes over from random sampling
EXPLORATION = 0.2  # share of the proposals after the start that stay random
ATTEMPTS = 50  # draws for one proposal; what is over budget even then goes to the gate, which rejects it
_MODELLED = 5  # of them by the model, the others at random: a small space may be exhausted where the model looks

Params = dict[str, Any]


class Wanted(Protocol):
    """What a sampler may ask about parameters before it proposes them: both take microseconds."""

    def fits(self, params: Mapping[str, Any]) -> bool:
        """Whether the network is within the budget."""

    def is_new(self, params: Mapping[str, Any]) -> bool:
        """Whether no trial has it yet."""


Sampler = Callable[[int, int, tuple[Sampled, ...], "View", Wanted], Params]


def random_params(seed: int, number: int, dimensions: tuple[Sampled, ...], view: "View", wanted: Wanted) -> Params:
    """Plain random sampling: what is over budget is proposed too, and rejected by the gate."""
    return _complete(seed, number, 0, dimensions, {})


def fitted_random_params(
    seed: int, number: int, dimensions: tuple[Sampled, ...], view: "View", wanted: Wanted
) -> Params:
    """Random parameters, made to fit the budget (see `_fitted`)."""
    return _fitted(wanted, dimensions, lambda attempt: _complete(seed, number, attempt, dimensions, {}))


def tpe_params(seed: int, number: int, dimensions: tuple[Sampled, ...], view: "View", wanted: Wanted) -> Params:
    """TPE's proposal, made to fit the budget; fitted random parameters until STARTUP_TRIALS are trained.

    TPE's own start-up counts the rejected too, so it would begin to model after two or three accuracies. Multivariate
    and grouped: all parameters that occur together are modelled together (Falkner et al., "BOHB", 2018, and Optuna's
    documentation of TPESampler). Running trials are left out of the model (`constant_liar`): with a handful of workers
    they change little. One proposal in five stays random: on a front TPE alone settles early where it was good first
    (measured in docs/search-methods.md), and early stopping makes a random try cheap.
    """
    import optuna

    explores = random.Random(derive(seed, number, "explore")).random() < EXPLORATION
    if view.trained < STARTUP_TRIALS or explores:
        return fitted_random_params(seed, number, dimensions, view, wanted)
    with warnings.catch_warnings():
        # multivariate and group have been called experimental for years; a pinned Optuna 5 keeps them.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        tpe = optuna.samplers.TPESampler(
            n_startup_trials=0,
            multivariate=True,
            group=True,
            constant_liar=False,
            seed=derive(seed, number, "sampler"),
        )
    here = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
    known = tpe.infer_relative_search_space(view.study, here)

    def draw(attempt: int) -> Params:
        modelled = tpe.sample_relative(view.study, here, known) if attempt < _MODELLED else {}
        return _complete(seed, number, attempt, dimensions, modelled)

    return _fitted(wanted, dimensions, draw)


SAMPLERS: dict[str, Sampler] = {"tpe": tpe_params, "random": random_params}


def _complete(
    seed: int, number: int, attempt: int, dimensions: tuple[Sampled, ...], modelled: Mapping[str, Any]
) -> Params:
    """Parameters with the modelled values where there are any, every other one at random.

    A random value depends on its own name, the trial and the attempt only, not on the order of the draws.
    """

    def value(dimension: Sampled) -> Any:
        if dimension.name in modelled:
            return modelled[dimension.name]
        return dimension.draw(random.Random(derive(seed, number, f"sampler/{dimension.name}/{attempt}")))

    return collect(dimensions, value)


def _fitted(wanted: Wanted, dimensions: tuple[Sampled, ...], draw: Callable[[int], Params]) -> Params:
    """The first draw whose network is new and within the budget, its widths scaled down to the budget if need be.

    The budget is known before any training, so a proposal over it need not be made: what is drawn too large is scaled
    to the largest widths that fit. The last draw is returned where none is both.
    """
    params: Params = {}
    for attempt in range(ATTEMPTS):
        params = draw(attempt)
        fitting_params = params if wanted.fits(params) else fitting.scaled(params, dimensions, wanted.fits)
        if fitting_params is not None and wanted.is_new(fitting_params):
            return fitting_params
    return params


def independent_sampler(seed: int, number: int) -> Any:
    """An Optuna sampler for a trial that the study itself asks for, such as an enqueued one that lacks parameters."""
    import optuna

    class Independent(optuna.samplers.BaseSampler):
        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            return {}

        def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
            return {}

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            single = optuna.samplers.RandomSampler(seed=derive(seed, number, f"sampler/{param_name}/0"))
            return single.sample_independent(study, trial, param_name, param_distribution)

    return Independent()


def distributions(dimensions: tuple[Sampled, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    """Optuna's distributions of the given parameters."""
    return {dimension.name: distribution(dimension) for dimension in dimensions if dimension.name in params}
