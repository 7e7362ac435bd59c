"""The record of one evaluated run (architecture + recipe + seed + protocol), as versioned JSON; docs/experiments.md.

The search fills it in, one file per seed; pages, tables and `underbudget confirm` read it.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError
from underbudget.models.files import json_value
from underbudget.models.typed import typed
from underbudget.reports.record import SCORE_EPOCHS, Epoch
from underbudget.reports.statistics import Summary, summary

RUN_VERSION = 1
HOLDING_EPOCHS = 5  # a target is held when each of the last five epochs reaches it

_ROUNDING = 1e-9  # accuracies are counts / n x 100 in floating point; far below one image


@dataclass(frozen=True)
class Data:
    """What a run was trained and evaluated on."""

    name: str
    checksum: str
    input_shape: tuple[int, ...]  # (channels, height, width)
    classes: tuple[str, ...]
    mean: tuple[float, ...]  # per channel, as the images were normalised with, pixels scaled to 0..1
    std: tuple[float, ...]
    trained: int  # images
    part: str  # evaluated on: "validation" or "test"
    judged: int  # images of that part
    frontend: dict[str, Any] | None = None  # how an image is made of the raw data (DatasetInfo)


@dataclass(frozen=True)
class Evaluated:
    """One epoch's weights on the evaluated part."""

    epoch: int
    loss: float  # nats
    accuracy: float  # percent


@dataclass(frozen=True)
class Misclassification:
    """A misclassified image, by the last epoch's weights."""

    index: int  # in the evaluated part
    true: int
    predicted: int
    confidence: float  # softmax probability of the prediction, percent


@dataclass(frozen=True)
class Run:
    """A finished run."""

    name: str | None  # of the reference or trial
    id: str  # Architecture.id
    layers_text: str
    params: int
    macs: int
    recipe: dict[str, Any]
    seed: int
    protocol: str  # "search", "confirm" or "published"
    data: Data
    # Per epoch; `val_` is of the evaluated part, but under "confirm" of the validation part, which is trained on.
    curve: tuple[Epoch, ...]
    judged: tuple[Evaluated, ...]  # per epoch
    confusion: list[list[int]]  # counts [true][predicted] on the evaluated part, last epoch
    missed: tuple[Misclassification, ...]
    readings: int  # test-set accesses: how often predictions were compared with labels of the test part
    seconds: float
    path: str
    device: str
    hardware: str
    versions: dict[str, str]
    weights_file: str  # below the folder of the record
    weights_sha256: str
    finished: str  # ISO 8601
    run_version: int = RUN_VERSION

    @property
    def last(self) -> float:
        """Accuracy of the last epoch on the evaluated part, percent."""
        return self.judged[-1].accuracy

    @property
    def best(self) -> Evaluated:
        """The best epoch on the evaluated part, the earliest of equals: chosen on that part, so it flatters."""
        return max(self.judged, key=lambda epoch: (epoch.accuracy, -epoch.epoch))

    @property
    def score(self) -> float:
        """Mean accuracy of the last three epochs (of what there is, if fewer) on the evaluated part, percent."""
        last = [epoch.accuracy for epoch in self.judged[-SCORE_EPOCHS:]]
        return math.fsum(last) / len(last)

    def holds(self, target: float, epochs: int = HOLDING_EPOCHS) -> bool:
        """Whether each of the last epochs (of all, if there are fewer) has at least `target` percent."""
        return all(epoch.accuracy >= target - _ROUNDING for epoch in self.judged[-epochs:])


class OverSeeds:
    """Statistics over `runs` that differ only in their seed. Raises ValueError where there are none."""

    runs: tuple[Run, ...]

    @property
    def last(self) -> Summary:
        """Accuracy of the last epoch on the evaluated part, over the seeds."""
        return summary([run.last for run in self.runs])

    @property
    def best(self) -> Summary:
        """Accuracy of each seed's best epoch on the evaluated part: chosen on that part."""
        return summary([run.best.accuracy for run in self.runs])


def conditions_json(runs: Sequence[Run]) -> dict[str, Any]:
    """Conditions of several runs on the same data, as plain JSON."""
    first = runs[0]
    return {
        "protocol": first.protocol,
        "epochs": len(first.judged),
        "judged_on": {"part": first.data.part, "images": first.data.judged},
        "readings": sum(run.readings for run in runs),
        "data": asdict(first.data),
        "paths": sorted({run.path for run in runs}),
        "hardware": sorted({run.hardware for run in runs}),
        "versions": first.versions,
    }


def to_json(run: Run) -> dict[str, Any]:
    """A plain JSON object; misclassified images as short lists."""
    value = asdict(run)
    value["missed"] = [[each.index, each.true, each.predicted, each.confidence] for each in run.missed]
    stored: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    return stored


def from_json(value: dict[str, Any]) -> Run:
    """The inverse of `to_json`. Raises UserError for the form of another version, ValueError for no form of a run."""
    version = value.get("run_version") if isinstance(value, dict) else None
    if version != RUN_VERSION:
        raise UserError(
            f"this run has record version {version}, this program reads {RUN_VERSION}: use the version of underbudget "
            "that made it, or train again into another folder"
        )
    names = [field.name for field in fields(Misclassification)]
    missed = [dict(zip(names, each, strict=True)) for each in typed(list[list[Any]], value.get("missed"), "missed")]
    run = typed(Run, {**value, "missed": missed}, "run")
    if not run.judged:
        raise ValueError("a run has an epoch")
    return run


def read_run(path: Path) -> Run:
    """The run stored in a file. Raises UserError where it cannot be read."""
    try:
        return from_json(json_value(path.read_bytes()))
    except OSError as error:
        raise UserError(f"the run {path} cannot be read ({error.strerror}): check the folder") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise UserError(f"{path}: {error}") from None
        raise UserError(f"{path} is no record of a run: remove it, or name another folder") from None


def holding(runs: Sequence[Run], target: float, epochs: int = HOLDING_EPOCHS) -> str:
    """How many seeds hold a target, in words: "target 99.40: held in each of the last 5 epochs by 4 of 5 seeds"."""
    held = sum(run.holds(target, epochs) for run in runs)
    seeds = "seed" if len(runs) == 1 else "seeds"
    return f"target {target:.2f}: held {in_last_epochs(runs, epochs)} by {held} of {len(runs)} {seeds}"


def in_last_epochs(runs: Sequence[Run], epochs: int) -> str:
    """The last epochs in words, no more than every run has: "in each of the last 5 epochs"."""
    count = min([epochs, *(len(run.judged) for run in runs)])
    return f"in each of the last {count} epochs" if count > 1 else "in the only epoch"
