"""What the coordinator and its engines send each other: plain JSON objects, so that any transport will do.

The coordinator submits a Job; any number of EpochDone come back, then one Finished or Failed; after a stop nothing.
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
    fingerprint: str  # of that data set's description (DatasetInfo): a worker refuses other data
    device: str
    backend: str = "auto"  # how to compute: one of search.training.backends.BACKENDS, or as a result recorded it
    protocol: str = "search"  # what to train and to evaluate on: one of search.data.protocol.PROTOCOLS
    detailed: bool = False  # StepsDone on the way, `evaluation` at the end


@dataclass(frozen=True)
class StepsDone:
    """How far a detailed job is within an epoch; sent a few times a second, but never by an engine in process."""

    trial: int
    epoch: int
    step: int  # of `steps`, from 1
    steps: int
    train_loss: float  # running means over the epoch so far
    train_accuracy: float
    seconds: float  # since the epoch began


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
    backend: str
    device: str
    hardware: str
    versions: dict[str, str]
    evaluation: dict[str, Any] | None = None  # of a detailed job: what search.training.evaluate says of its weights
    mean: list[float] | None = None  # per channel, as the images were normalised with; of a detailed job
    std: list[float] | None = None


@dataclass(frozen=True)
class Failed:
    """The training failed. `transient`: another try may go well (a dead worker, no memory)."""

    trial: int
    reason: str
    transient: bool
    out_of_memory: bool = False  # too many jobs at once, perhaps: an engine may run fewer from now on


Message = StepsDone | EpochDone | Finished | Failed

_KINDS: dict[str, type[Message]] = {"steps": StepsDone, "epoch": EpochDone, "finished": Finished, "failed": Failed}


def message_to_json(message: Message) -> dict[str, Any]:
    """A JSON object with the key `kind`."""
    kind = next(kind for kind, cls in _KINDS.items() if isinstance(message, cls))
    return {"kind": kind, **asdict(message)}


def message_from_json(value: dict[str, Any]) -> Message:
    """The inverse of `message_to_json`."""
    return _KINDS[value["kind"]](**{name: item for name, item in value.items() if name != "kind"})


class Engine(Protocol):
    """Runs jobs. Used from one thread."""

    @property
    def slots(self) -> int:
        """Jobs that may be submitted and unfinished: those that run, and those that wait ready. May fall."""

    def submit(self, job: Job) -> None:
        """Begin a job; only when fewer than `slots` are under way."""

    def wait(self, timeout: float) -> list[Message]:
        """What the jobs have said since, after at most about `timeout` seconds without news."""

    def stop(self, trial: int) -> None:
        """End a trial's job, if there is one, soon. Its place is free and `wait` silent about it at once."""

    def busy_share(self) -> float | None:
        """Share of the time, 0..1, in which the places for jobs computed (`Occupancy`)."""

    def close(self) -> None:
        """End everything that runs, at once; safe to call twice."""
