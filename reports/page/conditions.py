"""The conditions that a study's numbers hold under, read from its settings."""

from dataclasses import dataclass

from underbudget.budget.limits import Budget, Limit
from underbudget.models.errors import UserError
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import validation_images


@dataclass(frozen=True)
class Conditions:
    dataset: str
    title: str
    budget: str
    limits: tuple[Limit, ...]  # empty where the budget's text is of another version
    images: int | None  # number of validation images, n of every interval
    epochs: int | None

    axis: str  # the cost that the front is searched for

    @property
    def limit(self) -> int | None:
        """The largest cost on the front's axis that the budget allows."""
        return next((limit.largest for limit in self.limits if limit.metric == self.axis), None)


def conditions(study: StudyRecord) -> Conditions:
    """The conditions of a study; what its settings don't hold is left empty."""
    dataset = study.settings.get("dataset", {})
    budget = str(study.settings.get("budget", ""))
    try:
        limits = Budget.parse(budget).limits
    except UserError:
        limits = ()
    name = str(dataset.get("name", "unknown data set"))
    return Conditions(
        dataset=name,
        title=str(dataset.get("title") or name),
        budget=budget,
        limits=limits,
        images=validation_images(study),
        epochs=study.settings.get("epochs"),
        axis=study.axis,
    )
