"""Fits the laboratory's simulated training to real curves and checks it on architectures that it has not seen.

    python benchmarks/fit_lab.py [--held-out 20] [--seed 0]

Reads benchmarks/results/lab-curves.json (benchmarks/record_curves.py), writes benchmarks/lab/coefficients.json, prints
the checks as JSON. What is fitted, and how, stands in docs/search-methods.md.
"""

import argparse
import json
import math
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar, nnls
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from lab.curves import COEFFICIENTS, CurveModel, LinearModel, planned
from lab.features import features, workload
from underbudget.budget.count import count
from underbudget.reports.record import SCORE_EPOCHS

ROOT = Path(__file__).resolve().parents[1]
FLOOR = 0.3  # percent
LEVEL_PENALTY, SHAPE_PENALTY = 3.0, 30.0
COMPONENTS = 2
EPOCHS = (1, 2, 3, 5, 7, 9, 11, 13)  # at which the checks look
SIMILAR = 1.5  # ratio of the parameters of two networks of similar size
CLOCK = "random-s1"  # the study whose epochs were timed with nothing else on the machine

Curves = dict[str, list[Any]]  # architecture -> runs


def read(path: Path) -> Curves:
    """The recorded runs by architecture, in the order of the file."""
    runs: Curves = defaultdict(list)
    for entry in json.loads(path.read_text(encoding="utf-8")):
        runs[entry["layers"]].append(entry)
    return dict(runs)


def log_errors(run: Any) -> Any:
    """log10 of the error over the floor, per epoch."""
    return np.log10(np.maximum(100 - np.array(run["val_accuracy"]) - FLOOR, 0.05))


def fit(curves: Curves, timed: list[Any]) -> CurveModel:
    """The model of these architectures."""
    table = [features(planned(name)) for name in curves]
    names = list(table[0])
    values = np.array([[row[name] for name in names] for row in table])
    means, scales = values.mean(0), np.maximum(values.std(0), 1e-6)
    standard = (values - means) / scales

    logs = np.array([np.mean([log_errors(run) for run in runs], axis=0) for runs in curves.values()])
    levels = logs[:, -SCORE_EPOCHS:].mean(1)
    rest = logs - levels[:, None]
    mean_curve = rest.mean(0)
    components = np.linalg.svd(rest - mean_curve, full_matrices=False)[2][:COMPONENTS]

    def describe(curve: Any) -> Any:
        """(level, shapes) of one curve."""
        level = curve[-SCORE_EPOCHS:].mean()
        return np.array([level, *((curve - level - mean_curve) @ components.T)])

    targets = np.array([np.mean([describe(log_errors(run)) for run in runs], axis=0) for runs in curves.values()])
    fits = [ridge(standard, column, SHAPE_PENALTY if n else LEVEL_PENALTY) for n, column in enumerate(targets.T)]
    residuals = np.array([residual for _, _, residual in fits])
    dropout = standard[:, names.index("dropout")]
    growth = widening(residuals, dropout)
    scale = np.exp(growth * dropout)
    normal = float(np.mean(scale**2) ** -0.5)  # mean square 1: the covariance stays that of all architectures
    pairs = [[describe(log_errors(run)) for run in runs] for runs in curves.values() if len(runs) > 1]
    run_covariance = np.mean([np.cov(np.array(pair).T) for pair in pairs], axis=0)
    own_covariance = residuals @ residuals.T / len(levels) - run_covariance
    loudness, noise = restlessness(curves, describe, mean_curve, components)
    return CurveModel(
        FLOOR,
        dict(zip(names, map(float, means), strict=True)),
        dict(zip(names, map(float, scales), strict=True)),
        tuple(LinearModel(intercept, dict(zip(names, slopes, strict=True))) for intercept, slopes, _ in fits),
        tuple(map(float, mean_curve)),
        tuple(tuple(map(float, component)) for component in components),
        factor(own_covariance),
        factor(run_covariance),
        LinearModel(math.log(normal), {"dropout": growth}),
        noise,
        loudness,
        clock(timed),
    )


def ridge(standard: Any, target: Any, penalty: float) -> tuple[float, list[float], Any]:
    """(intercept, slopes, residuals) of a ridge regression; the residuals are scaled to the size of true ones, which
    a fit to the same data makes smaller."""
    model = Ridge(penalty).fit(standard, target)
    squares = standard.T @ standard
    freedom = 1 + np.trace(np.linalg.solve(squares + penalty * np.eye(len(squares)), squares))
    scale = (len(target) / (len(target) - freedom)) ** 0.5
    return float(model.intercept_), list(map(float, model.coef_)), scale * (target - model.predict(standard))


def widening(residuals: Any, dropout: Any) -> float:
    """How residuals grow with dropout: the maximum-likelihood g of normal residuals with deviations s_i * exp(g x)."""

    def cost(growth: float) -> float:
        squares = (residuals**2 * np.exp(-2 * growth * dropout)).mean(axis=1)
        return float(np.log(squares).mean() / 2 + growth * dropout.mean())

    return float(minimize_scalar(cost, bounds=(-1.0, 1.0), method="bounded").x)


def restlessness(curves: Curves, describe: Any, mean_curve: Any, components: Any) -> tuple[Any, tuple[float, ...]]:
    """(loudness, noise): what is left of the curves once level and shapes are taken away, per epoch."""
    runs = [log_errors(run) for runs in curves.values() for run in runs]
    described = [describe(curve) for curve in runs]
    left = np.array(
        [
            curve - level - mean_curve - shapes @ components
            for curve, (level, *shapes) in zip(runs, described, strict=True)
        ]
    )
    left *= (left.shape[1] / (left.shape[1] - 1 - COMPONENTS)) ** 0.5  # level and shapes took their share of the noise
    levels = np.array([level for level, *_ in described])
    middle = left[:, 1:-SCORE_EPOCHS] / left.std(0)[1:-SCORE_EPOCHS]
    slope, intercept = np.polyfit(levels, np.log((middle**2).mean(axis=1)) / 2, 1)
    intercept -= np.log(np.mean(np.exp(2 * (intercept + slope * levels)))) / 2  # mean square 1
    noise = (left / np.exp(intercept + slope * levels)[:, None]).std(0)
    return (float(intercept), float(slope)), tuple(map(float, noise))


def factor(covariance: Any) -> tuple[tuple[float, ...], ...]:
    """Lower Cholesky factor of the nearest covariance matrix."""
    values, vectors = np.linalg.eigh(covariance)
    positive = vectors @ np.diag(np.maximum(values, 1e-8)) @ vectors.T
    return tuple(tuple(map(float, row)) for row in np.linalg.cholesky(positive))


def clock(runs: list[Any]) -> dict[str, float]:
    """Seconds of an epoch per term of the workload: least squares of the relative error, no term negative."""
    loads = [workload(planned(run["layers"])) for run in runs]
    seconds = np.array([run["seconds"] for run in runs])
    table = np.array([list(load.values()) for load in loads]) / seconds[:, None]
    return dict(zip(loads[0], map(float, nnls(table, np.ones(len(runs)))[0]), strict=True))


def check(model: CurveModel, curves: Curves, draws: int = 50) -> dict[str, Any]:
    """Rank correlations of real against modelled and simulated curves; how soon real and simulated ones tell their end.

    `explained`: by the features alone. `simulated`: with unexplained parts drawn anew, mean over the draws.
    """
    real = np.array([np.mean([run["val_accuracy"] for run in runs], axis=0) for runs in curves.values()])
    single = np.array([runs[0]["val_accuracy"] for runs in curves.values()])
    plans = [planned(name) for name in curves]
    none = [0.0] * model.epochs
    expected = -np.array([model.errors(level, shapes, none) for level, *shapes in map(model.expected, plans)])
    sources = [[random.Random(draw * len(plans) + n) for n in range(len(plans))] for draw in range(draws)]
    simulated = [
        -np.array([model.drawn(network, source, source) for network, source in zip(plans, each, strict=True)])
        for each in sources
    ]
    params = np.array([count(network).params for network in plans])

    def mean(value: Callable[[Any], float]) -> float:
        return float(np.mean([value(one) for one in simulated]))

    def per_epoch(value: Callable[[int], float]) -> dict[int, float]:
        return {epoch: round(value(epoch), 3) for epoch in EPOCHS}

    return {
        "architectures": len(curves),
        "final score, explained": round(rank(final(real), final(expected)), 3),
        "final score, simulated": round(mean(lambda one: rank(final(real), final(one))), 3),
        "epoch, explained": per_epoch(lambda k: rank(real[:, k - 1], expected[:, k - 1])),
        "epoch, simulated": per_epoch(lambda k: mean(lambda one: rank(real[:, k - 1], one[:, k - 1]))),
        "epoch against final, real": per_epoch(lambda k: rank(single[:, k - 1], final(single))),
        "epoch against final, simulated": per_epoch(lambda k: mean(lambda one: rank(one[:, k - 1], final(one)))),
        "pairs of similar size that keep their order, real": per_epoch(lambda k: kept(single, params, k)),
        "pairs of similar size that keep their order, simulated": per_epoch(
            lambda k: mean(lambda one: kept(one, params, k))
        ),
    }


def final(curves: Any) -> Any:
    """Scores."""
    return curves[:, -SCORE_EPOCHS:].mean(axis=1)


def rank(one: Any, other: Any) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(one, other).statistic)


def kept(curves: Any, params: Any, epoch: int) -> float:
    """Share of the pairs within SIMILAR in parameters whose order at an epoch is that of their scores."""
    one, other = np.triu_indices(len(params), 1)
    near = np.abs(np.log(params[one] / params[other])) < np.log(SIMILAR)
    one, other = one[near], other[near]
    now, end = curves[:, epoch - 1], final(curves)
    return float(np.mean((now[one] > now[other]) == (end[one] > end[other])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=Path, default=ROOT / "benchmarks" / "results" / "lab-curves.json")
    parser.add_argument("--held-out", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    curves = read(options.curves)
    names = list(curves)
    random.Random(options.seed).shuffle(names)
    held_out, fitted = names[: options.held_out], names[options.held_out :]
    timed = [run for runs in curves.values() for run in runs if run["study"] == CLOCK]
    model = fit({name: curves[name] for name in fitted}, timed)
    COEFFICIENTS.write_text(model.dump() + "\n", encoding="utf-8")
    checks = {
        "fitted": check(model, {name: curves[name] for name in fitted}),
        "held out": check(model, {name: curves[name] for name in held_out}),
    }
    print(json.dumps(checks, indent=1))


if __name__ == "__main__":
    main()
