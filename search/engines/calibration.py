"""How many trainings at once are fastest on one GPU: measured, as it depends on the GPU, the networks and the batch."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass

from underbudget.models.errors import UnderbudgetError
from underbudget.models.language import parse
from underbudget.models.plan import PlanError, plan
from underbudget.models.references import reference
from underbudget.search.data.store import Dataset
from underbudget.search.engines.job import Job
from underbudget.search.engines.resources import Workers
from underbudget.search.engines.worker_process import environment_for
from underbudget.search.training.recipe import Recipe
from underbudget.search.training.recipe_json import to_json

LEAST_GAIN = 1.10  # of throughput, that twice as many trainings must bring
MOST = 64  # trainings at once on one GPU
_SHARE_OF_MEMORY = 0.8  # of the GPU's free memory that trainings may take; the rest is for larger networks
_SECONDS = 180  # a measurement that takes longer is given up


@dataclass(frozen=True)
class Throughput:
    """What so many trainings at once came to."""

    images_per_second: float  # all together
    bytes_each: float  # of the GPU's memory, per training
    bytes_free: float  # of the GPU's memory, that are left


Measure = AbstractContextManager[Callable[[int], Throughput]]


@contextmanager
def measurement(job: Job, seconds: float = 1.5) -> Iterator[Callable[[int], Throughput]]:
    """A function from a number of trainings at once to their throughput on a job's GPU, in a process that ends with the
    block; it raises UnderbudgetError, for want of memory say. seconds: of each measurement, and of a warm-up before it.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "underbudget.search.engines.throughput", str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment_for(job.device),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    commands, answers = process.stdin, process.stdout

    def send(line: str) -> None:
        with suppress(OSError):  # it is dead, which the missing answer tells
            commands.write(line + "\n")
            commands.flush()

    def measure(at_once: int) -> Throughput:
        send(str(at_once))
        line = answers.readline()
        if not line:
            raise UnderbudgetError(f"the measurement ended with exit code {process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise UnderbudgetError(answer["error"])
        return Throughput(**answer)

    timer = threading.Timer(_SECONDS, process.kill)
    timer.daemon = True
    timer.start()
    try:
        send(json.dumps(asdict(job)))
        yield measure
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def calibrate(begin: Callable[[], Measure], most: int = MOST) -> Workers:
    """The number of trainings at once on one GPU that measured best, and what speaks against twice as many."""
    count, best, tried, why = 0, 0.0, 1, f"more than {most} are not tried"
    with begin() as measure:
        while tried <= most:
            try:
                found = measure(tried)
            except UnderbudgetError as error:
                why = f"{tried} at once failed: {error}"
                break
            if found.images_per_second < LEAST_GAIN * best:
                why = f"{tried} at once bring {found.images_per_second:,.0f}"
                break
            count, best = tried, found.images_per_second
            tried *= 2
            if (tried - count) * found.bytes_each > _SHARE_OF_MEMORY * found.bytes_free:
                why = f"memory would be short for {tried}"
                break
    if not count:
        return Workers(1, f"one, the measurement failed: {why}")
    return Workers(count, f"measured {best:,.0f} images/s, {why}")


def typical_job(dataset: Dataset, recipe: Recipe, device: str) -> Job:
    """A training to measure with: saish-m4 where it fits the data set, else a network of its size."""
    classes = len(dataset.info.classes)
    text = str(reference("saish-m4").architecture)
    try:
        plan(parse(text), dataset.info.input_shape, classes)
    except PlanError:
        text = f"conv3x3(16,p1) relu bn | conv3x3(16,p1) relu bn | conv3x3(16,p1) relu bn | gap | linear({classes})"
    return Job(0, text, to_json(recipe), 0, str(dataset.folder), dataset.info.fingerprint, device.split(",")[0])
