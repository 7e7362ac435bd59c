"""Judged runs that take no time, and small stores, for tests of what stands around trainings."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from underbudget.reports.record import Epoch
from underbudget.reports.runs import Data, Evaluated, Misclassification, Run
from underbudget.search.data.protocol import evaluated_part
from underbudget.search.data.store import Dataset, open_dataset
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import EpochDone, Failed, Finished, Job, Message
from underbudget.search.experiments.setup import Setup


def data_dir(dataset: Dataset) -> str:
    """The --data-dir that a prepared data set was prepared below."""
    return str(dataset.folder.parents[1])


def accuracy(job: Job, epoch: int) -> float:
    """A number in 90..100 that depends on network, seed and epoch only."""
    digest = hashlib.sha256(f"{job.layers_text}/{job.seed}/{epoch}".encode()).digest()
    return 90 + digest[0] / 255 * 10


def detailed(job: Job) -> Iterator[Message]:
    """What a worker would say of a detailed job, at once; weights are the job's layers as bytes."""
    info = open_dataset(Path(job.dataset)).info
    epochs, part = job.recipe["epochs"], evaluated_part(job.protocol)
    for epoch in range(1, epochs + 1):
        yield EpochDone(job.trial, epoch, 1 / epoch, 80.0 + epoch, 0.5 / epoch, accuracy(job, epoch), 0.25)
    images, classes = info.counts[part], len(info.classes)
    judged = {
        "part": part,
        "images": images,
        "curve": [{"epoch": e, "loss": 0.5 / e, "accuracy": accuracy(job, e)} for e in range(1, epochs + 1)],
        "confusion": np.diag([images // classes] * classes).tolist(),
        "missed": [[3, 1, 7, 81.5], [5, 2, 0, 99.0]],
    }
    weights = base64.b64encode(f"{job.layers_text}/{job.seed}".encode()).decode()
    versions = {"python": "3", "torch": "2"}
    yield Finished(job.trial, weights, [[1]], 0.5 * epochs, "simulated", "cpu", "none", versions, judged, [0.1], [0.3])


def failing(wanted: Callable[[Job], bool], transient: bool = False) -> Callable[[Job], Iterator[Message]]:
    """As `detailed`, but jobs that are `wanted` fail after their first epoch."""

    def run(job: Job) -> Iterator[Message]:
        if not wanted(job):
            yield from detailed(job)
            return
        yield EpochDone(job.trial, 1, 1.0, 50.0, 1.0, 50.0, 0.5)
        yield Failed(
            job.trial, "worker process killed by SIGKILL" if transient else "the loss is not finite", transient
        )

    return run


def instead_of_workers(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[Job], Iterator[Message]] = detailed
) -> list[Job]:
    """Let every bench train by `run` in this process; the list that is returned fills with the jobs."""
    jobs: list[Job] = []

    def noted(job: Job) -> Iterator[Message]:
        jobs.append(job)
        return run(job)

    monkeypatch.setattr(Setup, "engine", lambda setup, count: InProcessEngine(noted))
    return jobs


def a_run(accuracies: tuple[float, ...], train: float = 98.0, name: str = "saish-m4", **changes: Any) -> Run:
    """A run on MNIST's test part with these accuracies by epoch."""
    data = Data("mnist", "0" * 64, (1, 28, 28), tuple("0123456789"), (0.13,), (0.31,), 60_000, "test", 10_000)
    curve = tuple(Epoch(epoch, 0.1, train, 0.05, value, 8.0) for epoch, value in enumerate(accuracies, 1))
    fields: dict[str, Any] = {
        "name": name,
        "id": "0" * 12,
        "layers_text": "gap | linear(10)",
        "params": 7600,
        "macs": 1000,
        "recipe": {"name": "warp10-onecycle", "batch_size": 128},
        "seed": 0,
        "protocol": "published",
        "data": data,
        "curve": curve,
        "judged": tuple(Evaluated(epoch, 0.05, value) for epoch, value in enumerate(accuracies, 1)),
        "confusion": np.diag([1000] * 10).tolist(),
        "missed": (Misclassification(3, 1, 7, 81.5),),
        "readings": len(accuracies),
        "seconds": 8.0 * len(accuracies),
        "path": "cpu float32 plain threads=1",
        "device": "cpu",
        "hardware": "a processor",
        "versions": {"torch": "2.15.0"},
        "weights_file": "seed-0.safetensors",
        "weights_sha256": "0" * 64,
        "finished": "2026-01-01T00:00:00+00:00",
    }
    return Run(**{**fields, **changes})
