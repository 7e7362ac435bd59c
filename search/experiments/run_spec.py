"""A run that is wanted, and whether it is stored already."""

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from underbudget.models import weights
from underbudget.models.architecture import Architecture
from underbudget.models.errors import UserError
from underbudget.reports.runs import Run, read_run
from underbudget.search.data.store import Dataset
from underbudget.search.training import recipe as recipes
from underbudget.search.training.recipe import Recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSpec:
    """A run that is wanted."""

    key: str  # stem of its file below the folder, "seed-0" or "saish-m4/seed-0"
    name: str | None  # of the reference or trial
    architecture: Architecture
    recipe: Recipe  # resolved
    seed: int
    protocol: str

    @property
    def record_file(self) -> str:
        """Its record, below the folder."""
        return f"{self.key}.json"

    @property
    def weights_file(self) -> str:
        """Its weights, below the folder."""
        return f"{self.key}.safetensors"


def stored(spec: RunSpec, dataset: Dataset, folder: Path) -> Run | None:
    """The stored run of an order, None where there is none. Raises UserError where it is one of other conditions."""
    path = folder / spec.record_file
    if not path.exists():
        return None
    run = read_run(path)
    if differing := differences(run, spec, dataset):
        raise UserError(
            f"{path} is a run of other conditions ({'; '.join(differing)}): give another --output, or remove it"
        )
    file = path.parent / run.weights_file
    if not file.is_file() or weights.sha256(file.read_bytes()) != run.weights_sha256:
        log.warning("%s is missing or changed: the run is trained again", file)
        return None
    return run


def check_others(spec: RunSpec, dataset: Dataset, folder: Path) -> None:
    """Raises UserError where a folder holds a run of any seed whose conditions are other than the order's: what stands
    in one folder is shown and exported as one training."""
    for path in sorted(folder.glob("seed-*.json")):
        run = read_run(path)
        if differing := differences(run, replace(spec, seed=run.seed), dataset):
            raise UserError(
                f"{path} is a run of other conditions ({'; '.join(differing)}): give another --output, or remove it"
            )


def differences(run: Run, spec: RunSpec, dataset: Dataset) -> list[str]:
    """Where a stored run is not what is asked for, each as "name: stored here, asked there"."""
    recipe = recipes.to_json(spec.recipe)
    # As it is read back: fields that an older version did not write have their defaults.
    before = recipes.to_json(recipes.from_json(run.recipe))
    pairs: dict[str, tuple[Any, Any]] = {
        "network": (run.id, spec.architecture.id),
        "seed": (run.seed, spec.seed),
        "protocol": (run.protocol, spec.protocol),
        "data set": (run.data.name, dataset.info.name),
        "data checksum": (run.data.checksum[:12], dataset.info.checksum[:12]),
    }
    pairs |= {name.replace("_", " "): (before.get(name), recipe.get(name)) for name in recipe}
    return [f"{name}: it has {one}, you asked for {two}" for name, (one, two) in pairs.items() if one != two]


def check_writable(folder: Path) -> None:
    """Make the folder, and raise UserError where nothing can be written to it: before hours of training, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be written ({error.strerror}): give another") from error
