"""Where judged runs are computed: data set, device and number of workers, resolved from what a person asked."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.errors import UserError
from search import devices, resources
from search.data import sources
from search.data.store import Dataset
from search.engines.job import Engine

log = logging.getLogger(__name__)

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Bench:
    """A data set and a place to train on."""

    dataset: Dataset
    device: str
    workers: int
    workers_reason: str

    def engine(self, jobs: int) -> Engine:
        """An engine for so many jobs."""
        return devices.engine_for(self.device, max(1, min(self.workers, jobs)))

    def device_line(self) -> str:
        """What is trained on, in words."""
        import torch

        from search.training import environment

        name = environment.hardware(torch.device(self.device.partition(",")[0]))
        seen = "" if self.device != "cpu" or torch.cuda.is_available() else ", no CUDA device found"
        return f"{self.device} ({name}{seen}), {self.workers} at a time ({self.workers_reason})"


def prepare(
    dataset: str,
    data_dir: str | None = None,
    device: str | None = None,
    workers: int | None = None,
    say: Callable[[str], None] = log.info,
) -> Bench:
    """Resolve the options of the same names; the first time this prepares the data set. Raises UserError."""
    if workers is not None and not 1 <= workers <= 1024:
        raise UserError(f"--workers is a whole number from 1 to 1024, not {workers}")
    sources.source(dataset)
    chosen = devices.choose_device(device or "auto", say)
    data = sources.prepare(dataset, None if data_dir is None else Path(data_dir), say)
    if workers is not None:
        found = resources.Workers(workers, "as asked")
    elif chosen == "cpu":
        found = resources.usable_workers()
    else:
        gpus = len(chosen.split(","))
        found = resources.Workers(gpus, f"one per device, {gpus} here")
    return Bench(data, chosen, found.count, found.reason)


def check_seeds(seeds: int, least: int = 1) -> int:
    """The number of seeds, if it may be one. Raises UserError otherwise."""
    if not least <= seeds <= MOST_SEEDS:
        raise UserError(f"--seeds is a whole number from {least} to {MOST_SEEDS}, not {seeds}")
    return seeds
