"""What the stopping methods share: an Optuna pruner that judges a trial at its rungs, and says why it should end."""

from abc import abstractmethod
from typing import ClassVar

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from underbudget.search.stopping.curves import Curve, Curves
from underbudget.search.stopping.rule import Stop, rungs
from underbudget.search.study.objective import Objective


class RungPruner(BasePruner):
    """Judges running trials by their learning curves, at rung epochs.

    Works on any study whose trials carry the user attributes `record` (with the costs) and `curve`, also when it is
    called directly on a stock Optuna study. first_rung, reduction_factor: None is the method's own.
    """

    FIRST_RUNG: ClassVar[int] = 1
    REDUCTION_FACTOR: ClassVar[float]

    def __init__(
        self,
        objective: Objective,
        epochs: int,
        images: int,
        first_rung: int | None = None,
        reduction_factor: float | None = None,
    ) -> None:
        self._objective = objective
        self._factor = self.REDUCTION_FACTOR if reduction_factor is None else reduction_factor
        self._rungs = frozenset(self.rungs(epochs, first_rung, reduction_factor))
        self._curves = Curves(objective, epochs, images)

    @classmethod
    def rungs(cls, epochs: int, first_rung: int | None = None, reduction_factor: float | None = None) -> list[int]:
        """The epochs after which a trial of so many epochs is judged."""
        first = cls.FIRST_RUNG if first_rung is None else first_rung
        return rungs(first, cls.REDUCTION_FACTOR if reduction_factor is None else reduction_factor, epochs)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial should end at its present epoch."""
        return self.decide(study, trial) is not None

    def decide(self, study: optuna.Study, trial: FrozenTrial) -> Stop | None:
        """Why and where the trial should end; None: it goes on."""
        curve = self._curves.of(trial)
        if curve is None or len(curve.errors) not in self._rungs:
            return None
        return self._at_rung(study, trial, curve)

    @abstractmethod
    def _at_rung(self, study: optuna.Study, trial: FrozenTrial, curve: Curve) -> Stop | None:
        """The method's judgement of a trial whose curve has come to a rung."""
