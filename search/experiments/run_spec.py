"""The specification of a run, and how a stored run differs from it."""

from dataclasses import dataclass
from typing import Any

from underbudget.models.architecture import Architecture
from underbudget.reports.runs import Run
from underbudget.search.data.store import Dataset
from underbudget.search.experiments.options import SeededOptions
from underbudget.search.training import recipe_json
from underbudget.search.training.recipe import Recipe


@dataclass(frozen=True)
class RunSpec:
    """One training and evaluation."""

    key: str  # stem of its files below the folder (.json and .safetensors), "seed-0" or "saish-m4/seed-0"
    name: str | None  # of the reference or trial
    architecture: Architecture
    recipe: Recipe  # resolved
    seed: int
    protocol: str


def per_seed(
    options: SeededOptions, name: str | None, architecture: Architecture, recipe: Recipe, below: str = ""
) -> list[RunSpec]:
    """The runs of a network and a resolved recipe, one per seed, in the folder `below`."""
    return [
        RunSpec(f"{below}seed-{seed}", name, architecture, recipe, seed, options.protocol)
        for seed in range(options.seed, options.seed + options.seeds)
    ]


def differences(run: Run, spec: RunSpec, dataset: Dataset) -> list[str]:
    """How a stored run differs from what is asked for, each as "name: stored here, asked there"."""
    recipe = recipe_json.to_json(spec.recipe)
    # As it is read back: fields that an older version did not write have their defaults.
    before = recipe_json.to_json(recipe_json.from_json(run.recipe))
    pairs: dict[str, tuple[Any, Any]] = {
        "network": (run.id, spec.architecture.id),
        "seed": (run.seed, spec.seed),
        "protocol": (run.protocol, spec.protocol),
        "data set": (run.data.name, dataset.info.name if dataset.info.definition is None else run.data.name),
        "data checksum": (run.data.checksum[:12], dataset.info.checksum[:12]),
    }
    pairs |= {name.replace("_", " "): (before.get(name), recipe.get(name)) for name in recipe}
    return [f"{name}: it has {one}, you asked for {two}" for name, (one, two) in pairs.items() if one != two]
