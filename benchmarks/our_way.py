"""Our way to train, as a process of its own: what a worker does. Same protocol as benchmarks/published_way.py."""

import argparse
import json
import sys
import time
from pathlib import Path

import psutil
import torch

from underbudget.models.build import build
from underbudget.models.plan import plan
from underbudget.models.references import reference
from underbudget.search.data.store import open_dataset
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.evaluate import on_device
from underbudget.search.training.geometric_augmentation import random_matrices
from underbudget.search.training.native.network import Batch, Network, Sgd
from underbudget.search.training.native.program import compile_plan
from underbudget.search.training.native.train import NativeRun


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_dataset(options.folder)
    images, labels = on_device(dataset.part("train"), torch.device("cpu"))
    network = plan(reference("saish-m4").architecture, (1, 28, 28), 10)
    program = compile_plan(network, options.batch)
    info = dataset.info
    net = Network(program, build(network).state_dict(), options.batch, info.mean, info.std, key=1)
    augmentation, chance = recipe("warp10-onecycle").augmentation, torch.Generator()
    number, at = 0, len(images)
    order, matrices = torch.empty(0, dtype=torch.int64), None

    def step() -> int:
        nonlocal number, at, order, matrices
        if at >= len(images):  # what an epoch begins with
            order, at = torch.randperm(len(images), generator=chance), 0
            matrices = random_matrices(augmentation, len(images), info.input_shape[1:], chance)
        assert matrices is not None
        batch = slice(at, at + options.batch)
        net.step(number, Batch(images, labels, order[batch], matrices[batch]), Sgd(0.01, 0.9))
        number, at = number + 1, at + options.batch
        return len(order[batch])

    for _ in range(3):
        step()
    print(json.dumps({"ready": True, "threads": 1, "path": NativeRun.describe(torch.device("cpu"))}), flush=True)
    for line in sys.stdin:
        least, started, done, cpu = float(line.split()[1]), time.perf_counter(), 0, time.process_time()
        while time.perf_counter() - started < least:
            done += step()
        seconds = time.perf_counter() - started
        pss = psutil.Process().memory_full_info().pss
        answer = {"images": done, "seconds": seconds, "cpu_seconds": time.process_time() - cpu, "pss": pss}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
