"""The published collections, step by step: which there are, and the runs that reproduce them."""

import difflib
from dataclasses import dataclass, replace

from underbudget.models.errors import UserError
from underbudget.models.plan import plan
from underbudget.models.references import REFERENCES, Reference
from underbudget.search.data.protocol import training_images
from underbudget.search.data.store import Dataset
from underbudget.search.experiments.run_spec import RunSpec
from underbudget.search.training import recipe as recipes

DEFAULT_MOST = 1_000_000  # parameters of a step that is trained unless more is asked for


@dataclass(frozen=True)
class Collection:
    """A published series of networks, each step built on those before it."""

    name: str  # what its references' names begin with
    repository: str
    steps: tuple[Reference, ...]


def collections() -> tuple[Collection, ...]:
    """The collections of more than one network, in the order of the references."""
    groups: dict[str, list[Reference]] = {}
    for reference in REFERENCES.values():
        groups.setdefault(reference.name.partition("-")[0], []).append(reference)
    return tuple(
        Collection(name, steps[0].source.partition(" ")[0], tuple(steps))
        for name, steps in groups.items()
        if len(steps) > 1
    )


def collection(name: str) -> Collection:
    """A collection by its name or its repository. Raises UserError, offering the nearest, for any other name."""
    known = {each.name: each for each in collections()}
    found = known.get(name) or next((each for each in known.values() if each.repository == name), None)
    if found is not None:
        return found
    near = difflib.get_close_matches(name.strip().lower(), known, 1, 0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"there is no collection {name[:40]!r}: {hint}there are {', '.join(known)}")


def specs(
    step: Reference, dataset: Dataset, protocol: str, first: int, seeds: int, epochs: int | None = None
) -> list[RunSpec]:
    """The runs of one step: its own recipe and epochs, a run per seed. Raises UserError where it does not fit."""
    info = dataset.info
    plan(step.architecture, info.input_shape, len(info.classes))
    recipe = recipes.resolve(
        replace(recipes.recipe(step.recipe), epochs=step.epochs),
        images=training_images(dataset, protocol),
        epochs=epochs,
    )
    return [
        RunSpec(f"{step.name}/seed-{seed}", step.name, step.architecture, recipe, seed, protocol)
        for seed in range(first, first + seeds)
    ]
