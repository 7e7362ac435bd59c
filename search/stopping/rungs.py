"""What the stopping methods share: an Optuna pruner that compares learning curves at rungs, and says why a trial ends.

Curves are logarithms of the error; each stands beside the cost of its network.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from underbudget.reports.record import score
from underbudget.search.stopping.rule import StopDecision, Stopping
from underbudget.search.study.objective import Objective, log_error


@dataclass(frozen=True)
class Curve:
    """The learning curve of one trial."""

    cost: float  # natural logarithm of the cost on the front's axis
    errors: NDArray[np.float64]  # natural logarithm of the validation error in percent, one per finished epoch
    final: float | None  # logarithm of the error that the score states, None before the last epoch

    def lowest(self, epoch: int) -> float:
        """The lowest error of the first `epoch` epochs (from 1): under a one-cycle schedule the middle epochs are
        noisy, and the best one so far tells more of the end than the last one."""
        return float(self.errors[:epoch].min())


class RungPruner(BasePruner):
    """Checks running trials by their learning curves, at rung epochs.

    Works on any study whose trials carry the user attributes `record` (with the costs) and `curve`, also when it is
    called directly on a stock Optuna study.
    """

    METHOD: ClassVar[str]

    def __init__(self, objective: Objective, epochs: int, images: int, chosen: Stopping | None = None) -> None:
        """epochs: of a whole trial; images: of the validation part; chosen: None takes the method's defaults."""
        chosen = chosen or Stopping(self.METHOD)
        self._objective, self._epochs, self._images = objective, epochs, images
        self._factor, self._rungs = chosen.factor, frozenset(chosen.rungs(epochs))
        self._finished: dict[int, Curve | None] = {}  # a finished trial is read once

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial should end at its present epoch."""
        return self.decide(study, trial) is not None

    def decide(self, study: optuna.Study, trial: FrozenTrial) -> StopDecision | None:
        """Why and where the trial should end; None: it goes on."""
        curve = self._curve(trial)
        if curve is None or len(curve.errors) not in self._rungs:
            return None
        others = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        return self._at_rung(curve, [other for each in others if (other := self._curve(each)) is not None])

    @abstractmethod
    def _at_rung(self, curve: Curve, others: list[Curve]) -> StopDecision | None:
        """The method's decision on a trial whose curve has come to a rung; others: the other trials' curves."""

    def _curve(self, trial: FrozenTrial) -> Curve | None:
        """The curve of a trial, None where it has none: it is rejected, failed, or in its first epoch."""
        if trial.number in self._finished:
            return self._finished[trial.number]
        curve = self._read(trial)
        if trial.state.is_finished():
            self._finished[trial.number] = curve
        return curve

    def _read(self, trial: FrozenTrial) -> Curve | None:
        epochs, record = trial.user_attrs.get("curve"), trial.user_attrs.get("record")
        if not epochs or not record or trial.state == TrialState.FAIL:
            return None
        accuracies = [epoch["val_accuracy"] for epoch in epochs]
        errors = np.array([log_error(accuracy, self._images) for accuracy in accuracies])
        if not np.isfinite(errors).all():
            return None
        cost = float(np.log(max(1, self._objective.cost(record["cost"]))))
        final = log_error(score(accuracies), self._images) if len(accuracies) >= self._epochs else None
        return Curve(cost, errors, final)
