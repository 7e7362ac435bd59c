"""A trained trial of a study: its weights, its module, and the validation images that are kept to check exports with.

Needs nothing but the study's folder and database.
"""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models import weights
from underbudget.models.errors import UserError
from underbudget.models.files import json_value, write_atomically
from underbudget.reports import front as fronts
from underbudget.reports.network import plan_of
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.search.data.store import Dataset
from underbudget.search.study.location import StudyLocation

if TYPE_CHECKING:
    import torch

SAMPLES_FILE = "models/samples.json"  # below the study's folder
MOST_SAMPLES = 64
_MOST_BYTES = 65_536


def keep_samples(dataset: Dataset, folder: Path) -> None:
    """Write SAMPLES_FILE, unless it is there: JSON of `shape` (k, c, h, w), `images` (see models.images), `labels`."""
    from underbudget.models.images import pack

    path = folder / SAMPLES_FILE
    with contextlib.suppress(UserError):
        read_samples(folder, dataset.info.input_shape)
        return
    images, labels = choose_samples(dataset, MOST_SAMPLES)
    stored = {"shape": list(images.shape), "images": pack(images), "labels": labels}
    write_atomically(path, json.dumps(stored).encode())


def choose_samples(dataset: Dataset, most: int) -> tuple[Any, list[int]]:
    """Validation images, uint8 (k, c, h, w), and their labels: one of each class, then from the beginning of the part;
    at most `most` and _MOST_BYTES, at least one."""
    import numpy as np

    part = dataset.part("validation")
    labels = np.asarray(part.labels)
    wanted = max(1, min(most, _MOST_BYTES // int(np.prod(dataset.info.input_shape))))
    first = [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)]
    rest = [index for index in range(min(len(labels), wanted + len(first))) if index not in set(first)]
    chosen = (first + rest)[:wanted]
    return np.array(part.images[chosen]), [int(label) for label in labels[chosen]]


def samples(folder: Path, shape: Sequence[int], dataset: Dataset | None) -> tuple[Any, list[int]]:
    """The images and labels of SAMPLES_FILE, or where it is missing or damaged of the data set."""
    try:
        return read_samples(folder, shape)
    except UserError:
        if dataset is None:
            raise
        return choose_samples(dataset, MOST_SAMPLES)


def read_samples(folder: Path, shape: Sequence[int]) -> tuple[Any, list[int]]:
    """Images uint8 (k, channels, height, width), of `shape` each, and labels of SAMPLES_FILE. Raises UserError where it
    is missing or damaged."""
    from underbudget.models.images import unpack

    path = folder / SAMPLES_FILE
    try:
        stored = json_value(path.read_bytes())
        labels = [int(label) for label in stored["labels"]]
        if stored["shape"] != [len(labels), *shape] or not labels:
            raise ValueError("images and labels do not belong together")
        return unpack(stored["images"], stored["shape"]), labels
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise UserError(
            f"{path}, the images for the self-test, cannot be read: they are taken from the data set where that is at "
            "hand, so name its folder by --data-dir, or launch the study once more, which writes them again"
        ) from error


def pick(study: StudyRecord, trial: int | None = None) -> TrialRecord:
    """The winner, or a complete trial by its number. Raises UserError where there is none."""
    if trial is None:
        best = fronts.winner(study.trials, study.axis)
        if best is None:
            raise UserError(
                f"the study {study.name} has no complete trial yet: let it run on, underbudget launch {study.name}"
            )
        return best
    found = trial_of(study, trial)
    if found.state != "complete" or found.result is None:
        complete = [one.trial for one in study.trials if one.state == "complete"]
        hint = f"complete ones: {', '.join(f'#{n}' for n in complete[:5])}" if complete else "no trial is complete yet"
        raise UserError(f"trial {trial} of {study.name} is {found.state}, only a complete trial has weights; {hint}")
    return found


def trial_of(study: StudyRecord, number: int) -> TrialRecord:
    """A trial by Optuna's number. Raises UserError, naming the numbers there are."""
    for found in study.trials:
        if found.trial == number:
            return found
    last = study.trials[-1].trial if study.trials else None
    there = "it has no trials yet" if last is None else f"its trials are #0 to #{last}"
    raise UserError(f"the study {study.name} has no trial {number}: {there}")


def load_state(where: StudyLocation, trial: TrialRecord) -> "dict[str, torch.Tensor]":
    """Trained weights of a complete trial. Raises UserError where the file is missing or its checksum another."""
    assert trial.result is not None, "the caller picked a complete trial"
    path = where.folder / trial.result.weights_file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"the weights {path} cannot be read ({error.strerror}): were they moved away from the study's folder?"
        ) from error
    if weights.sha256(data) != trial.result.weights_sha256:
        raise UserError(f"the weights {path} are not those of trial {trial.trial}: the file was changed, restore it")
    return weights.decode(data)


def load(where: StudyLocation, study: StudyRecord, trial: TrialRecord) -> "torch.nn.Module":
    """The trained network of a complete trial, in eval mode. Its input: float32 images (n, channels, height, width)
    in 0..1, normalised with the data set's mean and std; its output: logits (n, classes)."""
    from underbudget.models.build import build

    module = build(plan_of(study, trial))
    module.load_state_dict(load_state(where, trial))
    return module.eval()
