"""A study with real weights, for tests of what it brings to Optuna Dashboard."""

import base64
import hashlib
import json
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from studies import Spec, make_study, session, settings

from underbudget.models import weights
from underbudget.models.build import build
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.study.location import StudyLocation

SHAPE = (1, 12, 12)
CLASSES = ("zero", "one", "<b>two</b>")
LAYERS = ("conv3x3(4) relu bn | gap | conv1x1(3)", "conv3x3(8) relu bn drop0.1 | gap | conv1x1(3)")
SPECS = (
    Spec(params=56, accuracies=(80.0, 90.0, 91.0, 92.0), layers=LAYERS[0]),
    Spec("rejected", 8214, (), "8,214 parameters are 215 over the budget params<8000"),
    Spec(params=112, accuracies=(85.0, 95.0, 96.0, 97.0), layers=LAYERS[1]),
    Spec(params=300, accuracies=(80.0, 85.0, 86.0, 87.0), layers="conv3x3(24) relu | gap | conv1x1(3)"),
    Spec("stopped", 400, (50.0, 60.0), "at epoch 2, because it had 60.00 %"),
    Spec("failed", 500, (), "worker died by SIGKILL"),
)
FRONT = (0, 2)  # numbers of SPECS


def make(
    folder: Path, name: str = "demo", storage: Path | None = None, specs: tuple[Spec, ...] = SPECS
) -> StudyLocation:
    """A study with the weights of the trials of LAYERS; in a `storage` of its own name, or in the folder."""
    location = StudyLocation(name, folder, None if storage is None else f"sqlite:///{storage}")
    file = storage or folder / "study.db"
    (folder / "models").mkdir(parents=True)
    fixed = settings(validation=100)
    fixed["dataset"] |= {"input_shape": list(SHAPE), "classes": list(CLASSES), "mean": [0.5], "std": [0.25]}
    make_study(file, specs, name, fixed, (session(),))
    _keep_samples(folder)
    connection = sqlite3.connect(file)
    try:
        for number, spec in enumerate(specs):
            if spec.layers in LAYERS:
                _keep_weights(connection, folder, name, number, spec.layers)
        connection.commit()
    finally:
        connection.close()
    return location


def attributes(location: StudyLocation) -> dict[str, Any]:
    """The system attributes of a study as they lie in its database."""
    assert location.database is not None
    connection = sqlite3.connect(location.database)
    try:
        query = "SELECT key, value_json FROM study_system_attributes JOIN studies USING (study_id) WHERE study_name = ?"
        return {key: json.loads(text) for key, text in connection.execute(query, (location.name,))}
    finally:
        connection.close()


def _keep_weights(connection: sqlite3.Connection, folder: Path, name: str, number: int, layers: str) -> None:
    module = build(plan(parse(layers), SHAPE, len(CLASSES)))
    data = weights.encode(module.state_dict())
    (folder / f"models/trial-{number}.safetensors").write_bytes(data)
    query = (
        "SELECT trial_user_attribute_id, value_json FROM trial_user_attributes JOIN trials USING (trial_id) "
        "JOIN studies USING (study_id) WHERE study_name = ? AND number = ? AND key = 'result'"
    )
    row, text = connection.execute(query, (name, number)).fetchone()
    confusion = [[30, 2, 1], [0, 33, 0], [4, 0, 30]]
    result = json.loads(text) | {"weights_sha256": hashlib.sha256(data).hexdigest(), "confusion": confusion}
    change = "UPDATE trial_user_attributes SET value_json = ? WHERE trial_user_attribute_id = ?"
    connection.execute(change, (json.dumps(result), row))


def _keep_samples(folder: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), dtype=np.uint8)
    stored = {
        "shape": list(images.shape),
        "images": base64.b64encode(zlib.compress(images.tobytes())).decode(),
        "labels": [0, 1, 2, 0, 1, 2],
    }
    (folder / "models/samples.json").write_text(json.dumps(stored))
