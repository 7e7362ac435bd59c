"""Is accuracy paid for speed? One network on MNIST, the same seeds on the fast and the plain path.

    python benchmarks/accuracy.py --data-dir DIR [--seeds 10] [--shard 0/2]

Protocol: saish-m4, warp10-onecycle, 15 epochs on the 50,000 training images; accuracy on the 10,000 test images after
the last epoch, by torch in float32 for both paths. Runs that benchmarks/results/accuracy.json already holds are not
repeated, so the script may be stopped and started at will, and several shards may work side by side.
"""

import argparse
import json
import math
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch
from filelock import FileLock

from underbudget.models.build import build
from underbudget.models.plan import plan
from underbudget.models.references import reference
from underbudget.search.data.sources import prepare
from underbudget.search.data.store import Dataset
from underbudget.search.training.backends import train
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.evaluate import evaluate, on_device
from underbudget.search.training.geometric_augmentation import Normalizer
from underbudget.search.training.loop import EpochResult, TrainingResult
from underbudget.search.training.run_length import resolve

RESULTS = Path(__file__).parent / "results" / "accuracy.json"
NETWORK, RECIPE = "saish-m4", "warp10-onecycle"
PATHS = ("native", "plain")
LEAST_MEAN, LEAST_LOW = -0.05, -0.07  # points: the difference that is let pass, native - plain


def main() -> None:
    """Run what is missing, then print the comparison."""
    parser = argparse.ArgumentParser(description="Compare the accuracy of the fast and the plain path.")
    parser.add_argument("--data-dir", help="folder that holds MNIST")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--paths", default=",".join(PATHS), help="of these: native, plain")
    parser.add_argument("--shard", default="0/1", help="I/N: every N-th run, from the I-th")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = prepare("mnist", data_dir=options.data_dir)
    shard, shards = (int(part) for part in options.shard.split("/"))
    jobs = [(seed, path) for seed in range(options.seeds) for path in options.paths.split(",")]
    for seed, path in jobs[shard::shards]:
        if _find(_read(options.results), seed, path, options.epochs) is None:
            run = _run(dataset, seed, path, options.epochs)
            _add(options.results, run)
            print(f"seed {seed} {path}: {run['test_accuracy']:.2f} % in {run['seconds']:.0f} s", flush=True)
    print(_comparison(_read(options.results), options.epochs))


def _run(dataset: Dataset, seed: int, path: str, epochs: int) -> dict[str, Any]:
    network = plan(reference(NETWORK).architecture, dataset.info.input_shape, len(dataset.info.classes))
    conditions = resolve(recipe(RECIPE), images=dataset.info.counts["train"], epochs=epochs)
    *curve, result = train(network, conditions, seed, dataset, backend=path)
    assert isinstance(result, TrainingResult)
    assert isinstance(curve[-1], EpochResult)
    model = build(network)
    model.load_state_dict(result.state)
    normalize = Normalizer(dataset.info.mean, dataset.info.std, torch.device("cpu"))
    images, labels = on_device(dataset.part("test"), torch.device("cpu"))  # a reading of the test set
    judged = evaluate(model.eval(), images, labels, normalize, len(dataset.info.classes))
    return {
        "network": NETWORK,
        "recipe": RECIPE,
        "epochs": epochs,
        "seed": seed,
        "asked": path,
        "path": result.backend,
        "test_accuracy": judged.accuracy,
        "val_accuracy": curve[-1].val_accuracy,
        "train_loss": curve[-1].train_loss,
        "seconds": result.seconds,
        "hardware": result.hardware,
        "versions": result.versions,
        "data_checksum": dataset.info.checksum,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _read(path: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
    return runs


def _add(path: Path, run: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        text = json.dumps({"runs": [*_read(path), run]}, indent=1)
        partial = path.with_suffix(".partial")
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)


def _find(runs: list[dict[str, Any]], seed: int, path: str, epochs: int) -> dict[str, Any] | None:
    return next((run for run in runs if (run["seed"], run["asked"], run["epochs"]) == (seed, path, epochs)), None)


def _comparison(runs: list[dict[str, Any]], epochs: int) -> str:
    """Paired by seed: both paths share initial weights, order and warps; Student's interval."""
    from scipy.stats import t

    by_path = {path: {r["seed"]: r for r in runs if (r["asked"], r["epochs"]) == (path, epochs)} for path in PATHS}
    lines = []
    for path, found in by_path.items():
        values = [run["test_accuracy"] for run in found.values()]
        if len(values) > 1:
            spread = statistics.stdev(values)
            seconds = statistics.median(run["seconds"] for run in found.values())
            lines.append(
                f"{path}: n={len(values)} mean {statistics.mean(values):.3f} % sd {spread:.3f} ({seconds:.0f} s)"
            )
    seeds = sorted(by_path["native"].keys() & by_path["plain"].keys())
    differences = [by_path["native"][s]["test_accuracy"] - by_path["plain"][s]["test_accuracy"] for s in seeds]
    if len(differences) > 1:
        mean, error = statistics.mean(differences), statistics.stdev(differences) / math.sqrt(len(differences))
        half = float(t.ppf(0.975, len(differences) - 1)) * error
        held = mean > LEAST_MEAN and mean - half > LEAST_LOW
        interval = f"95 % from {mean - half:+.3f} to {mean + half:+.3f}"
        lines.append(f"native - plain: {mean:+.3f} points, {interval}, n={len(differences)}")
        lines.append(f"above {LEAST_MEAN} with its interval above {LEAST_LOW}: {'yes' if held else 'no'}")
    return "\n".join(lines) or "no pairs yet"


if __name__ == "__main__":
    main()
