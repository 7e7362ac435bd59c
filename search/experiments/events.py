"""What an experiment tells while it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from underbudget.reports.runs import Run
from underbudget.search.engines.job import EpochDone, StepsDone
from underbudget.search.experiments.run_spec import RunSpec
from underbudget.search.experiments.setup import Setup


@dataclass(frozen=True)
class Said:
    """Something that a person should know."""

    line: str


@dataclass(frozen=True)
class Planned:
    """Everything is checked and prepared: the runs come next."""

    specs: Sequence[RunSpec]
    setup: Setup
    folder: Path


@dataclass(frozen=True)
class Begun:
    """A run was handed to the engine."""

    spec: RunSpec


@dataclass(frozen=True)
class Moved:
    """A run is further within an epoch, or one epoch further."""

    spec: RunSpec
    message: StepsDone | EpochDone


@dataclass(frozen=True)
class Kept:
    """A run was there already."""

    spec: RunSpec
    run: Run


@dataclass(frozen=True)
class Over:
    """A run is finished and stored."""

    spec: RunSpec
    run: Run


@dataclass(frozen=True)
class Lost:
    """A run failed. `final`: it is not tried again."""

    spec: RunSpec
    reason: str
    final: bool


RunEvent = Begun | Moved | Kept | Over | Lost
Event = Said | Planned | RunEvent
Notify = Callable[[Event], None]


def unheard(event: Event) -> None:
    """Nobody listens."""
