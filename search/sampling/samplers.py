"""How the parameters of one proposal are chosen: at random, or by TPE's model of what the study has seen.

Everything is made afresh for each proposal from (study seed, trial number): a sampler that lived on, rebuilt from its
seed at a resume, would propose the same again; one made afresh makes a killed and resumed search propose what an
uninterrupted one would have.

The default, `tpe`, divides the work: the model chooses the structure and the proportions of a network, a size drawn for
each proposal chooses how large it becomes. The budget is known before any training, so nothing over it need be
proposed. Each constant below was chosen in the laboratory (docs/search-methods.md).
"""

import math
import random
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from underbudget.search.space.dimensions import Sampled, collect, distribution
from underbudget.search.space.widths import resized
from underbudget.search.study.seeds import derive

if TYPE_CHECKING:
    from underbudget.search.sampling.sampler_study import SamplerStudy

STARTUP_TRIALS = 8  # trained trials before TPE takes over from random sampling
EXPLORATION = 0.2  # share of the proposals after the start that stay random
SPREAD, FULL = 0.5, 0.2  # shares of the proposals of a random size, and as large as the budget allows
_FULL_ALONE = 0.6  # the latter where accuracy alone counts
ATTEMPTS = 30  # draws for one proposal; what is over budget even then goes to the gate, which rejects it
_MODELLED = 4  # of them by the model, the others at random: a small space may be exhausted where the model looks

Params = dict[str, Any]


class ProposalConstraints(Protocol):
    """What a sampler may ask about parameters before it proposes them; each answer takes microseconds."""

    @property
    def sizes(self) -> tuple[int, int] | None:
        """Least and largest cost that a front may have; None: accuracy alone counts."""

    def fits(self, params: Mapping[str, Any], size: float = math.inf) -> bool:
        """Whether the network is within the budget and costs at most `size` on the front's axis."""

    def is_new(self, params: Mapping[str, Any]) -> bool:
        """Whether no trial has it yet."""


Sampler = Callable[[int, int, tuple[Sampled, ...], "SamplerStudy", ProposalConstraints], Params]


def random_params(
    seed: int,
    number: int,
    dimensions: tuple[Sampled, ...],
    sampler_study: "SamplerStudy",
    constraints: ProposalConstraints,
) -> Params:
    """Plain random sampling: what is over budget is proposed too, and rejected by the gate."""
    return _complete(seed, number, 0, dimensions, {})


def tpe_params(
    seed: int,
    number: int,
    dimensions: tuple[Sampled, ...],
    sampler_study: "SamplerStudy",
    constraints: ProposalConstraints,
) -> Params:
    """TPE's proposal, resized; a random one, resized, until STARTUP_TRIALS are trained and one time in five later.

    TPE's own start-up counts the rejected too, so it would begin to model after two or three accuracies. Multivariate
    and grouped: all parameters that occur together are modelled together (Falkner, Klein and Hutter, "BOHB", ICML 2018,
    and Optuna's documentation of TPESampler). Running trials are left out of the model (`constant_liar`): with a
    handful of workers they change little. Exploring keeps TPE from settling where it was good first, and early
    stopping makes a random try cheap.
    """
    explores = random.Random(derive(seed, number, "explore")).random() < EXPLORATION
    model = None if sampler_study.trained < STARTUP_TRIALS or explores else _Model(seed, number, sampler_study)

    def draw(attempt: int) -> Params:
        known = {} if model is None or attempt >= _MODELLED else model.sample()
        return _complete(seed, number, attempt, dimensions, known)

    return _of_size(constraints, dimensions, draw, _size(seed, number, constraints))


SAMPLERS: dict[str, Sampler] = {"tpe": tpe_params, "random": random_params}


class _Model:
    """TPE for one proposal."""

    def __init__(self, seed: int, number: int, sampler_study: "SamplerStudy") -> None:
        import optuna

        with warnings.catch_warnings():
            # multivariate and group have been called experimental for years; a pinned Optuna 5 keeps them.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._tpe = optuna.samplers.TPESampler(
                n_startup_trials=0,
                multivariate=True,
                group=True,
                constant_liar=False,
                seed=derive(seed, number, "sampler"),
            )
        self._study = sampler_study.study
        self._trial = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
        self._space = self._tpe.infer_relative_search_space(self._study, self._trial)

    def sample(self) -> Params:
        """Another draw for the same proposal: values of all parameters that it has a model of."""
        return self._tpe.sample_relative(self._study, self._trial, self._space)


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


def _size(seed: int, number: int, constraints: ProposalConstraints) -> float | None:
    """The largest cost that a proposal shall have, on the front's axis; None: whatever comes of its widths."""
    source = random.Random(derive(seed, number, "size"))
    share = source.random()
    if constraints.sizes is None:
        return math.inf if share < _FULL_ALONE else None
    if share < SPREAD:
        least, most = (math.log(size) for size in constraints.sizes)
        return math.exp(source.uniform(least, most))
    return math.inf if share < SPREAD + FULL else None


def _of_size(
    constraints: ProposalConstraints, dimensions: tuple[Sampled, ...], draw: Callable[[int], Params], size: float | None
) -> Params:
    """The first draw that, resized, is new and within the budget.

    Where no structure that is drawn can be so small: one as large as the budget allows; where none is even within the
    budget, or new: the last draw as it is.
    """

    def allowed(params: Mapping[str, Any]) -> bool:
        return constraints.fits(params, math.inf if size is None else size)

    params: Params = {}
    fallback: Params | None = None
    for attempt in range(ATTEMPTS):
        params = draw(attempt)
        found = params if size is None and constraints.fits(params) else None
        if size is not None or (found is None and attempt >= _MODELLED):
            found = resized(params, dimensions, allowed)
        if found is not None and constraints.is_new(found):
            return found
        if found is None and fallback is None:
            largest = resized(params, dimensions, constraints.fits)
            fallback = largest if largest is not None and constraints.is_new(largest) else None
    return fallback or params


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
