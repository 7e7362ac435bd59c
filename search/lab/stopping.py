"""Early stopping rules that only the laboratory knows: others' ideas, for comparison."""

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

RUNGS = (3, 6, 10)
REDUCTION = 3


class RankPruner(BasePruner):
    """Asynchronous successive halving on the accuracy alone: at each rung the best third goes on.

    The params axis is not looked at, so small networks are stopped for being small. Li et al., "A system for massively
    parallel hyperparameter tuning" (MLSys 2020).
    """

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        epoch = len(trial.user_attrs.get("curve", ()))
        if epoch not in RUNGS:
            return False
        reached = sorted(
            (
                other.user_attrs["curve"][epoch - 1]["val_accuracy"]
                for other in study.get_trials(deepcopy=False)
                if len(other.user_attrs.get("curve", ())) >= epoch
            ),
            reverse=True,
        )
        return trial.user_attrs["curve"][-1]["val_accuracy"] < reached[max(0, len(reached) // REDUCTION - 1)]
