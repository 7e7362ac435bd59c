"""The laboratory's simulated training: repeatable, and like the real curves that it was fitted to."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from lab.curves import CurveModel, planned
from lab.features import features, workload
from underbudget.models.language import parse
from underbudget.models.plan import plan

ROOT = Path(__file__).resolve().parents[1]
NETWORK = (
    "conv3x3(8) relu | conv3x3(16) relu bn drop0.1 | conv1x1(6) | maxpool2 | sep3x3(12,p1) relu bn drop0.1 | gap | "
    "conv1x1(10)"
)


@pytest.fixture(scope="module")
def model() -> CurveModel:
    return CurveModel.load()


@pytest.fixture(scope="module")
def real() -> dict[str, list[dict[str, Any]]]:
    """Recorded runs by architecture."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for run in json.loads((ROOT / "benchmarks" / "results" / "lab-curves.json").read_text(encoding="utf-8")):
        runs.setdefault(run["layers"], []).append(run)
    return runs


def test_features_of_a_network_worked_out_by_hand() -> None:
    """28x28 -> 26 -> 24 -> pool 12 -> padded 12 -> gap. Receptive field: 3, 5, 6 (pool), then 6 + 2 * 2 = 10."""
    found = features(planned(NETWORK))
    params = 8 * 9 + 16 * 8 * 9 + 2 * 16 + 6 * 16 + (6 * 9 + 12 * 6) + 2 * 12 + 10 * 12
    assert found == pytest.approx(
        {
            "params": math.log10(params),
            "depth": 2,  # log2(1 + 3)
            "pools": 1,
            "receptive_field": math.log2(10),
            "uncovered": math.log2(28) - math.log2(10),
            "head_map": math.log2(12),
            "width_mean": (3 + 4 + math.log2(6) + math.log2(12)) / 4,
            "width_after_pool": math.log2(12),
            "width_least": math.log2(6),
            "width_first": 3,
            "width_last": math.log2(12),
            "separable": 1,
            "dropout": 1,
            "dropout_load": 1 / math.log2(17) + 1 / math.log2(13),
            "dropout_narrow": 1 / 16 + 1 / 12,
            "bn_first": 0,
            "separable_bn_first": 0,
            "padded": 1,
            "pointwise": 1,
            "spatial_head": 0,
        }
    )


def test_every_network_has_features() -> None:
    for text in (
        "gap | linear(10)",
        "linear(10)",
        "conv28x28(10)",
        "conv3x3(10) bn relu | gap",
        "maxpool2 | gap | conv1x1(10)",
    ):
        found = features(plan(parse(text), (1, 28, 28)))
        assert all(math.isfinite(value) for value in found.values()), text


def test_the_same_job_gives_the_same_curve_in_another_process(model: CurveModel) -> None:
    script = (
        "import sys; from lab.curves import CurveModel, planned; "
        "print(CurveModel.load().curve(planned(sys.argv[1]), 7))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, NETWORK], cwd=ROOT / "benchmarks", capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == model.curve(planned(NETWORK), 7)
    assert model.curve(planned(NETWORK), 8) != model.curve(planned(NETWORK), 7)


def test_curves_are_accuracies(model: CurveModel, real: dict[str, list[dict[str, Any]]]) -> None:
    for seed in range(5):
        for name in real:
            curve = model.curve(planned(name), seed)
            assert len(curve) == 15
            assert all(10 <= value <= 100 - model.floor for value in curve)


def test_seeds_differ_less_than_architectures(model: CurveModel, real: dict[str, list[dict[str, Any]]]) -> None:
    scores = np.array([[np.mean(model.curve(planned(name), seed)[-3:]) for seed in range(6)] for name in real])
    errors = np.log10(100 - scores)
    assert errors.std(axis=1).mean() < 0.3 * errors.mean(axis=1).std()


def test_simulated_scores_rank_like_real_ones(model: CurveModel, real: dict[str, list[dict[str, Any]]]) -> None:
    names = list(real)
    scores = [np.mean([run["val_accuracy"][-3:] for run in real[name]]) for name in names]
    simulated = [np.mean(model.curve(planned(name), 0)[-3:]) for name in names]
    assert len(names) >= 60
    assert spearmanr(scores, simulated).statistic > 0.85


@pytest.mark.parametrize("epoch", [1, 3, 5, 8, 11])
def test_simulated_curves_tell_their_end_as_soon_as_real_ones(
    model: CurveModel, real: dict[str, list[dict[str, Any]]], epoch: int
) -> None:
    """Rank correlation of an epoch with the score: were it higher, early stopping would look better than it is."""
    curves = np.array([runs[0]["val_accuracy"] for runs in real.values()])
    found = [spearmanr(curves[:, epoch - 1], curves[:, -3:].mean(axis=1)).statistic]
    for seed in range(10):
        curves = np.array([model.curve(planned(name), seed) for name in real])
        found.append(spearmanr(curves[:, epoch - 1], curves[:, -3:].mean(axis=1)).statistic)
    assert np.mean(found[1:]) == pytest.approx(found[0], abs=0.06)


def test_simulated_curves_are_as_restless_as_real_ones(
    model: CurveModel, real: dict[str, list[dict[str, Any]]]
) -> None:
    """Second differences of the log error from epoch to epoch, while the learning rate is high and at the end."""

    def restlessness(curves: Any) -> Any:
        bends = np.diff(np.log10(100 - np.array(curves) - model.floor), 2, axis=1)
        return [bends[:, 1:9].std(), bends[:, -2:].std()]

    recorded = restlessness([runs[0]["val_accuracy"] for runs in real.values()])
    simulated = np.mean(
        [restlessness([model.curve(planned(name), seed) for name in real]) for seed in range(5)], axis=0
    )
    assert simulated == pytest.approx(recorded, rel=0.25)


def test_epochs_take_about_as_long_as_real_ones(model: CurveModel, real: dict[str, list[dict[str, Any]]]) -> None:
    timed = [run for runs in real.values() for run in runs if run["study"] == "random-s1"]
    simulated = [model.epoch_seconds(planned(run["layers"])) for run in timed]
    assert spearmanr(simulated, [run["seconds"] for run in timed]).statistic > 0.8
    assert np.median(np.array(simulated) / [run["seconds"] for run in timed]) == pytest.approx(1, abs=0.2)


def test_workload_counts_macs_by_hand() -> None:
    load = workload(planned("conv3x3(4) relu | gap | conv1x1(10)"))
    values = 2 * 4 * 26 * 26 + 4 + 10 + 10  # convolution, relu, gap, convolution, flatten
    assert load == pytest.approx({"fixed": 1, "macs": (4 * 26 * 26 * 9 + 40) / 1e6, "values": values / 1e6})
