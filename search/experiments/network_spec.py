"""What a person wants to have trained: a reference, a layer text or a trial, with the recipe that goes with it."""

from dataclasses import dataclass, replace

from underbudget.models.architecture import Architecture
from underbudget.models.errors import UserError
from underbudget.models.references import find_network, reference
from underbudget.search.training import recipe as recipes
from underbudget.search.training.recipe import Recipe

DEFAULT_DATASET = "mnist"


@dataclass(frozen=True)
class NetworkSpec:
    """A network and how it is usually trained."""

    name: str | None  # of the reference or trial ("STUDY:12"), None for a layer text
    architecture: Architecture
    recipe: Recipe  # not resolved: the batch of a data set is not chosen yet
    dataset: str

    @property
    def title(self) -> str:
        """A short name: the reference, the trial, or the architecture's id."""
        return self.name or self.architecture.id

    @property
    def stem(self) -> str:
        """The title as part of a file name."""
        return "".join(character if character.isalnum() or character in "._-" else "-" for character in self.title)


def network_spec(
    what: str,
    runs: str | None = None,
    storage: str | None = None,
    recipe: str | None = None,
    dataset: str | None = None,
) -> NetworkSpec:
    """Find a network by what a person calls it.

    A reference comes with its own recipe and epochs, a trial with its own recipe and its study's data set, a layer
    text with the default recipe. `recipe` and `dataset` take the place of those. Raises UserError for a name that is
    none, an unknown recipe (with the nearest), or another data set than a trial's own.
    """
    named = None if recipe is None else recipes.recipe(recipe)  # a typing error is told before anything is opened
    study, number = split_trial(what)
    if number is not None:
        return _trial(study, number, runs, storage, named, dataset)
    name, architecture = find_network(what)
    usual = recipes.recipe(recipes.DEFAULT_RECIPE)
    if name is not None:
        published = reference(name)
        usual = replace(recipes.recipe(published.recipe), epochs=published.epochs)
    return NetworkSpec(name, architecture, named or usual, dataset or DEFAULT_DATASET)


def split_trial(what: str) -> tuple[str, int | None]:
    """(study, trial number) of "STUDY:12" or "STUDY#12"; (what, None) of anything else."""
    import re

    match = re.fullmatch(r"([^:#|()\s]+)[:#](\d+)", what)
    return (match[1], int(match[2])) if match else (what, None)


def _trial(
    study: str, number: int, runs: str | None, storage: str | None, recipe: Recipe | None, dataset: str | None
) -> NetworkSpec:
    from underbudget.reports.network import plan_of
    from underbudget.search.results import trained_trials
    from underbudget.search.study import finding as lookup

    found = lookup.read(lookup.find(study, runs, storage))
    trial = trained_trials.trial_of(found, number)
    network = plan_of(found, trial)
    assert trial.proposal is not None, "it has a plan"
    own = found.settings["dataset"]["name"]
    if dataset is not None and dataset != own:
        raise UserError(
            f"trial {number} of {study} belongs to the data set {own}, not to {dataset!r}: leave --dataset out, or "
            "give the trial's layers instead of its number"
        )
    usual = recipe or recipes.from_json(trial.proposal.recipe)
    return NetworkSpec(f"{study}:{number}", network.architecture, usual, own)
