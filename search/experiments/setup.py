"""Where judged runs are computed: data set, device and number of workers, resolved from what a person asked."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.search.data import sources
from underbudget.search.data.store import Dataset
from underbudget.search.engines import devices, resources
from underbudget.search.engines.calibration import Measure, measurement, typical_job
from underbudget.search.engines.devices import Say
from underbudget.search.engines.job import Engine
from underbudget.search.training import recipe as recipes

log = logging.getLogger(__name__)

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Setup:
    """A data set and a place to train on. How many trainings run at once is settled when it is first needed: on GPUs
    it takes a measurement."""

    dataset: Dataset
    device: str  # or several, "cuda:0,cuda:1"
    asked: int | None = None  # --workers
    say: Say = log.info

    def engine(self, jobs: int) -> Engine:
        """An engine for so many jobs."""
        if self._is_measured and jobs <= len(self._devices):
            return devices.engine_for(self.device, max(1, jobs))  # one on each GPU at most: nothing to measure
        return devices.engine_for(self.device, max(1, min(self._workers.count, jobs)))

    def device_line(self) -> str:
        """What is trained on, in words."""
        import torch

        from underbudget.search.training import environment

        name = environment.hardware(torch.device(self._devices[0]))
        seen = "" if self.device != "cpu" or torch.cuda.is_available() else ", no CUDA device found"
        if self._is_measured:
            return f"{self.device} ({name}), as many at a time as a measurement finds fastest"
        return f"{self.device} ({name}{seen}), {self._workers.count} at a time ({self._workers.reason})"

    @property
    def _devices(self) -> list[str]:
        return self.device.split(",")

    @property
    def _is_measured(self) -> bool:
        return self.asked is None and self.device.startswith("cuda")

    @cached_property
    def _workers(self) -> resources.Workers:
        """At once, on all devices together."""
        return devices.choose_workers(self.device, self.asked, False, self._measure, self.say)

    def _measure(self) -> Measure:
        images = self.dataset.info.counts["train"]
        usual = recipes.resolve(recipes.recipe(recipes.DEFAULT_RECIPE), images=images)
        return measurement(typical_job(self.dataset, usual, self.device))


def prepare(
    dataset: str,
    data_dir: str | None = None,
    device: str | None = None,
    workers: int | None = None,
    say: Say = log.info,
) -> Setup:
    """Resolve the options of the same names; the first time this prepares the data set. Raises UserError."""
    if workers is not None and not 1 <= workers <= 1024:
        raise UserError(f"--workers is a whole number from 1 to 1024, not {workers}")
    sources.source(dataset)
    chosen = devices.choose_device(device or "auto", say)
    return Setup(sources.prepare(dataset, None if data_dir is None else Path(data_dir), say), chosen, workers, say)


def check_seeds(seeds: int, least: int = 1) -> int:
    """The number of seeds, if it may be one. Raises UserError otherwise."""
    if not least <= seeds <= MOST_SEEDS:
        raise UserError(f"--seeds is a whole number from {least} to {MOST_SEEDS}, not {seeds}")
    return seeds
