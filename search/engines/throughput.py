"""Measures how fast several trainings at once are on one device.

Started as `python -P -m underbudget.search.engines.throughput SECONDS`. Reads a job, then a number of trainings on each
line; writes for each number the fields of `calibration.Throughput`, or error. Trainings serve the next number too.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.data.store import open_dataset
from underbudget.search.engines.job import Job
from underbudget.search.training.cuda.train import StaticRun
from underbudget.search.training.loop import TrainingStopped
from underbudget.search.training.recipe_json import from_json


def measure(job: Job, runs: list[StaticRun], at_once: int, seconds: float) -> dict[str, float]:
    """The throughput of so many trainings of a job, each in a thread and on a stream; those begun are in `runs`."""
    dataset, place = open_dataset(Path(job.dataset)), torch.device(job.device)
    network = plan(parse(job.layers_text), dataset.info.input_shape, len(dataset.info.classes))
    while len(runs) < at_once:
        runs.append(StaticRun(network, from_json(job.recipe), len(runs), dataset, place))
    start = threading.Barrier(at_once)
    with ThreadPoolExecutor(at_once) as pool:
        for _ in range(2):  # the first time clocks and caches settle
            total = sum(pool.map(lambda run: _rate(run, seconds, start), runs[:at_once]))
    on_gpu = place.type == "cuda"
    return {
        "images_per_second": total,
        "bytes_each": torch.cuda.memory_reserved(place) / len(runs) if on_gpu else 0.0,
        "bytes_free": torch.cuda.mem_get_info(place)[0] if on_gpu else 0.0,
    }


def _rate(run: StaticRun, seconds: float, start: threading.Barrier) -> float:
    """Images per second of one training."""
    images, steps_done = 0, 0
    start.wait()

    def count(step: int, steps: int, running: object) -> None:
        nonlocal steps_done
        steps_done = step

    run.on_step = count
    started = time.perf_counter()
    epoch = 0
    while time.perf_counter() - started < seconds:
        steps_done = 0
        try:
            run.epoch(epoch % run.recipe.epochs + 1, lambda: time.perf_counter() - started >= seconds)
        except TrainingStopped:
            if run.stream is not None:
                run.stream.synchronize()
        images += min(steps_done * run.batch_size, len(run.images))
        epoch += 1
    return images / (time.perf_counter() - started)


def main() -> None:
    """Serve until standard input closes."""
    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # as in a worker
    job, runs = Job(**json.loads(sys.stdin.readline())), list[StaticRun]()
    for line in sys.stdin:
        try:
            answer: dict[str, object] = {**measure(job, runs, int(line), float(sys.argv[1]))}
        except Exception as error:  # whatever it is, it is the answer
            answer = {"error": " ".join(str(error).split())[:200] or type(error).__name__}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
