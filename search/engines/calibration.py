"""How many trainings at once are fastest on one GPU: measured, since it depends on the GPU, the networks and the batch.

Twice as many are tried as long as together they are at least a tenth faster and memory holds them.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import TracebackType

from underbudget.models.errors import UnderbudgetError
from underbudget.models.language import parse
from underbudget.models.plan import PlanError, plan
from underbudget.models.references import reference
from underbudget.search.data.store import Dataset
from underbudget.search.engines.job import Job
from underbudget.search.engines.resources import Workers
from underbudget.search.engines.worker_process import environment_for
from underbudget.search.training.recipe import Recipe, to_json

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


class Measure:
    """Measures throughput on a job's GPU, in a process of its own that is gone with the block.

    Called with a number of trainings at once. Raises UnderbudgetError where the measurement fails, for want of memory
    say.
    """

    def __init__(self, job: Job, seconds: float = 1.5) -> None:
        """seconds: of each measurement, and before it as long again for clocks and caches to settle."""
        self._job, self._seconds = job, seconds

    def __enter__(self) -> Callable[[int], Throughput]:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "underbudget.search.engines.throughput", str(self._seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment_for(self._job.device),
        )
        self._timer = threading.Timer(_SECONDS, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        self._send(json.dumps(asdict(self._job)))
        return self._measure

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()

    def _measure(self, at_once: int) -> Throughput:
        assert self._process.stdout is not None
        self._send(str(at_once))
        line = self._process.stdout.readline()
        if not line:
            raise UnderbudgetError(f"the measurement ended with exit code {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise UnderbudgetError(answer["error"])
        return Throughput(**answer)

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it is dead, which the missing answer tells


def calibrate(measurement: Callable[[], Measure], most: int = MOST) -> Workers:
    """The number of trainings at once on one GPU that measured best, and what speaks against more."""
    count, best, why = 0, 0.0, f"more than {most} are not tried"
    tried = 1
    with measurement() as measure:
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
    return Job(0, text, to_json(recipe), 0, str(dataset.folder), dataset.info.checksum, device.split(",")[0])
