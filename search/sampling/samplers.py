"""How the parameters of one proposal are chosen: at random, or by TPE's model of what the study has seen.

Everything is made anew for each proposal from (study seed, trial number), so that a killed and resumed search proposes
what an uninterrupted one would have.

With the default, `tpe`, the model chooses the structure and the proportions of a network, and a size drawn for each
proposal chooses how large it becomes: nothing over budget need be proposed. The constants were chosen in the laboratory
(docs/search-methods.md).
"""

import math
import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
        """Whether no trial that is trained, or in training, has it."""


@dataclass(frozen=True)
class Ask:
    """What a sampler is given to make one proposal."""

    seed: int  # of the study
    number: int  # of the trial
    dimensions: tuple[Sampled, ...]
    sampler_study: "SamplerStudy"
    constraints: ProposalConstraints

    def derived(self, purpose: str) -> int:
        """The seed of one purpose of this proposal."""
        return derive(self.seed, self.number, purpose)


Sampler = Callable[[Ask], Params]


def random_params(ask: Ask) -> Params:
    """Plain random sampling: what is over budget is proposed too, and rejected by the gate."""
    return _complete(ask, 0, {})


def tpe_params(ask: Ask) -> Params:
    """TPE's proposal, resized; a random one, resized, until STARTUP_TRIALS are trained and one time in five later.

    TPE's own start-up counts the rejected too, so it would begin to model after two or three accuracies. Multivariate
    and grouped: all parameters that occur together are modelled together (Falkner, Klein and Hutter, "BOHB", ICML 2018,
    and Optuna's documentation of TPESampler). Running trials are left out of the model (`constant_liar`): with a
    handful of workers they change little. Exploring keeps TPE from settling where it was good first, and early
    stopping makes a random try cheap.
    """
    explores = random.Random(ask.derived("explore")).random() < EXPLORATION
    sample = None if ask.sampler_study.trained < STARTUP_TRIALS or explores else _model(ask)

    def draw(attempt: int) -> Params:
        return _complete(ask, attempt, {} if sample is None or attempt >= _MODELLED else sample())

    return _of_size(ask, draw, _size(ask))


SAMPLERS: dict[str, Sampler] = {"tpe": tpe_params, "random": random_params}


def _model(ask: Ask) -> Callable[[], Params]:
    """A function that draws from TPE for one proposal: values of all parameters that it has a model of."""
    import optuna

    with warnings.catch_warnings():
        # multivariate and group have been called experimental for years; a pinned Optuna 5 keeps them.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        tpe = optuna.samplers.TPESampler(
            n_startup_trials=0, multivariate=True, group=True, constant_liar=False, seed=ask.derived("sampler")
        )
    study, trial = ask.sampler_study.study, optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
    space = tpe.infer_relative_search_space(study, trial)
    return lambda: tpe.sample_relative(study, trial, space)


def _complete(ask: Ask, attempt: int, modelled: Mapping[str, Any]) -> Params:
    """The modelled values and, for the rest, random ones, each of which depends on name, trial and attempt alone."""

    def value(dimension: Sampled) -> Any:
        if dimension.name in modelled:
            return modelled[dimension.name]
        return dimension.draw(random.Random(ask.derived(f"sampler/{dimension.name}/{attempt}")))

    return collect(ask.dimensions, value)


def _size(ask: Ask) -> float | None:
    """The largest cost that a proposal shall have, on the front's axis; None: whatever comes of its widths."""
    source, sizes = random.Random(ask.derived("size")), ask.constraints.sizes
    share = source.random()
    if sizes is None:
        return math.inf if share < _FULL_ALONE else None
    if share < SPREAD:
        return math.exp(source.uniform(math.log(sizes[0]), math.log(sizes[1])))
    return math.inf if share < SPREAD + FULL else None


def _of_size(ask: Ask, draw: Callable[[int], Params], size: float | None) -> Params:
    """The first draw that, resized, is new and within the budget. Where none can be so small: one as large as the
    budget allows; where none is even within the budget, or new: the last draw as it is."""
    fits, is_new = ask.constraints.fits, ask.constraints.is_new

    def allowed(params: Mapping[str, Any]) -> bool:
        return fits(params, math.inf if size is None else size)

    params: Params = {}
    fallback: Params | None = None
    for attempt in range(ATTEMPTS):
        params = draw(attempt)
        found = params if size is None and fits(params) else None
        if size is not None or (found is None and attempt >= _MODELLED):
            found = resized(params, ask.dimensions, allowed)
        if found is not None and is_new(found):
            return found
        if found is None and fallback is None:
            largest = resized(params, ask.dimensions, fits)
            fallback = largest if largest is not None and is_new(largest) else None
    return fallback or params


def independent_sampler(seed: int, number: int) -> Any:
    """An Optuna sampler for a trial that the study itself asks for, such as an enqueued one that lacks parameters."""
    from optuna.samplers import RandomSampler

    class Independent(RandomSampler):
        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            single = RandomSampler(seed=derive(seed, number, f"sampler/{param_name}/0"))
            return single.sample_independent(study, trial, param_name, param_distribution)

    return Independent()


def distributions(dimensions: tuple[Sampled, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    """Optuna's distributions of the given parameters."""
    return {dimension.name: distribution(dimension) for dimension in dimensions if dimension.name in params}
