"""What each part of a recipe costs per training step, on both paths: processor seconds, in interleaved rounds.

    python benchmarks/recipe_parts.py [--rounds 7] [--steps 30] [--output benchmarks/results/recipe-parts-DATE.json]

saish-m4 at batch 128 on random images of 28x28, one thread. Each variant is the default recipe with one part changed; a
round trains every variant for one epoch (after a first one that is not counted), so what else the machine does falls on
all alike. Printed: median milliseconds per step, and the median, lowest and highest ratio to the default of the round.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from underbudget.models.plan import plan
from underbudget.models.references import reference
from underbudget.search.data.store import Dataset, Part, PartName, write_dataset
from underbudget.search.training import backends, environment
from underbudget.search.training.built_in_recipes import DEFAULT_RECIPE, recipe
from underbudget.search.training.recipe import Augmentation, Erasing, Jitter, Perspective, Recipe
from underbudget.search.training.schedule import Cosine

NETWORK, BATCH = "saish-m4", 128
DEFAULT = dataclasses.replace(recipe(DEFAULT_RECIPE), epochs=2, batch_size=BATCH)


def with_augmentation(**changes: Perspective | Jitter | Erasing) -> Recipe:
    return dataclasses.replace(DEFAULT, augmentation=dataclasses.replace(DEFAULT.augmentation, **changes))


VARIANTS: dict[str, Recipe] = {
    "default": DEFAULT,
    "no augmentation": dataclasses.replace(DEFAULT, augmentation=Augmentation()),
    "perspective": with_augmentation(perspective=Perspective(0.2, 0.5)),
    "jitter": with_augmentation(jitter=Jitter(0.4, 0.4)),
    "random erasing": with_augmentation(erasing=Erasing(0.5)),
    "Adam": dataclasses.replace(DEFAULT, optimizer="adam", lr=0.003),
    "AdamW": dataclasses.replace(DEFAULT, optimizer="adamw", lr=0.003, weight_decay=0.01),
    "label smoothing": dataclasses.replace(DEFAULT, label_smoothing=0.1),
    "averaged weights": dataclasses.replace(DEFAULT, ema=0.99),
    "cosine": dataclasses.replace(DEFAULT, schedule=Cosine()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30, help="training steps per epoch")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        dataset = noise(Path(folder) / "noise", given.steps * BATCH)
        result = {path: measure(path, dataset, given.rounds, given.steps) for path in ("native", "plain")}
    conditions = {
        "network": NETWORK,
        "batch": BATCH,
        "rounds": given.rounds,
        "steps": given.steps,
        "hardware": environment.processor(),
        "versions": environment.versions(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for path, rows in result.items():
        print(f"\n{path:20} ms/step   ratio: median  lowest  highest")
        for name, row in rows.items():
            print(f"{name:20} {row['ms']:7.2f} {row['ratio']:15.3f} {row['lowest']:7.3f} {row['highest']:8.3f}")
    if given.output:
        given.output.write_text(json.dumps({"conditions": conditions, "paths": result}, indent=1) + "\n")


def noise(folder: Path, images: int) -> Dataset:
    """A data set of random pixels and labels."""
    chance = np.random.default_rng(0)

    def part(count: int) -> Part:
        return Part(
            chance.integers(0, 256, (count, 1, 28, 28), dtype=np.uint8),
            np.concatenate([np.arange(10), chance.integers(0, 10, count - 10)]).astype(np.int64),
        )

    parts: dict[PartName, Part] = {"train": part(images), "validation": part(10), "test": part(10)}
    return write_dataset(folder, "noise", "noise", [str(label) for label in range(10)], parts)


def measure(path: str, dataset: Dataset, rounds: int, steps: int) -> dict[str, dict[str, float]]:
    """Milliseconds per step and ratios to the default, by variant."""
    network = plan(reference(NETWORK).architecture, dataset.info.input_shape, len(dataset.info.classes))
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, variant in VARIANTS.items():
            run = backends.train(network, variant, 0, dataset, backend=path)
            next(run)
            started = time.process_time()
            next(run)
            seconds[name].append(time.process_time() - started)
            run.close()
    rows = {}
    for name, own in seconds.items():
        ratios = [mine / base for mine, base in zip(own, seconds["default"], strict=True)]
        rows[name] = {
            "ms": round(1000 * statistics.median(own) / steps, 3),
            "ratio": round(statistics.median(ratios), 3),
            "lowest": round(min(ratios), 3),
            "highest": round(max(ratios), 3),
        }
    return rows


if __name__ == "__main__":
    main()
