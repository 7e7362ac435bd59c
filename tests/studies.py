"""Studies for tests and development, written through stock Optuna as the search writes them (docs/record.md)."""

import hashlib
import json
import math
import random
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from underbudget.budget.count import Cost
from underbudget.reports.record import (
    Epoch,
    Proposal,
    Result,
    StudyRecord,
    TrialRecord,
    attributes,
    proposal_from_json,
    score,
    to_json,
    verdict,
)

LIMIT = 7999  # the largest count that params<8000 allows

_DISTRIBUTIONS = {
    "width": IntDistribution(4, 32),
    "dropout": FloatDistribution(0.0, 0.2),
    "head": CategoricalDistribution(["gap-conv", "conv-gap"]),
}
_OPTUNA_STATES = {
    "complete": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "rejected": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
}


@dataclass(frozen=True)
class Spec:
    """What a trial of a made-up study should be."""

    state: str = "complete"
    params: int = 7000
    accuracies: tuple[float, ...] = (97.0, 98.0, 98.5, 99.0)  # validation, percent, by epoch
    reason: str = ""
    layers: str | None = None  # by default one that goes with the number of parameters
    retry_of: int | None = None
    proposed: bool = True  # False: it died before it had a record
    verdict: str | None = None  # by default the state and reason; "" leaves the attribute away


def flat(params: int, accuracy: float) -> Spec:
    """A trial with the same accuracy in each of its epochs."""
    return Spec(params=params, accuracies=(accuracy,) * 4)


def settings(dataset: str = "digits", validation: int = 270, **changes: Any) -> dict[str, Any]:
    """Settings of a study, as the search stores them."""
    return {
        "record_version": 1,
        "version": "0.1.0",
        "dataset": {
            "name": dataset,
            "title": {"mnist": "MNIST handwritten digits"}.get(dataset, dataset),
            "input_shape": [1, 28, 28],
            "classes": [str(digit) for digit in range(10)],
            "counts": {"train": 50000, "validation": validation, "test": 10000},
            "mean": [0.1307],
            "std": [0.3081],
            "checksum": hashlib.sha256(dataset.encode()).hexdigest(),
        },
        "budget": "params<8000",
        "precision": "float32",
        "epochs": 15,
        "recipe": {"name": "warp10-onecycle", "batch": 128, "learning_rate": 0.1},
        "objective": "front",
        "seed": 0,
        "space": {"width": [4, 32], "head": ["gap-conv", "conv-gap"]},
        "hypervolume_reference": {"params": LIMIT, "error": 10.0},
        **changes,
    }


def session(**changes: Any) -> dict[str, Any]:
    """One session of a study, as the search stores it."""
    return {
        "started": "2026-03-01T10:00:00+00:00",
        "ended": "2026-03-01T11:00:00+00:00",
        "workers": 2,
        "device": "cpu",
        "command": "underbudget launch demo --dataset digits",
        "versions": {"python": "3.11.2", "torch": "2.15.0", "optuna": "5.0.0", "underbudget": "0.1.0"},
        "cpu": "A processor",
        "seconds": 3600.0,
        "trials_before": 0,
        "trials_after": 12,
        **changes,
    }


def curve(accuracies: tuple[float, ...]) -> list[Epoch]:
    """A learning curve with these validation accuracies."""
    return [
        Epoch(
            epoch=number,
            train_loss=round(2.3 / number, 4),
            train_accuracy=accuracy - 0.5,
            val_loss=round(2.1 / number, 4),
            val_accuracy=accuracy,
            seconds=2.0,
        )
        for number, accuracy in enumerate(accuracies, 1)
    ]


def trial_attributes(number: int, spec: Spec) -> dict[str, Any]:
    """User attributes of a trial."""
    width = spec.params // 450
    text = spec.layers or (
        f"conv3x3({width}) relu bn drop0.05 | conv3x3({width}) relu bn | maxpool2 | conv1x1({width}) | "
        f"conv3x3({width}) relu bn | conv3x3({width},p1) relu bn | gap | conv1x1(10)"
    )
    cost = Cost(spec.params, spec.params * 60, 43264, 4 * spec.params)
    proposal = Proposal(
        id=hashlib.sha256(text.encode()).hexdigest()[:12],
        layers_text=text,
        cost=cost,
        seed=1000 + number,
        recipe={"name": "warp10-onecycle", "batch": 128},
        retry_of=spec.retry_of,
    )
    result: dict[str, Any] = attributes(proposal) if spec.proposed else {}
    if spec.accuracies and spec.state != "rejected":
        result["curve"] = [asdict(epoch) for epoch in curve(spec.accuracies)]
        if spec.state in ("complete", "stopped"):
            result["result"] = to_json(trial_result(number, spec))
    text = verdict(spec.state, spec.reason) if spec.verdict is None else spec.verdict
    return {**result, "verdict": text} if text else result


def trial_record(number: int, spec: Spec) -> TrialRecord:
    """The record of such a trial, as reading it gives, without a storage."""
    stored = trial_attributes(number, spec)
    trained = "result" in stored
    return TrialRecord(
        trial=number,
        state=spec.state,
        reason=spec.reason,
        proposal=proposal_from_json(stored["record"]) if spec.proposed else None,
        curve=tuple(curve(spec.accuracies)) if spec.state != "rejected" else (),
        result=trial_result(number, spec) if trained else None,
        params=trial_params(number),
    )


def trial_params(number: int) -> dict[str, Any]:
    """The sampler's parameters of a trial."""
    source = random.Random(number)
    return {
        "width": source.randint(4, 32),
        "dropout": source.random() / 5,
        "head": source.choice(["gap-conv", "conv-gap"]),
    }


def study_record(
    specs: tuple[Spec, ...] | list[Spec] = (),
    name: str = "demo",
    study_settings: dict[str, Any] | None = None,
    sessions: tuple[dict[str, Any], ...] = (),
) -> StudyRecord:
    """The record of such a study, without a storage."""
    trials = tuple(trial_record(number, spec) for number, spec in enumerate(specs))
    return StudyRecord(name, settings() if study_settings is None else study_settings, trials, sessions)


def trial_result(number: int, spec: Spec) -> Result:
    """The result of a trained trial."""
    return Result(
        score=score(list(spec.accuracies)),
        epochs=len(spec.accuracies),
        seconds=2.0 * len(spec.accuracies),
        confusion=[[27 if row == column else 0 for column in range(10)] for row in range(10)],
        weights_file=f"models/trial-{number}.safetensors",
        weights_sha256="0" * 64,
        path="cpu float32 plain threads=1",
        device="cpu",
        hardware="A processor",
        versions={"python": "3.11.2", "torch": "2.15.0"},
        data_checksum="1" * 64,
    )


def make_study(
    path: Path,
    specs: tuple[Spec, ...] | list[Spec] = (),
    name: str = "demo",
    study_settings: dict[str, Any] | None = None,
    sessions: tuple[dict[str, Any], ...] = (),
) -> str:
    """Write a study to the SQLite file `path`, which may hold other studies, and return its storage URL."""
    url = f"sqlite:///{path}"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(url)
    try:
        study = optuna.create_study(storage=storage, study_name=name, directions=["minimize", "maximize"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(["params", "accuracy"])
        study.set_user_attr("underbudget", settings() if study_settings is None else study_settings)
        study.set_user_attr("sessions", list(sessions))
        for number, spec in enumerate(specs):
            study.add_trial(_frozen(number, spec))
    finally:
        storage.remove_session()
        storage.engine.dispose()
    return url


def _frozen(number: int, spec: Spec) -> optuna.trial.FrozenTrial:
    values = None
    final = score(list(spec.accuracies)) if spec.accuracies else math.nan
    if spec.state == "complete" and math.isfinite(final):
        values = [float(spec.params), final]
    state = _OPTUNA_STATES[spec.state]
    if spec.state == "complete" and values is None:
        state = TrialState.FAIL  # Optuna refuses NaN as the value of a complete trial
    return create_trial(
        state=state,
        values=values,
        params=trial_params(number),
        distributions=dict(_DISTRIBUTIONS),
        user_attrs=json.loads(json.dumps(trial_attributes(number, spec))),
        constraints={"params": spec.params / LIMIT - 1},
    )


def sample(trials: int, seed: int = 0, epochs: int = 15) -> list[Spec]:
    """Specs that look like a search on MNIST: a third rejected, a few failed and stopped, one still running."""
    source = random.Random(seed)
    specs = []
    for _ in range(trials):
        params = int(min(max(source.gauss(6200, 2400), 700), 14000))
        if params > LIMIT:
            reason = f"{params:,} parameters are {params - LIMIT:,} over the budget params<8000"
            specs.append(Spec("rejected", params, (), reason))
            continue
        final = 99.55 - 600 / params - abs(source.gauss(0, 0.12))
        accuracies = tuple(
            round((final - 4 * math.exp(-epoch / 2.5) * (1 + 0.1 * source.random())) * 100) / 100
            for epoch in range(epochs)
        )
        drawn = source.random()
        if drawn < 0.02:
            specs.append(Spec("failed", params, accuracies[:3], "worker died by SIGKILL"))
        elif drawn < 0.10:
            specs.append(Spec("stopped", params, accuracies[:6], "early: below the median at epoch 6"))
        else:
            specs.append(Spec("complete", params, accuracies))
    if specs:
        specs[-1] = Spec("running", 6100, (93.1, 96.0))
    return specs
