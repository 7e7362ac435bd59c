"""Fits the laboratory's simulated training to real curves and checks it on architectures that it has not seen.

    python benchmarks/fit_lab.py [--held-out 20] [--seed 0]

Reads benchmarks/results/lab-curves.json (benchmarks/record_curves.py), writes search/lab/coefficients.json, prints the
checks as JSON. What is fitted, and how, stands in docs/search-methods.md.
"""

import argparse
import json
import random
import sys
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from reports.record import SCORE_EPOCHS
from search.lab.curves import COEFFICIENTS, CurveModel, Linear, planned
from search.lab.features import features, workload

ROOT = Path(__file__).resolve().parents[1]
FLOOR = 0.3  # percent
LEVEL_PENALTY, SHAPE_PENALTY = 3.0, 30.0
COMPONENTS = 2
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
    outputs, residuals = [], []
    for column in range(1 + COMPONENTS):
        ridge = Ridge(SHAPE_PENALTY if column else LEVEL_PENALTY).fit(standard, targets[:, column])
        outputs.append(Linear(float(ridge.intercept_), dict(zip(names, map(float, ridge.coef_), strict=True))))
        freedom = np.trace(
            standard @ np.linalg.solve(standard.T @ standard + ridge.alpha * np.eye(len(names)), standard.T)
        )
        inflate = len(levels) / max(1.0, len(levels) - freedom - 1)  # residuals of a fit are smaller than its errors
        residuals.append((targets[:, column] - ridge.predict(standard)) * inflate**0.5)
    total = np.cov(np.array(residuals))
    pairs = [[describe(log_errors(run)) for run in runs] for runs in curves.values() if len(runs) > 1]
    run_covariance = np.mean([np.cov(np.array(pair).T) for pair in pairs], axis=0)
    left = np.array(
        [
            curve - level - mean_curve - shapes @ components
            for runs in curves.values()
            for curve in map(log_errors, runs)
            for level, *shapes in [describe(curve)]
        ]
    )
    return CurveModel(
        FLOOR,
        dict(zip(names, map(float, means), strict=True)),
        dict(zip(names, map(float, scales), strict=True)),
        tuple(outputs),
        tuple(map(float, mean_curve)),
        tuple(tuple(map(float, component)) for component in components),
        factor(total - run_covariance),
        factor(run_covariance),
        tuple(map(float, left.std(0))),
        clock(timed),
    )


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
    """Rank correlations of real against modelled and simulated scores, and of epochs against final scores."""
    real = np.array([np.mean([run["val_accuracy"] for run in runs], axis=0) for runs in curves.values()])
    plans = [planned(name) for name in curves]
    none = [0.0] * model.epochs
    expected = np.array([model.errors(level, shapes, none) for level, *shapes in map(model.expected, plans)])
    # Seeds renew the run's part, a marked architecture text would renew its own part: draw both afresh.
    simulated = np.array([[_redrawn(model, plan, draw) for plan in plans] for draw in range(draws)])

    def final(curve: Any) -> Any:
        return curve[..., -SCORE_EPOCHS:].mean(-1)

    def rank(one: Any, other: Any) -> float:
        return float(spearmanr(one, other).statistic)

    epochs = (1, 2, 3, 5, 7, 9, 11, 13)
    return {
        "architectures": len(curves),
        "final score, explained": round(rank(final(real), -final(expected)), 3),
        "final score, simulated": round(float(np.mean([rank(final(real), final(one)) for one in simulated])), 3),
        "epochs, explained": {k: round(rank(real[:, k - 1], -expected[:, k - 1]), 3) for k in epochs},
        "epochs, simulated": {
            k: round(float(np.mean([rank(real[:, k - 1], one[:, k - 1]) for one in simulated])), 3) for k in epochs
        },
        "epoch against final, real": {k: round(rank(real[:, k - 1], final(real)), 3) for k in epochs},
        "epoch against final, simulated": {
            k: round(float(np.mean([rank(one[:, k - 1], final(one)) for one in simulated])), 3) for k in epochs
        },
    }


def _redrawn(model: CurveModel, plan: Any, draw: int) -> list[float]:
    source = np.random.default_rng([draw, zlib.crc32(str(plan.architecture).encode())])
    own = np.array(model.own) @ source.normal(size=len(model.own))
    run = np.array(model.run) @ source.normal(size=len(model.run))
    level, *shapes = np.array(model.expected(plan)) + own + run
    return [
        100 - error for error in model.errors(level, shapes, np.array(model.noise) * source.normal(size=model.epochs))
    ]


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
