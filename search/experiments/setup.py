"""What an experiment computes on: data set, device and number of workers."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from underbudget.search.data import sources
from underbudget.search.data.definition import NAMED, Definition
from underbudget.search.data.store import Dataset
from underbudget.search.engines import devices, resources
from underbudget.search.engines.calibration import Measure, measurement, typical_job
from underbudget.search.engines.devices import Say
from underbudget.search.engines.job import Engine
from underbudget.search.experiments.options import ExperimentOptions
from underbudget.search.training import built_in_recipes, run_length

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Setup:
    """A data set and the devices to train on. The number of trainings at a time is chosen when it is first needed: on
    GPUs it is measured."""

    dataset: Dataset
    device: str  # or several, "cuda:0,cuda:1"
    asked: int | None = None  # --workers
    say: Say = log.info

    def engine(self, jobs: int) -> Engine:
        """An engine for so many jobs."""
        if self._is_measured and jobs <= len(self.device.split(",")):
            return devices.engine_for(self.device, max(1, jobs))  # one on each GPU at most: nothing to measure
        return devices.engine_for(self.device, max(1, min(self._workers.count, jobs)))

    def device_line(self) -> str:
        """The device in words."""
        import torch

        from underbudget.search.training import environment

        name = environment.hardware(torch.device(self.device.split(",")[0]))
        seen = "" if self.device != "cpu" or torch.cuda.is_available() else ", no CUDA device found"
        if self._is_measured:
            return f"{self.device} ({name}), as many at a time as a measurement finds fastest"
        return f"{self.device} ({name}{seen}), {self._workers.count} at a time ({self._workers.reason})"

    @property
    def _is_measured(self) -> bool:
        return self.asked is None and self.device.startswith("cuda")

    @cached_property
    def _workers(self) -> resources.Workers:
        """At once, on all devices together."""
        return devices.choose_workers(self.device, self.asked, False, self._measure, self.say)

    def _measure(self) -> Measure:
        images = self.dataset.info.counts["train"]
        usual = run_length.resolve(built_in_recipes.recipe(built_in_recipes.DEFAULT_RECIPE), images=images)
        return measurement(typical_job(self.dataset, usual, self.device))


def prepare(
    definition: Definition, options: ExperimentOptions, say: Say = log.info, checksum: str | None = None
) -> Setup:
    """Choose the device and open the data set, which the first time is prepared; `checksum` as in `sources.prepare`.
    Raises UserError."""
    if definition.kind == NAMED:
        sources.source(definition.source)
    device = devices.choose_device(options.device or "auto", say)
    folder = None if options.data_dir is None else Path(options.data_dir)
    return Setup(sources.prepare(definition, folder, say, checksum), device, options.workers, say)
