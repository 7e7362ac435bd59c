"""A study's stored settings as the reports read them (docs/record.md lists every field).

The search stores plain JSON, which gets its types here. What a study lacks is empty; reports show a dash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from underbudget.budget.limits import Budget, Limit
from underbudget.models.errors import UserError
from underbudget.models.metrics import METRIC_WORDS, METRICS


class DatasetJson(TypedDict, total=False):
    """What the reports read of a stored data set."""

    name: str
    title: str
    checksum: str
    input_shape: list[int]
    classes: list[str]
    counts: dict[str, int]
    mean: list[float]
    std: list[float]


class RecipeJson(TypedDict, total=False):
    """What the reports read of a stored recipe."""

    name: str


class SettingsJson(TypedDict, total=False):
    """What the reports read of stored settings."""

    dataset: DatasetJson
    budget: str
    precision: str
    epochs: int
    seed: int
    minimize: str
    recipe: RecipeJson
    hypervolume_reference: dict[str, float] | None


class SessionJson(TypedDict, total=False):
    """What the reports read of a stored session."""

    started: str
    ended: str | None
    outcome: str
    trials_asked: int | None
    seconds: float | None


class AccessJson(TypedDict, total=False):
    """What the reports read of a stored test-set access."""

    times: int


@dataclass(frozen=True)
class StoredDataset:
    """The data set of a study."""

    name: str
    title: str
    checksum: str | None
    input_shape: tuple[int, ...]  # (channels, height, width)
    classes: tuple[str, ...]
    counts: dict[str, int]  # images by part


@dataclass(frozen=True)
class StoredSettings:
    """What is fixed for a study's life."""

    dataset: StoredDataset
    budget: str
    limits: tuple[Limit, ...]  # empty where the budget's text is of another version
    precision: str
    epochs: int | None
    seed: int | None
    minimize: str  # the cost that the front is searched for, a field of `Cost`
    recipe: dict[str, Any]
    hypervolume_reference: dict[str, float]  # empty in a study without one

    @property
    def metric(self) -> str:
        """What accuracy means in this study: a key of METRICS."""
        metric = self.recipe.get("metric")
        return metric if metric in METRICS else "accuracy"

    @property
    def metric_words(self) -> str:
        """The same for people: "balanced accuracy"."""
        return METRIC_WORDS[self.metric]

    @property
    def images(self) -> int | None:
        """Number of validation images, n of every interval."""
        images = self.dataset.counts.get("validation")
        return images if isinstance(images, int) and images > 0 else None

    def limit_on(self, metric: str) -> Limit | None:
        """The budget's limit on a cost."""
        return next((limit for limit in self.limits if limit.metric == metric), None)

    @property
    def limit(self) -> int | None:
        """The largest cost on the front's axis that the budget allows."""
        limit = self.limit_on(self.minimize)
        return None if limit is None else limit.largest


def stored_settings(settings: Mapping[str, Any]) -> StoredSettings:
    """The settings of a study with types, from its attribute STUDY_ATTRIBUTE."""
    dataset = settings.get("dataset", {})
    name = str(dataset.get("name", "unknown data set"))
    if isinstance(made_from := dataset.get("definition"), dict):  # a user's own may be called like a published one
        name = f"{made_from.get('kind')}:{name}"
    budget = str(settings.get("budget", ""))
    try:
        limits = Budget.parse(budget).limits
    except UserError:
        limits = ()
    epochs, seed, recipe = settings.get("epochs"), settings.get("seed"), settings.get("recipe")
    return StoredSettings(
        StoredDataset(
            name,
            str(dataset.get("title") or name),
            dataset.get("checksum"),
            tuple(dataset.get("input_shape", ())),
            tuple(map(str, dataset.get("classes", ()))),
            dataset.get("counts", {}),
        ),
        budget,
        limits,
        str(settings.get("precision", "float32")),
        epochs if isinstance(epochs, int) else None,
        seed if isinstance(seed, int) else None,
        str(settings.get("minimize", "params")),
        recipe if isinstance(recipe, dict) else {},
        settings.get("hypervolume_reference") or {},
    )
