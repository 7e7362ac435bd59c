"""Samplers of stock Optuna as a user would drive them: one study, one sampler object, ask and tell.

Such a study holds the plain objectives (parameters, percent). A trial over budget is told PRUNED with its constraint
values or, `constrained=False`, FAIL, as one would without constraints; the sampler then never hears of it. (PRUNED
without constraint values would be no different: with two objectives TPE sorts all pruned trials behind the complete
ones.) A trial that was stopped early is told PRUNED.
"""

import warnings
from collections.abc import Callable

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from underbudget.reports import record
from underbudget.search.sampling.samplers import Ask, Params
from underbudget.search.space.dimensions import collect


class StockSampler:
    """A `search.sampling.samplers.Sampler` for one search."""

    def __init__(self, make: Callable[[int], BaseSampler], epochs: int, constrained: bool = True) -> None:
        self._make, self._epochs, self._constrained = make, epochs, constrained
        self._study: optuna.Study | None = None
        self._open: dict[int, Trial] = {}  # by number, not told yet

    def __call__(self, ask: Ask) -> Params:
        if self._study is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                sampler = self._make(ask.seed)
            self._study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
        seen = ask.sampler_study.study.get_trials(deepcopy=False)
        for known in [known for known in self._open if seen[known].state.is_finished()]:
            self._tell(self._study, self._open.pop(known), seen[known])
        self._open[ask.number] = trial = self._study.ask()
        return collect(ask.dimensions, lambda dimension: dimension.suggest(trial))

    def _tell(self, study: optuna.Study, trial: Trial, ended: FrozenTrial) -> None:
        over = any(value > 0 for value in ended.constraints.values())
        if self._constrained:
            for metric, value in ended.constraints.items():
                trial.set_constraint(metric, value)
        accuracies = [epoch["val_accuracy"] for epoch in ended.user_attrs.get("curve", ())]
        if ended.state == TrialState.COMPLETE and len(accuracies) == self._epochs:
            params = float(ended.user_attrs["record"]["cost"]["params"])
            study.tell(trial, [params, record.score(accuracies)])
        elif ended.state == TrialState.FAIL or (over and not self._constrained):
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, state=TrialState.PRUNED)
