"""What each ingredient of a network and its recipe contributes: it is removed or swapped."""

import itertools
from pathlib import Path

from underbudget.budget.count import count
from underbudget.models.errors import UnderbudgetError
from underbudget.models.plan import plan
from underbudget.reports import ablation as reported
from underbudget.reports.writing import write_ablation
from underbudget.search.data.protocol import training_images
from underbudget.search.experiments.events import Notify
from underbudget.search.experiments.network_spec import network_spec
from underbudget.search.experiments.options import NetworkOptions
from underbudget.search.experiments.run_spec import per_seed
from underbudget.search.experiments.runs import complete
from underbudget.search.experiments.setup import prepare
from underbudget.search.experiments.variants import Variant, variants
from underbudget.search.session.options import check
from underbudget.search.training import run_length
from underbudget.search.training.choosing import choose


def ablate(options: NetworkOptions, notify: Notify = lambda event: None) -> tuple[reported.Ablation, dict[str, Path]]:
    """Train a network as it is and each of its variants on several seeds; what each changes, and the files.

    Finished runs are kept, so the same call goes on where it was stopped. Raises UserError for invalid options,
    UnderbudgetError if the network as it is fails on every seed; a variant that fails is noted in the result.
    """
    check(options)
    found = network_spec(options)
    setup = prepare(found.dataset, options, notify, found.checksum)
    info, network = setup.dataset.info, found.plan(setup.dataset)
    images = training_images(setup.dataset, options.protocol)
    base = choose(found.recipe, options, info)
    recipe = run_length.resolve(base, images=images, epochs=options.epochs)
    folder = options.output or found.default_folder("ablate", options, recipe)
    listed = variants(network, recipe, images)
    tried = [Variant("as-it-is", "", "as it is", found.architecture, recipe)]
    tried += [each for each in listed if isinstance(each, Variant)]
    missing = [each for each in listed if isinstance(each, reported.Missing)]
    notify(f"device    {setup.device_line()}")
    notify(f"arms      {len(tried)} with the network as it is, {options.seeds} seeds each, in {folder}")
    for absent in missing:
        notify(f"absent    {absent.ingredient}: {absent.reason}")
    notify("")
    specs = [per_seed(options, found.name, each.architecture, each.recipe, f"{each.key}/") for each in tried]
    done = complete(list(itertools.chain(*specs)), setup, folder, "ablate", notify)
    arms = []
    for variant, own in zip(tried, specs, strict=True):
        runs, reasons = done.of(own)
        if not runs:
            if variant is tried[0]:
                raise UnderbudgetError(f"the network as it is could not be trained on any seed: {reasons[0]}")
            why = f"{variant.change}: the training failed on every seed ({reasons[0]})"
            missing.append(reported.Missing(variant.ingredient, why))
            continue
        cost = count(plan(variant.architecture, info.input_shape, len(info.classes)))
        text = str(variant.architecture)
        arms.append(reported.Arm(variant.ingredient, variant.change, cost, text, runs, len(reasons)))
    result = reported.Ablation(found.title, arms[0], tuple(arms[1:]), tuple(missing))
    return result, write_ablation(result, folder)
