"""Measures how fast several trainings at once are on one device.

Started as `python -P -m underbudget.search.engines.throughput SECONDS`.

Comes in: a job, then a number of trainings on each line. Goes out, for each: images_per_second of all together,
bytes_each and bytes_free of the GPU's memory; or error. Trainings that were begun are kept for the next number.
"""

import json
import sys
import threading
import time
from pathlib import Path

import torch

from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.data.store import open_dataset
from underbudget.search.engines.job import Job
from underbudget.search.training.cuda.train import StaticRun
from underbudget.search.training.loop import TrainingStopped
from underbudget.search.training.recipe import from_json


class Trainings:
    """Trainings of one job's network that go on at the same time, each in a thread and on a stream."""

    def __init__(self, job: Job) -> None:
        self._job, self._place = job, torch.device(job.device)
        self._dataset = open_dataset(Path(job.dataset))
        info = self._dataset.info
        self._plan = plan(parse(job.layers_text), info.input_shape, len(info.classes))
        self._recipe = from_json(job.recipe)
        self._runs: list[StaticRun] = []

    def images_per_second(self, at_once: int, seconds: float) -> float:
        """Of so many trainings together, over about so many seconds."""
        while len(self._runs) < at_once:
            self._runs.append(self._begin(len(self._runs)))
        rates, failures = [0.0] * at_once, list[BaseException]()
        start = threading.Barrier(at_once)

        def work(number: int) -> None:
            try:
                start.wait()
                rates[number] = _rate(self._runs[number], seconds)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return sum(rates)

    def memory(self) -> tuple[float, float]:
        """(bytes of the GPU per training, bytes free)."""
        if self._place.type != "cuda":
            return 0.0, 0.0
        return torch.cuda.memory_reserved(self._place) / len(self._runs), torch.cuda.mem_get_info(self._place)[0]

    def _begin(self, seed: int) -> StaticRun:
        return StaticRun(self._plan, self._recipe, seed, self._dataset, self._place)


def _rate(run: StaticRun, seconds: float) -> float:
    """Images per second of one training."""
    images, steps_done = 0, 0

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
    seconds, trainings = float(sys.argv[1]), None
    for line in sys.stdin:
        try:
            if trainings is None:
                trainings = Trainings(Job(**json.loads(line)))
                continue
            at_once = int(line)
            trainings.images_per_second(at_once, seconds)  # clocks and caches settle
            answer: dict[str, object] = {"images_per_second": trainings.images_per_second(at_once, seconds)}
            answer["bytes_each"], answer["bytes_free"] = trainings.memory()
        except Exception as error:  # whatever it is, it is the answer
            answer = {"error": " ".join(str(error).split())[:200] or type(error).__name__}
            if trainings is None:
                print(json.dumps(answer), flush=True)
                return
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
