"""The record of a trial: the contract between the search, which writes it, and the reports, which read it.

A record is plain JSON in user attributes of the Optuna trial (docs/record.md lists every field):

    layers    the architecture's text, short for the dashboard
    record    what was proposed: written before the gate is asked, for rejected trials too
    curve     one entry per finished epoch
    result    what came out: written once, before the trial is told
    stop      where and on what forecast it was stopped early
    verdict   the state word and, after ": ", the reason, e.g. "rejected: same as #12"
"""

import json
import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from underbudget.budget.count import Cost
from underbudget.models.typed import typed
from underbudget.reports.settings import StoredSettings, stored_settings

RECORD_VERSION = 1
STUDY_ATTRIBUTE = "underbudget"  # study user attribute that holds the study's fixed settings
SCORE_EPOCHS = 3  # the score is the mean validation accuracy of the last three epochs

STATES = ("running", "complete", "stopped", "rejected", "failed")
TRAINED = ("complete", "stopped")  # states with training that counts


@dataclass(frozen=True)
class Epoch:
    """One epoch of a learning curve. Losses are mean cross-entropies in nats, accuracies percent."""

    epoch: int  # from 1
    train_loss: float  # running mean during the epoch, train mode, augmentation on
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Proposal:
    """What was proposed: written for every trial, rejected ones included."""

    id: str  # Architecture.id
    layers_text: str
    cost: Cost
    seed: int  # seed of the training, derived from study seed and trial number
    recipe: dict[str, Any]
    retry_of: int | None = None  # number of the failed trial that this one repeats
    record_version: int = RECORD_VERSION


@dataclass(frozen=True)
class Result:
    """What came out of a trained trial."""

    score: float  # mean validation accuracy of the last three epochs, percent
    epochs: int
    seconds: float  # training and validation, without waiting
    confusion: list[list[int]]  # validation counts [true][predicted] at the last epoch
    weights_file: str  # below the run's folder, e.g. "models/trial-12.safetensors"
    weights_sha256: str
    path: str  # how it was computed, e.g. "cpu float32 plain threads=1"
    device: str  # e.g. "cpu", "cuda:0"
    hardware: str  # name of the processor or GPU
    versions: dict[str, str]  # python, torch, numpy, optuna, underbudget
    data_checksum: str


@dataclass(frozen=True)
class Stop:
    """The early end of a trial."""

    epoch: int  # the last epoch that counts
    estimate: float  # percent: the score that the trial was expected to come to


@dataclass(frozen=True)
class TrialRecord:
    """A trial as the reports see it."""

    trial: int  # Optuna's trial number
    state: str  # one of STATES
    reason: str  # why it was rejected, stopped or failed; "" otherwise
    proposal: Proposal | None  # None for a trial that died before it was proposed
    curve: tuple[Epoch, ...] = ()
    result: Result | None = None
    stop: Stop | None = None
    params: dict[str, Any] = field(default_factory=dict)  # the sampler's parameters
    started: datetime | None = None
    completed: datetime | None = None

    @property
    def score(self) -> float | None:
        """Score of a complete trial, else None."""
        return self.result.score if self.state == "complete" and self.result is not None else None


@dataclass(frozen=True)
class StudyRecord:
    """A study as the reports see it. `settings` is the STUDY_ATTRIBUTE, see docs/record.md."""

    name: str
    settings: dict[str, Any]
    trials: tuple[TrialRecord, ...]
    sessions: tuple[dict[str, Any], ...] = ()
    confirmations: tuple[dict[str, Any], ...] = ()  # runs of finalists on fresh seeds (reports/runs.py)
    readings: tuple[dict[str, Any], ...] = ()  # test-set accesses on behalf of this study

    @cached_property
    def stored(self) -> StoredSettings:
        """The settings with types."""
        return stored_settings(self.settings)

    @property
    def axis(self) -> str:
        """The cost that the front is searched for, a field of `Cost`."""
        return self.stored.minimize


def score(accuracies: list[float]) -> float:
    """Mean of the last three validation accuracies (of all, if fewer), percent. Raises ValueError for an empty list."""
    if not accuracies:
        raise ValueError("a score needs at least one epoch")
    last = accuracies[-SCORE_EPOCHS:]
    return math.fsum(last) / len(last)


def score_words(epochs: int | None) -> str:
    """What the score of a trial with that many epochs is the mean of: "mean of the last 3 epochs"."""
    if epochs is None or epochs > SCORE_EPOCHS:
        return f"mean of the last {SCORE_EPOCHS} epochs"
    return "the only epoch" if epochs == 1 else f"mean of the {epochs} epochs"


def verdict(state: str, reason: str = "") -> str:
    """Text of the verdict attribute."""
    return f"{state}: {reason}" if reason else state


def split_verdict(text: str) -> tuple[str, str]:
    """(state, reason) of a verdict attribute; the inverse of `verdict`."""
    state, _, reason = text.partition(": ")
    return state, reason


def state_of(optuna_state: str, verdict: object, over_budget: bool) -> tuple[str, str]:
    """(state, reason) of a stored trial: its verdict once Optuna was told; Optuna's own state where there is none."""
    if optuna_state in ("RUNNING", "WAITING"):
        return "running", ""  # a verdict that was not told before a kill does not count: the trial is run again
    state, reason = split_verdict(str(verdict))
    if state in STATES:
        return state, reason
    pruned = "rejected" if over_budget else "stopped"
    return {"COMPLETE": "complete", "FAIL": "failed"}.get(optuna_state, pruned), ""


def to_json(value: Proposal | Result | Epoch | Stop) -> dict[str, Any]:
    """A JSON object of a part of a record."""
    return asdict(value)


def proposal_from_json(value: dict[str, Any]) -> Proposal:
    """The inverse of `to_json` for a Proposal. Raises ValueError for anything else."""
    return typed(Proposal, value, "record")


def attributes(proposal: Proposal) -> dict[str, Any]:
    """User attributes that a proposal is stored as."""
    return {"layers": proposal.layers_text, "record": json.loads(json.dumps(to_json(proposal)))}
