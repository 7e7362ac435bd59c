"""One network trained by one recipe under one protocol on several seeds: from the request to the page."""

from dataclasses import dataclass, replace
from pathlib import Path

from underbudget.budget.count import count
from underbudget.budget.limits import Budget
from underbudget.models.errors import UserError
from underbudget.models.plan import Plan, plan
from underbudget.reports.runs import Run
from underbudget.reports.training import Goal, Training, target_check
from underbudget.search.data.protocol import training_images
from underbudget.search.experiments import pictures
from underbudget.search.experiments.network_spec import NetworkSpec
from underbudget.search.experiments.run_spec import RunSpec
from underbudget.search.experiments.setup import Setup
from underbudget.search.session.request import check_target
from underbudget.search.training import recipe as recipes
from underbudget.search.training.recipe import Recipe

DEFAULT_FOLDER = "train"  # below the runs folder


@dataclass(frozen=True)
class Changes:
    """Numbers that take the place of a recipe's."""

    epochs: int | None = None
    lr: float | None = None
    batch_size: int | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None


def resolved(recipe: Recipe, changes: Changes, images: int) -> Recipe:
    """The recipe with changes, for so many training images. Raises UserError for a number out of its range."""
    given = {
        name: value for name in ("weight_decay", "label_smoothing") if (value := getattr(changes, name)) is not None
    }
    return recipes.resolve(
        replace(recipe, **given), images=images, epochs=changes.epochs, lr=changes.lr, batch_size=changes.batch_size
    )


def network(network_spec: NetworkSpec, setup: Setup) -> Plan:
    """The subject's plan on the data set. Raises UserError where it does not fit the images or the classes."""
    info = setup.dataset.info
    return plan(network_spec.architecture, info.input_shape, len(info.classes))


def specs(network_spec: NetworkSpec, recipe: Recipe, protocol: str, first: int, seeds: int) -> list[RunSpec]:
    """A run per seed, `first` and those after it; `recipe` as `resolved` gives it."""
    return [
        RunSpec(f"seed-{seed}", network_spec.name, network_spec.architecture, recipe, seed, protocol)
        for seed in range(first, first + seeds)
    ]


def default_folder(runs: Path, network_spec: NetworkSpec, recipe: Recipe, protocol: str, dataset: str) -> Path:
    """Where a training goes whose folder is not named."""
    return runs / DEFAULT_FOLDER / f"{network_spec.stem}-{dataset}-{recipe.name}-{recipe.epochs}e-{protocol}"


def goal(target: float | None, last: int, budget: str, epoch_limit: int) -> Goal | None:
    """The goal of these options, None without a target. Raises UserError for a value out of its range."""
    if not 1 <= last <= 10_000:
        raise UserError(f"--last is a whole number of epochs from 1 to 10000, not {last}")
    if epoch_limit < 1:
        raise UserError(f"--epoch-limit is a whole number of at least 1, not {epoch_limit}")
    Budget.parse(budget)
    return None if target is None else Goal(check_target(target), last, budget, epoch_limit)


def training(
    network_spec: NetworkSpec, setup: Setup, recipe: Recipe, runs: tuple[Run, ...], goal: Goal | None
) -> Training:
    """What the page of finished runs shows. Reads images, and labels of the train and validation parts only."""
    planned = network(network_spec, setup)
    plain, augmented = pictures.samples(setup.dataset, recipe, runs[0].seed)
    return Training(
        title=network_spec.title,
        network=planned,
        runs=runs,
        statistics=pictures.statistics(setup.dataset, runs[0].protocol),
        samples=plain,
        augmented=augmented,
        missed=pictures.missed(setup.dataset, runs[0]),
        goal=goal,
        checks=() if goal is None else target_check(runs, count(planned), goal),
    )


def images(setup: Setup, protocol: str) -> int:
    """Training images under the protocol."""
    return training_images(setup.dataset, protocol)
