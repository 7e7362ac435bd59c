"""One network trained by one recipe under one protocol on several seeds."""

from dataclasses import replace
from pathlib import Path

from underbudget.budget.count import count
from underbudget.budget.limits import Budget
from underbudget.reports import training as reported
from underbudget.reports.training import Goal, target_check
from underbudget.reports.writing import write_training
from underbudget.search.data.protocol import training_images
from underbudget.search.experiments import pictures
from underbudget.search.experiments.archive import Archive
from underbudget.search.experiments.events import Notify
from underbudget.search.experiments.network_spec import network_spec
from underbudget.search.experiments.options import TrainingOptions
from underbudget.search.experiments.run_spec import per_seed
from underbudget.search.experiments.runs import complete
from underbudget.search.experiments.setup import prepare
from underbudget.search.session.options import check
from underbudget.search.training import run_length
from underbudget.search.training.choosing import choose


def train(options: TrainingOptions, notify: Notify = lambda event: None) -> tuple[reported.Training, dict[str, Path]]:
    """Train a network on one or more seeds; what its page shows, and the files.

    Finished runs are kept, so the same call goes on where it was stopped. Raises UserError for invalid options,
    UnderbudgetError if a run fails. The page itself takes no test-set access.
    """
    check(options)
    target, last, limit = options.target, options.last, options.epoch_limit
    goal = None if target is None else Goal(target, last, options.budget, limit)
    Budget.parse(options.budget)
    found = network_spec(options)
    setup = prepare(found.dataset, options, notify, found.checksum)
    network = found.plan(setup.dataset)
    base = choose(found.recipe, options, setup.dataset.info)
    given = {name: getattr(options, name) for name in ("weight_decay", "label_smoothing")}
    recipe = run_length.resolve(
        replace(base, **{name: value for name, value in given.items() if value is not None}),
        images=training_images(setup.dataset, options.protocol),
        epochs=options.epochs,
        lr=options.lr,
        batch_size=options.batch_size,
    )
    folder = options.output or found.default_folder("train", options, recipe)
    specs = per_seed(options, found.name, found.architecture, recipe)
    Archive(setup.dataset, folder).check_others(specs[0])
    runs = tuple(complete(specs, setup, folder, "train", notify).all().values())
    plain, augmented = pictures.samples(setup.dataset, recipe, runs[0].seed)
    result = reported.Training(
        title=found.title,
        network=network,
        runs=runs,
        statistics=pictures.statistics(setup.dataset, options.protocol),
        samples=plain,
        augmented=augmented,
        missed=pictures.missed(setup.dataset, runs[0]),
        goal=goal,
        checks=() if goal is None else target_check(runs, count(network), goal),
    )
    return result, write_training(result, folder)
