"""What the coordinator and its engines say to each other: plain JSON objects, so that any transport will do.

The coordinator submits a Job; for it come back any number of EpochDone and then one Finished or Failed.
"""

from dataclasses import asdict, dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Job:
    """One training: everything a worker needs to know."""

    trial: int  # Optuna's trial number
    layers_text: str
    recipe: dict[str, Any]
    seed: int
    dataset: str  # folder of the prepared data set
    checksum: str  # of that data set: a worker refuses other data
    device: str
    path: str = "auto"  # how to compute: one of search.training.paths.PATHS, or as a result recorded it


@dataclass(frozen=True)
class EpochDone:
    """One epoch is over; fields as in reports.record.Epoch."""

    trial: int
    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Finished:
    """The training is over, after its last epoch."""

    trial: int
    weights: str  # base64 of safetensors bytes
    confusion: list[list[int]]
    seconds: float
    path: str
    device: str
    hardware: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Failed:
    """The training came to nothing. `transient`: another try may go well (a dead worker, no memory)."""

    trial: int
    reason: str
    transient: bool


Message = EpochDone | Finished | Failed

_KINDS: dict[str, type[EpochDone] | type[Finished] | type[Failed]] = {
    "epoch": EpochDone,
    "finished": Finished,
    "failed": Failed,
}


def message_to_json(message: Message) -> dict[str, Any]:
    """A JSON object with the key `kind`."""
    kind = next(kind for kind, cls in _KINDS.items() if isinstance(message, cls))
    return {"kind": kind, **asdict(message)}


def message_from_json(value: dict[str, Any]) -> Message:
    """The inverse of `message_to_json`."""
    fields = dict(value)
    return _KINDS[fields.pop("kind")](**fields)


class Engine(Protocol):
    """Runs jobs. Used from one thread."""

    slots: int  # jobs that may be submitted and unfinished: those that run, and those that wait ready

    def submit(self, job: Job) -> None:
        """Begin a job; only when fewer than `slots` are under way."""

    def wait(self, timeout: float) -> list[Message]:
        """What the jobs have said since, after at most about `timeout` seconds without news."""

    def close(self) -> None:
        """End everything that runs, at once; safe to call twice."""
