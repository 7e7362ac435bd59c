"""How much faster than the published way? `make bench`.

    python benchmarks/training.py --data-dir DIR [--pairs 7] [--seconds 6]

Three ways to train saish-m4 on MNIST with warp10-onecycle's augmentation at batch 128, in turns on the same machine:

    a    as published: torchvision transforms per image, DataLoader, eager float32, one process, torch's default threads
    a2   the same with as many processes as cores, one thread each
    b    ours: as many workers as cores, one thread each

Each turn is a slice of an epoch, at least `--seconds` long; a, a2 and b follow each other in every round, so that
whatever else the machine does meets all three. A ratio is taken within a round; min, median and max are over the
rounds. Validation is not part of a slice. Results go to benchmarks/results/training-DATE.json and to the terminal.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from underbudget.search.data.sources import prepare
from underbudget.search.training.environment import processor, versions

ROOT = Path(__file__).resolve().parents[1]
# Throughput is what counts; work per processor second depends less on what else the machine does at the time.
RATIOS = (
    ("b/a", "a", "images_per_second"),
    ("b/a2", "a2", "images_per_second"),
    ("b/a2 per processor second", "a2", "images_per_cpu_second"),
)
EPOCH, EPOCHS = 60_000, 15  # images of a published epoch, epochs of a trial


class Process:
    """A trainer in a process of its own."""

    def __init__(self, script: str, folder: Path, *options: str, threads: int | None) -> None:
        environment = dict(os.environ)
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment.pop(variable, None)
            if threads:
                environment[variable] = str(threads)
        command = [sys.executable, str(ROOT / "benchmarks" / script), str(folder), *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )
        self.hello = self.answer()

    def ask(self, seconds: float) -> None:
        """Begin a slice."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"go {seconds}\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The next answer. Raises RuntimeError when the process ends instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a trainer ended with exit code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


def slice_of(processes: list[Process], seconds: float) -> dict[str, Any]:
    """One turn of one way: its processes at the same time."""
    for process in processes:
        process.ask(seconds)
    answers = [process.answer() for process in processes]
    return {
        "images_per_second": sum(answer["images"] / answer["seconds"] for answer in answers),
        "seconds_per_epoch_each": statistics.mean(EPOCH * a["seconds"] / a["images"] for a in answers),
        "images_per_cpu_second": sum(a["images"] for a in answers) / sum(a["cpu_seconds"] for a in answers),
        "pss_each": [answer["pss"] for answer in answers],
    }


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description="Compare our training with the published way.")
    parser.add_argument("--data-dir", help="folder that holds MNIST")
    parser.add_argument("--pairs", type=int, default=7, help="rounds, at least 5 for a result worth keeping")
    parser.add_argument("--seconds", type=float, default=6, help="least length of a turn")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    folder, cores = prepare("mnist", data_dir=options.data_dir).folder, os.cpu_count() or 1
    ways: dict[str, list[Process]] = {"a": [], "a2": [], "b": []}
    missing: dict[str, str] = {}
    starts = {
        "a": [lambda: Process("published_way.py", folder, threads=None)],
        "a2": [lambda: Process("published_way.py", folder, "--threads", "1", threads=1)] * cores,
        "b": [lambda: Process("our_way.py", folder, threads=1)] * cores,
    }
    try:
        for way, calls in starts.items():
            try:
                ways[way] = [start() for start in calls]
            except RuntimeError as error:
                missing[way] = str(error)
                print(f"{way} is left out: {error}")
        rounds = []
        for number in range(options.pairs):
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
            measured = {way: slice_of(ways[way], options.seconds) for way in ways if way not in missing}
            rounds.append({"load_before": load, **measured})
            shown = "  ".join(f"{way} {held['images_per_second']:.0f}" for way, held in measured.items())
            print(f"round {number + 1} of {options.pairs}, images/s: {shown}", flush=True)
        hello = {way: [process.hello for process in processes] for way, processes in ways.items()}
    finally:
        for processes in ways.values():
            for process in processes:
                process.close()
    result = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "network": "saish-m4",
        "augmentation": "warp10-onecycle",
        "batch": 128,
        "machine": {"processor": processor(), "cores": cores, "system": sys.platform},
        "versions": versions() | {"torchvision": _torchvision()},
        "processes": hello,
        "missing": missing,
        "rounds": rounds,
        "summary": summary(rounds),
    }
    output = options.output or ROOT / "benchmarks" / "results" / f"training-{time.strftime('%Y-%m-%d')}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result["summary"]))
    print(f"written: {output}")


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians per way, and the ratios of throughput within rounds."""
    result: dict[str, Any] = {}
    for way in ("a", "a2", "b"):
        held = [each[way] for each in rounds if way in each]
        if held:
            rate = statistics.median(each["images_per_second"] for each in held)
            result[way] = {
                "images_per_second": rate,
                "seconds_per_epoch_each": statistics.median(each["seconds_per_epoch_each"] for each in held),
                "images_per_cpu_second": statistics.median(each["images_per_cpu_second"] for each in held),
                "trials_per_hour": rate * 3600 / (EPOCH * EPOCHS),
                "peak_pss_each": max(max(each["pss_each"]) for each in held),
            }
    for other in ("a", "a2"):
        ratios = [
            r["b"]["images_per_second"] / r[other]["images_per_second"] for r in rounds if {"b", other} <= r.keys()
        ]
        if ratios:
            result[f"b/{other}"] = {
                "min": min(ratios), "median": statistics.median(ratios), "max": max(ratios), "n": len(ratios)
            }  # fmt: skip
    return result


def table(held: dict[str, Any]) -> str:
    """The summary as text."""
    lines = ["way  images/s  s per epoch of 60,000, each  trials/hour  peak PSS each"]
    for way in ("a", "a2", "b"):
        if way in held:
            row = held[way]
            lines.append(
                f"{way:3}  {row['images_per_second']:8.0f}  {row['seconds_per_epoch_each']:27.2f}  "
                f"{row['trials_per_hour']:11.1f}  {row['peak_pss_each'] / 1e6:10.0f} MB"
            )
    for other in ("b/a", "b/a2"):
        if other in held:
            row = held[other]
            lines.append(
                f"{other}: min {row['min']:.1f}, median {row['median']:.1f}, max {row['max']:.1f}, n={row['n']}"
            )
    return "\n".join(lines)


def _torchvision() -> str:
    import importlib.metadata

    return importlib.metadata.version("torchvision")


if __name__ == "__main__":
    main()
