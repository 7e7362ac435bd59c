"""The published collections, reproduced step by step."""

from dataclasses import dataclass, replace
from pathlib import Path

from underbudget.models.errors import UserError, nearest
from underbudget.models.plan import plan
from underbudget.models.references import REFERENCES, Reference
from underbudget.reports import series as reported
from underbudget.reports.writing import write_series
from underbudget.search.data import sources
from underbudget.search.data.protocol import check_protocol, training_images
from underbudget.search.experiments.events import Notify
from underbudget.search.experiments.options import SeriesOptions
from underbudget.search.experiments.run_spec import RunSpec, per_seed
from underbudget.search.experiments.runs import complete
from underbudget.search.experiments.setup import prepare
from underbudget.search.session.data_options import of_data
from underbudget.search.session.options import check
from underbudget.search.study.location import RUNS
from underbudget.search.training import built_in_recipes, run_length


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
    found = (Collection(name, steps[0].source.partition(" ")[0], tuple(steps)) for name, steps in groups.items())
    return tuple(each for each in found if len(each.steps) > 1)


def collection(name: str) -> Collection:
    """A collection by its name or its repository. Raises UserError, offering the nearest, for any other name."""
    known = {each.name: each for each in collections()}
    found = known.get(name) or next((each for each in known.values() if each.repository == name), None)
    if found is not None:
        return found
    near = nearest(name, known)
    hint = f"did you mean {near}? " if near else ""
    raise UserError(f"there is no collection {name[:40]!r}: {hint}there are {', '.join(known)}")


def series(options: SeriesOptions, notify: Notify = lambda event: None) -> tuple[reported.Series, dict[str, Path]]:
    """Train each step of a published collection by its own recipe; the result beside what was published, and its files.

    Finished runs are kept, so the same call goes on where it was stopped. Raises UserError for invalid options; a run
    that fails is noted in the result.
    """
    check(options)
    check_protocol(options.protocol)
    chosen = collection(options.name)
    wanted = _wanted(options.steps, [step.name for step in chosen.steps])
    setup = prepare(sources.define(options.dataset or "mnist", of_data(options), options.data_dir), options, notify)
    info = setup.dataset.info
    folder = options.output or (Path(options.runs or RUNS) / "series" / f"{chosen.name}-{info.name}-{options.protocol}")
    steps: list[reported.SeriesStep] = []
    specs: dict[str, list[RunSpec]] = {}
    for step in chosen.steps:
        network = plan(step.architecture, info.input_shape, len(info.classes))
        params = sum(layer.params for layer in network.layers)
        why = ""
        if step.name not in wanted:
            why = "not asked for"
        elif params > options.max_params:
            why = f"{params:,} parameters are over --max-params {options.max_params:,}"
        else:
            recipe = run_length.resolve(
                replace(built_in_recipes.recipe(step.recipe), epochs=step.epochs),
                images=training_images(setup.dataset, options.protocol),
                epochs=options.epochs,
            )
            specs[step.name] = per_seed(options, step.name, step.architecture, recipe, f"{step.name}/")
        steps.append(reported.SeriesStep(step, network, (), why))
    notify(f"device    {setup.device_line()}")
    counted = f"{len(specs)} of {len(steps)} steps, {options.seeds} seeds each, in {folder}"
    notify(f"series    {chosen.repository}: {counted}\n")
    done = complete([spec for own in specs.values() for spec in own], setup, folder, "series", notify)

    def finished(step: reported.SeriesStep) -> reported.SeriesStep:
        runs, reasons = done.of(specs.get(step.reference.name, []))
        why = step.untrained if runs or not reasons else f"all {len(reasons)} runs failed: {reasons[0]}"
        return replace(step, runs=runs, untrained=why, failed=len(reasons))

    result = reported.Series(chosen.name, chosen.repository, options.protocol, tuple(map(finished, steps)))
    return result, write_series(result, folder)


def _wanted(text: str | None, names: list[str]) -> set[str]:
    """The names of the steps that are asked for."""
    if text is None:
        return set(names)
    chosen = {word.strip() for word in text.split(",") if word.strip()}
    unknown = sorted(chosen - set(names))
    if unknown or not chosen:
        shown = repr(unknown[0][:40]) if unknown else "nothing"
        raise UserError(f"--steps are steps of this series ({', '.join(names)}), not {shown}")
    return chosen
