"""What an experiment tells while it runs: text for a person, what is planned, and what becomes of each run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from underbudget.reports.runs import Run
from underbudget.search.engines.job import EpochDone, StepsDone
from underbudget.search.experiments.run_spec import RunSpec
from underbudget.search.experiments.setup import Setup


@dataclass(frozen=True)
class Planned:
    """Everything is checked and prepared: the runs come next."""

    specs: Sequence[RunSpec]
    setup: Setup
    folder: Path


@dataclass(frozen=True)
class RunEvent:
    """Something happened to one run."""

    spec: RunSpec


class Begun(RunEvent):
    """A run was handed to the engine."""


@dataclass(frozen=True)
class Moved(RunEvent):
    """A run is further within an epoch, or one epoch further."""

    message: StepsDone | EpochDone


@dataclass(frozen=True)
class Kept(RunEvent):
    """A run was there already."""

    run: Run


@dataclass(frozen=True)
class Over(RunEvent):
    """A run is finished and stored."""

    run: Run


@dataclass(frozen=True)
class Lost(RunEvent):
    """A run failed. `final`: it is not tried again."""

    reason: str
    final: bool


Event = str | Planned | RunEvent
Notify = Callable[[Event], None]
