"""The hard budget as an Optuna pruner.

With two objectives Optuna forbids `Trial.should_prune`, but a pruner called directly works:

    constrain(trial, budget, cost)                 # before anything is built
    study.pruner.prune(study, frozen_trial)        # True: tell the trial PRUNED

The order matters to the sampler: TPE ranks a PRUNED trial by its constraint values and so learns where the budget ends;
a trial that is told FAIL is invisible to it.
"""

import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.trial import FrozenTrial, Trial

from underbudget.budget.count import Cost
from underbudget.budget.limits import Budget
from underbudget.models.errors import UnderbudgetError


def constrain(trial: Trial, budget: Budget, cost: Cost) -> None:
    """Set the trial's constraint values, one per limit, named by the metric (see `Limit.violation`).

    A value that the trial already holds is left alone, as in a trial that is run again after a crash. Raises
    UnderbudgetError if it holds another value: Optuna keeps the first one, which is then that of another network.
    """
    held = trial.constraints
    for metric, value in budget.violations(cost).items():
        if metric not in held:
            trial.set_constraint(metric, value)
        elif held[metric] != value:
            raise UnderbudgetError(
                f"trial {trial.number} holds the constraint {metric} = {held[metric]}, now counted as {value}: "
                "a trial is counted once, under one budget"
            )


class BudgetPruner(BasePruner):
    """Prunes every trial with a constraint value over 0, and asks the wrapped pruner about the others."""

    def __init__(self, wrapped: BasePruner | None = None) -> None:
        self.wrapped = NopPruner() if wrapped is None else wrapped

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial must end here.

        Raises UnderbudgetError for a trial without constraint values: an uncounted network is never admitted, and
        quietly pruning it would teach the sampler that it was feasible.
        """
        constraints = trial.constraints
        if not constraints:
            raise UnderbudgetError(
                f"trial {trial.number} has no constraint values: call budget.pruner.constrain before the pruner"
            )
        if any(value > 0 for value in constraints.values()):
            return True
        return self.wrapped.prune(study, trial)
