"""What is fixed for the life of a study: any change of it would make its trials incomparable."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from underbudget.budget.count import Cost, count
from underbudget.budget.limits import Budget
from underbudget.models.architecture import Architecture
from underbudget.models.errors import UserError
from underbudget.models.plan import plan
from underbudget.reports.record import RECORD_VERSION
from underbudget.search.data.store import DatasetInfo
from underbudget.search.space import Space, Suggests
from underbudget.search.space.baseline import baseline
from underbudget.search.space.dimensions import Sampled, collect
from underbudget.search.study import tuning
from underbudget.search.study.objective import Objective
from underbudget.search.training import recipe_json
from underbudget.search.training.recipe import Recipe


@dataclass(frozen=True)
class Settings:
    """Fixed per study, stored in the study's attribute `underbudget`."""

    dataset: DatasetInfo
    budget: Budget
    precision: str  # "float32" or "int8": bytes per stored value in the byte limits
    recipe: Recipe
    seed: int
    space: Space
    objective: Objective = field(default_factory=Objective)
    tune: tuple[str, ...] = ()  # parts of the recipe that trials sample, see search.study.tuning

    @property
    def epochs(self) -> int:
        """Epochs of one trial."""
        return self.recipe.epochs

    @property
    def dimensions(self) -> tuple[Sampled, ...]:
        """Everything that a trial samples."""
        return (*self.space.dimensions, *tuning.dimensions(self.tune))

    def suggest(self, trial: Suggests) -> dict[str, Any]:
        """Parameters by the trial's own suggestions: what it already has, stays."""
        return collect(self.dimensions, lambda dimension: dimension.suggest(trial))

    def architecture(self, params: Mapping[str, Any]) -> Architecture:
        """The network of a trial's parameters."""
        return self.space.decode(params)

    def cost(self, network: Architecture) -> Cost:
        """What a network costs on the study's images and classes."""
        return count(plan(network, self.dataset.input_shape, len(self.dataset.classes)), self.precision)

    def baseline(self) -> dict[str, Any] | None:
        """Parameters of a sound network of the space as large as the budget allows, None where it allows none."""
        dimensions, budget = self.space.dimensions, self.budget
        return baseline(dimensions, lambda params: budget.fits(self.cost(self.space.decode(params))))

    def recipe_of(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe of a trial's parameters, as its record stores it."""
        if not self.tune:
            return self.recipe_json
        return recipe_json.to_json(tuning.tuned(self.recipe, self.tune, params))

    @cached_property
    def recipe_json(self) -> dict[str, Any]:
        """The recipe as it is stored, without what is tuned."""
        return recipe_json.to_json(self.recipe)

    def to_json(self) -> dict[str, Any]:
        """The stored form; docs/record.md lists the fields."""
        from underbudget.version import __version__

        return {
            "record_version": RECORD_VERSION,
            "version": __version__,
            "dataset": self.dataset.to_json(),
            "budget": str(self.budget),
            "precision": self.precision,
            "epochs": self.epochs,
            "recipe": self.recipe_json,
            "objective": self.objective.kind,
            "minimize": self.objective.minimize,
            "tune": list(self.tune),
            "seed": self.seed,
            "space": self.space.to_json(),
            "space_fingerprint": self.space.fingerprint,
            "hypervolume_reference": hypervolume_reference(self),
        }


def from_json(value: dict[str, Any]) -> Settings:
    """The inverse of `Settings.to_json`. Raises UserError for another version's form."""
    version = value.get("record_version")
    if version != RECORD_VERSION:
        raise UserError(
            f"the study was written with record version {version}, this program reads version {RECORD_VERSION}: "
            "use the version of underbudget that made it"
        )
    return Settings(
        DatasetInfo.from_json(value["dataset"]),
        Budget.parse(value["budget"]),
        value["precision"],
        recipe_json.from_json(value["recipe"]),
        value["seed"],
        Space.from_json(value["space"]),
        Objective(value["objective"], value.get("minimize", "params")),
        tuple(value.get("tune", ())),
    )


def hypervolume_reference(settings: Settings) -> dict[str, float]:
    """The point that the hypervolume is measured from: the largest allowed cost on the front's axis (else that of the
    largest network of the space), and the validation error of guessing, in percent."""
    axis = settings.objective.minimize
    allowed = [limit.largest for limit in settings.budget.limits if limit.metric == axis]
    if not allowed:
        allowed = [settings.objective.cost(settings.cost(settings.space.largest(axis)))]
    return {axis: min(allowed), "error": 100.0 * (1 - 1 / len(settings.dataset.classes))}


def _named(dataset: DatasetInfo) -> str:
    """The name of a data set that the program knows by name; a user's own may have any."""
    return dataset.name if dataset.definition is None else "own data"


def _augmentation(recipe: Mapping[str, Any]) -> object:
    """A recipe's augmentation by its name, in full where it has none."""
    augmentation = recipe.get("augmentation", {})
    return augmentation.get("name", augmentation)


def differences(stored: Settings, asked: Settings) -> list[str]:
    """Where two settings differ, each as "name: stored here, asked there"; empty where they agree."""
    pairs = {
        "data set": (_named(stored.dataset), _named(asked.dataset)),
        "data checksum": (stored.dataset.checksum[:12], asked.dataset.checksum[:12]),
        "input shape": (stored.dataset.input_shape, asked.dataset.input_shape),
        "classes": (", ".join(stored.dataset.classes), ", ".join(asked.dataset.classes)),
        "images": (stored.dataset.counts, asked.dataset.counts),
        "front end": (stored.dataset.frontend, asked.dataset.frontend),
        "mean": (stored.dataset.mean, asked.dataset.mean),
        "std": (stored.dataset.std, asked.dataset.std),
        "budget": (str(stored.budget), str(asked.budget)),
        "precision": (stored.precision, asked.precision),
        "seed": (stored.seed, asked.seed),
        "search space": (stored.space.fingerprint, asked.space.fingerprint),
        "objective": (stored.objective.kind, asked.objective.kind),
        "minimize": (stored.objective.minimize, asked.objective.minimize),
        "tuned": (", ".join(stored.tune) or "nothing", ", ".join(asked.tune) or "nothing"),
    }
    before, after = stored.recipe_json, asked.recipe_json
    if before["name"] != after["name"]:
        before, after = {"recipe": before["name"]}, {"recipe": after["name"]}
    before, after = ({**each, "augmentation": _augmentation(each)} for each in (before, after))
    usual = {field.name: field.default for field in dataclasses.fields(Recipe)}  # what JSON leaves out
    pairs |= {
        name.replace("_", " "): (before.get(name, usual.get(name)), after.get(name, usual.get(name)))
        for name in before | after
    }
    if stored.budget.plain() == asked.budget.plain():
        del pairs["budget"]  # params<8000 and params<=7999 allow the same
    return [f"{name}: the study has {one}, you asked for {two}" for name, (one, two) in pairs.items() if one != two]
