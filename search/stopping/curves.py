"""What a pruner compares: learning curves as logarithms of the error, with the cost of their networks."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from underbudget.reports.record import score
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


class Curves:
    """Reads curves from trials' user attributes `record` and `curve`; a finished trial is read once."""

    def __init__(self, objective: Objective, epochs: int, images: int) -> None:
        self._objective, self._epochs, self._images = objective, epochs, images
        self._finished: dict[int, Curve | None] = {}

    def of(self, trial: FrozenTrial) -> Curve | None:
        """The curve of a trial, None where it has none: it is rejected, failed, or in its first epoch."""
        if trial.number in self._finished:
            return self._finished[trial.number]
        curve = self._read(trial)
        if trial.state.is_finished():
            self._finished[trial.number] = curve
        return curve

    def all(self, trials: Iterable[FrozenTrial]) -> list[Curve]:
        """The curves of the trials that have one."""
        return [curve for trial in trials if (curve := self.of(trial)) is not None]

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
