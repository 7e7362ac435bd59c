"""Training on a GPU: one trial alone, several at once in threads or in processes, and the published way. `make bench`.

    python benchmarks/cuda.py --data-dir DIR [--device cuda:0] [--epochs 15] [--at-once 1,2,4,8,16,32]

saish-m4 on MNIST with warp10-onecycle. Marks (docs/performance.md): 15 epochs alone in at most 5 s; trials per second
with several at once at least 5 times that; at least 15 times the published way on the same GPU. Without a GPU it says
so and ends. Results go to benchmarks/results/cuda-DATE.json.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from underbudget.models.errors import UserError
from underbudget.search.data.sources import prepare
from underbudget.search.data.store import Dataset
from underbudget.search.engines.calibration import typical_job
from underbudget.search.engines.devices import choose_device
from underbudget.search.engines.job import Failed, Finished, Job
from underbudget.search.engines.processes import ProcessesEngine
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.environment import hardware, versions
from underbudget.search.training.run_length import resolve

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED_SECONDS = 20  # of a slice of the published way
EPOCH = 60_000  # images of its epoch


def trials(job: Job, count: int, at_once: int, places: int) -> dict[str, Any]:
    """Wall time of so many trials, `at_once` of them at a time, `places` in each process, after one trial each that
    pays for start-up."""
    engine = ProcessesEngine(at_once, [job.device], places)
    try:
        _finish(engine, job, at_once)
        started = time.perf_counter()
        ended = _finish(engine, job, count)
        seconds = time.perf_counter() - started
    finally:
        engine.close()
    return {
        "at_once": at_once,
        "processes": at_once // places,
        "trials": count,
        "seconds": seconds,
        "trials_per_hour": 3600 * count / seconds,
        "seconds_of_a_trial": sorted(message.seconds for message in ended)[count // 2],
        "paths": sorted({message.backend for message in ended}),
    }


def _finish(engine: ProcessesEngine, job: Job, count: int) -> list[Finished]:
    ended: list[Finished] = []
    begun = 0
    while len(ended) < count:
        while begun < count and begun - len(ended) < engine.slots:
            engine.submit(replace(job, trial=begun, seed=begun))
            begun += 1
        for message in engine.wait(1):
            if isinstance(message, Failed):
                raise RuntimeError(message.reason)
            ended += [message] if isinstance(message, Finished) else []
    return ended


def published(dataset: Dataset, epochs: int) -> dict[str, Any]:
    """The published way on this GPU: images per second of a slice, and what follows for trials per hour."""
    command = [sys.executable, str(ROOT / "benchmarks" / "published_way.py"), str(dataset.folder), "--device", "cuda"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write(f"go {PUBLISHED_SECONDS}\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        process.stdin.close()
    rate = answer["images"] / answer["seconds"]
    return {"images_per_second": rate, "trials_per_hour": rate * 3600 / (EPOCH * epochs)}


def main() -> None:
    """Measure what can be, write, print. A part that cannot run says why, the others go on."""
    parser = argparse.ArgumentParser(description="Measure training on a GPU.")
    parser.add_argument("--data-dir", help="folder that holds MNIST")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--at-once", default="1,2,4,8,16,32")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("cuda: not measured: no CUDA device: torch.cuda.is_available() is False")
        return
    try:
        device = choose_device(options.device, print)
    except UserError as error:
        print(f"cuda: not measured: {error}")
        return
    dataset = prepare("mnist", data_dir=options.data_dir)
    resolved = resolve(recipe("warp10-onecycle"), images=dataset.info.counts["train"], epochs=options.epochs)
    job = typical_job(dataset, resolved, device)
    numbers = [int(number) for number in options.at_once.split(",")]
    parts: dict[str, Callable[[], Any]] = {"published": lambda: published(dataset, options.epochs)}
    for number in numbers:
        count = max(2, 2 * number)
        parts[f"{number} at once, threads of one process"] = lambda n=number, c=count: trials(job, c, n, n)  # type: ignore[misc]
        if number > 1:
            parts[f"{number} at once, processes"] = lambda n=number, c=count: trials(job, c, n, 1)  # type: ignore[misc]
    result: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "network": "saish-m4",
        "epochs": options.epochs,
        "machine": {"gpu": hardware(torch.device(device))},
        "versions": versions(),
        "parts": {},
    }
    for name, part in parts.items():
        try:
            result["parts"][name] = part()
        except Exception as error:
            result["parts"][name] = f"not measured: {error}"
        print(f"{name}: {result['parts'][name]}", flush=True)
    output = options.output or ROOT / "benchmarks" / "results" / f"cuda-{time.strftime('%Y-%m-%d')}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {output}")


if __name__ == "__main__":
    main()
