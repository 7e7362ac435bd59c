"""The network of an experiment: a reference, a layer text or a trial, with the recipe that goes with it."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from underbudget.models.architecture import Architecture
from underbudget.models.errors import UserError
from underbudget.models.plan import Plan, plan
from underbudget.models.references import find_network, reference
from underbudget.search.data import sources
from underbudget.search.data.definition import Definition, definition_of
from underbudget.search.data.protocol import check_protocol
from underbudget.search.data.store import Dataset
from underbudget.search.experiments.options import NetworkOptions
from underbudget.search.session.data_options import of_data
from underbudget.search.study import finding
from underbudget.search.study.location import RUNS
from underbudget.search.training import built_in_recipes, recipe_json
from underbudget.search.training.recipe import Recipe


@dataclass(frozen=True)
class NetworkSpec:
    """A network and how it is usually trained."""

    name: str | None  # of the reference or trial ("STUDY:12"), None for a layer text
    architecture: Architecture
    recipe: Recipe | None  # not resolved: the batch is not chosen yet; None: what suits the data
    dataset: Definition
    checksum: str | None = None  # of the data set, where it is a trial's

    @property
    def title(self) -> str:
        """A short name: the reference, the trial, or the architecture's id."""
        return self.name or self.architecture.id

    def plan(self, dataset: Dataset) -> Plan:
        """Its plan on a data set. Raises UserError where it does not fit the images or the classes."""
        return plan(self.architecture, dataset.info.input_shape, len(dataset.info.classes))

    def default_folder(self, command: str, options: NetworkOptions, recipe: Recipe) -> Path:
        """Where the runs go whose folder is not named; `recipe` is resolved."""
        stem = "".join(character if character.isalnum() or character in "._-" else "-" for character in self.title)
        name = f"{stem}-{self.dataset.name}-{recipe.name}-{recipe.epochs}e-{options.protocol}"
        return Path(options.runs or RUNS) / command / name


def network_spec(options: NetworkOptions) -> NetworkSpec:
    """Find a network by its name, its layers, or its study and trial number.

    A reference comes with its own recipe and epochs, a trial with its own recipe and its study's data set; `recipe` and
    `dataset` take the place of those. Raises UserError for a name that is none, an unknown protocol or recipe (with the
    nearest), or another data set than a trial's own.
    """
    check_protocol(options.protocol)
    named = None if options.recipe is None else built_in_recipes.recipe(options.recipe)  # before anything is opened
    study, number = split_trial(options.what)
    if number is not None:
        return _trial(options, study, number, named)
    name, architecture = find_network(options.what)
    own = None
    if name is not None:
        published = reference(name)
        own = replace(built_in_recipes.recipe(published.recipe), epochs=published.epochs)
    return NetworkSpec(name, architecture, named or own, _asked(options))


def _asked(options: NetworkOptions) -> Definition:
    return sources.define(options.dataset or "mnist", of_data(options), options.data_dir)


def split_trial(what: str) -> tuple[str, int | None]:
    """(study, trial number) of "STUDY:12" or "STUDY#12"; (what, None) of anything else."""
    match = re.fullmatch(r"([^:#|()\s]+)[:#](\d+)", what)
    return (match[1], int(match[2])) if match else (what, None)


def _trial(options: NetworkOptions, study: str, number: int, recipe: Recipe | None) -> NetworkSpec:
    from underbudget.reports.network import plan_of
    from underbudget.search.results import trained_trials

    found = finding.read(finding.find(study, options.runs, options.storage))
    trial = trained_trials.trial_of(found, number)
    network = plan_of(found, trial)
    assert trial.proposal is not None, "it has a plan"
    own = definition_of(found.settings["dataset"])
    is_own = options.dataset in (None, str(own), own.source) or _asked(options).source == own.source
    if not is_own:
        raise UserError(
            f"trial {number} of {study} belongs to the data set {own}, not to {options.dataset!r}: "
            "leave --dataset out, or give the trial's layers instead of its number"
        )
    recipe = recipe or recipe_json.from_json(trial.proposal.recipe)
    checksum = found.settings["dataset"]["checksum"]
    return NetworkSpec(f"{study}:{number}", network.architecture, recipe, own, checksum)
