"""Asynchronous successive halving for two objectives, as published: the yardstick for `front`."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from underbudget.reports.front import pareto
from underbudget.search.stopping.rule import StopDecision
from underbudget.search.stopping.rungs import Curve, RungPruner


class HalvingPruner(RungPruner):
    """MO-ASHA (Schmucker, Donini, Zafar, Salinas and Archambeau, "Multi-objective asynchronous successive halving",
    2021), in its stopping form: at a rung, one of `reduction_factor` trials goes on.

    The trials that reached the rung are ordered by non-dominated sorting on (cost, error at the rung); within a front
    by the greedy epsilon-net of that paper. So the smallest network is never stopped, however bad it is.
    """

    METHOD = "mo-asha"

    def _at_rung(self, curve: Curve, others: list[Curve]) -> StopDecision | None:
        epoch = len(curve.errors)
        reached = [curve, *(other for other in others if len(other.errors) >= epoch)]
        place = self._order(reached, epoch).index(0) + 1
        survivors = max(1, math.floor(len(reached) / self._factor))
        if place <= survivors:
            return None
        reason = (
            f"at epoch {epoch}, because it is place {place} of {len(reached)} trials there, of which {survivors} go on"
        )
        return StopDecision(epoch, reason, 100 - math.exp(curve.lowest(epoch)))

    def _order(self, reached: Sequence[Curve], epoch: int) -> list[int]:
        """Indices from best to worst."""
        errors = np.array([curve.errors[epoch - 1] for curve in reached])
        if self._objective.kind == "accuracy":
            return [int(index) for index in np.argsort(errors, kind="stable")]
        points = np.stack([np.array([curve.cost for curve in reached]), errors], axis=1)
        return [index for front in _fronts(points) for index in _spread(points, front)]


def _fronts(points: NDArray[np.float64]) -> list[list[int]]:
    """Non-dominated sorting of (n, 2) points, both minimised: indices front by front. Equal points share a front."""
    left = [int(index) for index in np.lexsort((points[:, 1], points[:, 0]))]
    fronts: list[list[int]] = []
    while left:
        front = pareto(left, lambda index: points[index, 0], lambda index: points[index, 1])
        best = {tuple(points[index]) for index in front}
        fronts.append([index for index in left if tuple(points[index]) in best])
        left = [index for index in left if tuple(points[index]) not in best]
    return fronts


def _spread(points: NDArray[np.float64], front: list[int]) -> list[int]:
    """A front as a greedy epsilon-net: the most accurate first, then always the point farthest from those taken, both
    axes scaled to the front's range."""
    values = points[front]
    values = (values - values.min(axis=0)) / np.maximum(np.ptp(values, axis=0), 1e-12)
    taken = [int(np.argmin(values[:, 1]))]
    distance = np.linalg.norm(values - values[taken[0]], axis=1)
    while len(taken) < len(front):
        distance[taken] = -1
        taken.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(values - values[taken[-1]], axis=1))
    return [front[index] for index in taken]
