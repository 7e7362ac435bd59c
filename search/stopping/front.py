"""Front-aware early stopping: a trial ends when the forecast of its final error does not reach the front.

The complete trials show how far the error still falls between an epoch and the end. A trial is stopped when even an
optimistic forecast (its upper quantile) stays behind the front at its own cost. This is learning-curve extrapolation
(Domhan, Springenberg and Hutter, "Speeding up automatic hyperparameter optimization of deep neural networks by
extrapolation of learning curves", IJCAI 2015) with the front of two objectives in place of the best value, and a
regression over the study's own curves in place of a family of functions, of which none fits a one-cycle schedule.
"""

import math
from collections.abc import Sequence

import numpy as np

from underbudget.search.stopping.rule import StopDecision
from underbudget.search.stopping.rungs import Curve, RungPruner

LEAST_COMPLETE = 5  # complete trials before anything is stopped
OPTIMISM = 1.28  # standard deviations that a trial is given: one in ten does better than its forecast and these
SIMILAR, EXCHANGE = 1.5, 2.0  # up to SIMILAR times the cost, f times counts with f^EXCHANGE times the error
_SHRINKAGE = 3.0  # prior weight, in trials, of "the fall depends neither on error nor on cost"
_SPREAD, _SPREAD_WEIGHT = 0.35, 3.0  # prior standard deviation of a forecast's logarithm, and its weight in trials


class FrontPruner(RungPruner):
    """Stops a trial whose forecast stays behind the front. Costs a fraction of a millisecond at 1,000 trials."""

    METHOD = "front"

    def _at_rung(self, curve: Curve, others: list[Curve]) -> StopDecision | None:
        complete = [other for other in others if other.final is not None]
        if len(complete) < LEAST_COMPLETE:
            return None
        epoch = len(curve.errors)
        mean, spread = forecast(complete, curve, epoch)
        bar = self._bar(complete, curve.cost)
        if mean - OPTIMISM * spread <= bar:
            return None
        estimate = 100 - math.exp(mean)
        reason = (
            f"at epoch {epoch}, because it had {100 - math.exp(curve.errors[-1]):.2f} %, its forecast is "
            f"{estimate:.2f} % ({100 - math.exp(mean - OPTIMISM * spread):.2f} at best) and "
            f"the front has {100 - math.exp(bar):.2f} %"
        )
        return StopDecision(epoch, reason, estimate)

    def _bar(self, complete: Sequence[Curve], cost: float) -> float:
        """The logarithm of the error that a network of this cost has to undercut.

        The front alone would never stop the smallest network, however bad: somewhat larger networks count too, with an
        error that grows by more than the front rises there. With one objective, the best error of all.
        """
        alone = self._objective.kind == "accuracy"
        exchange, reach = (0.0, math.inf) if alone else (EXCHANGE, cost + math.log(SIMILAR))
        near = ((float(other.final or 0), max(0.0, other.cost - cost)) for other in complete if other.cost <= reach)
        return min((error + exchange * above for error, above in near), default=math.inf)


def forecast(complete: Sequence[Curve], curve: Curve, epoch: int) -> tuple[float, float]:
    """(mean, standard deviation) of the logarithm of a trial's final error, given its first `epoch` epochs.

    A ridge regression, over the complete trials, of the fall of the log error from its lowest value so far to the end
    on that value and on the log cost. The deviation is the regression's predictive one, with a weak prior: a handful
    of trials must not seem more certain than they are.
    """
    start = np.array([other.lowest(epoch) for other in complete])
    cost = np.array([other.cost for other in complete])
    fall = np.array([other.final for other in complete]) - start
    inputs = np.stack([start - start.mean(), cost - cost.mean()], axis=1)
    scale = np.maximum(inputs.std(axis=0), 1e-3)
    inputs = inputs / scale
    precision = inputs.T @ inputs + _SHRINKAGE * np.eye(2)
    slopes = np.linalg.solve(precision, inputs.T @ (fall - fall.mean()))
    residuals = fall - fall.mean() - inputs @ slopes
    count = len(complete)
    variance = (float(residuals @ residuals) + _SPREAD_WEIGHT * _SPREAD**2) / (max(1, count - 3) + _SPREAD_WEIGHT)
    # Nothing is known far away from all that was seen: no extrapolation beyond three deviations.
    here = np.clip(np.array([curve.lowest(epoch) - start.mean(), curve.cost - cost.mean()]) / scale, -3, 3)
    leverage = 1 / count + float(here @ np.linalg.solve(precision, here))
    mean = min(curve.lowest(epoch) + float(fall.mean() + here @ slopes), math.log(100))
    return mean, math.sqrt(variance * (1 + leverage))
