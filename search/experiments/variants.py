"""Variants of a network and its recipe, each with one ingredient removed or swapped, or why there is none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from underbudget.models.architecture import (
    Architecture,
    BatchNorm,
    Conv,
    Dropout,
    GlobalAveragePool,
    Linear,
    Pool,
    Stage,
)
from underbudget.models.errors import UserError
from underbudget.models.plan import Plan, plan
from underbudget.reports.ablation import Missing
from underbudget.search.training import schedule as schedules
from underbudget.search.training.recipe import Augmentation, Recipe
from underbudget.search.training.run_length import timeline
from underbudget.search.training.schedule import Constant


@dataclass(frozen=True)
class Variant:
    """A network and recipe that lack one ingredient or have another in its place."""

    key: str  # part of a file name
    ingredient: str
    change: str  # what was done, in words
    architecture: Architecture
    recipe: Recipe


def variants(network: Plan, recipe: Recipe, images: int) -> list[Variant | Missing]:
    """All variants of a network and a resolved recipe for so many training images, in a fixed order."""
    found: list[_Change | Missing] = [
        _without(network, BatchNorm, "batch norm"),
        _without(network, Dropout, "dropout"),
        _head(network),
        _transition(network),
        *_pool_position(network),
        _augmentation(recipe),
        _schedule(recipe, images),
        *_regularisation(recipe),
    ]
    return [each if isinstance(each, Missing) else _variant(network, recipe, *each) for each in found]


def _variant(
    network: Plan, recipe: Recipe, key: str, ingredient: str, change: str, changed: list[Stage] | Recipe
) -> Variant | Missing:
    if isinstance(changed, Recipe):
        return Variant(key, ingredient, change, network.architecture, changed)
    try:
        architecture = Architecture(tuple(map(_unchecked, changed)))
        plan(architecture, network.input_shape, network.classes)
    except UserError as error:
        return Missing(ingredient, f"{change} does not fit: {error}")
    return Variant(key, ingredient, change, architecture, recipe)


def _unchecked(stage: Stage) -> Stage:
    """The stage without the map size that a person wrote, `gap(4x4)`: the variant may have another."""
    return Stage(GlobalAveragePool(), stage.tail) if isinstance(stage.primary, GlobalAveragePool) else stage


_Change = tuple[str, str, str, list[Stage] | Recipe]  # key, ingredient, in words, what takes its place


def _without(network: Plan, kind: type[BatchNorm | Dropout], name: str) -> _Change | Missing:
    stages = network.architecture.stages
    count = sum(isinstance(layer, kind) for stage in stages for layer in stage.tail)
    if not count:
        return Missing(name, f"the network has no {name}")
    bare = [
        Stage(stage.primary, tuple(layer for layer in stage.tail if not isinstance(layer, kind))) for stage in stages
    ]
    return f"no-{name.replace(' ', '-')}", name, f"without {name} ({count} {'layer' if count == 1 else 'layers'})", bare


def _head(network: Plan) -> _Change | Missing:
    """Global average pooling against one kernel of the map's size."""
    stages = list(network.architecture.stages)
    pools = [index for index, stage in enumerate(stages) if isinstance(stage.primary, GlobalAveragePool)]
    if pools:
        index = pools[0]
        size = _map_before(network, index)
        if size == (1, 1):
            return Missing("GAP head", "the map before it is 1x1 already")
        after = stages[index + 1] if index + 1 < len(stages) else None
        if after is not None and isinstance(after.primary, Conv | Linear):
            kernel = Conv(after.primary.width, size, bias=after.primary.bias)
            swapped, last = Stage(kernel, stages[index].tail + after.tail), index + 2
        else:
            kernel = Conv(network.stage_layers(index)[0].input_shape[0], size)
            swapped, last = Stage(kernel, stages[index].tail), index + 1
        change = f"{kernel} instead of global average pooling"
        return "big-kernel", "GAP head", change, [*stages[:index], swapped, *stages[last:]]
    index = len(stages) - 1
    size, primary = _map_before(network, index), stages[index].primary
    if (
        size != (1, 1)
        and isinstance(primary, Linear | Conv)
        and (isinstance(primary, Linear) or primary.kernel == size)
    ):
        narrow = primary if isinstance(primary, Linear) else replace(primary, kernel=(1, 1), padding=(0, 0))
        change = f"global average pooling and {narrow} instead of {primary}"
        head = [Stage(GlobalAveragePool()), Stage(narrow, stages[index].tail)]
        return "gap-head", "big kernel", change, [*stages[:index], *head]
    return Missing("GAP head", "the network has no global average pooling and no kernel over the whole map at its end")


def _transition(network: Plan) -> _Change | Missing:
    """The 1x1 convolutions beside a pool."""
    stages = network.architecture.stages
    beside = [
        index
        for index, stage in enumerate(stages)
        if isinstance(stage.primary, Conv)
        and stage.primary.kernel == (1, 1)
        and any(0 <= near < len(stages) and isinstance(stages[near].primary, Pool) for near in (index - 1, index + 1))
    ]
    if not beside:
        return Missing("1x1 transition", "the network has no 1x1 convolution beside a pool")
    names = " and ".join(f"{stages[index].primary} (stage {index + 1})" for index in beside)
    kept = [stage for index, stage in enumerate(stages) if index not in beside]
    return "no-transition", "1x1 transition", f"without {names}", kept


def _pool_position(network: Plan) -> Iterator[_Change | Missing]:
    """The first pool one stage earlier, and one later."""
    stages = network.architecture.stages
    pools = [index for index, stage in enumerate(stages) if isinstance(stage.primary, Pool)]
    if not pools:
        yield Missing("pool position", "the network has no pool")
        return
    index = pools[0]
    for other, word in ((index - 1, "earlier"), (index + 1, "later")):
        moved = list(stages)
        if not 0 <= other < len(stages) or not isinstance(stages[other].primary, Conv):
            yield Missing("pool position", f"no convolution to put the pool one stage {word} of")
            continue
        moved[index], moved[other] = moved[other], moved[index]
        passed = f"{'before' if word == 'earlier' else 'after'} {stages[other].primary}"
        yield f"pool-{word}", "pool position", f"pool one stage {word}, {passed}", moved


def _map_before(network: Plan, stage: int) -> tuple[int, int]:
    shape = network.stage_layers(stage)[0].input_shape
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)


def _augmentation(recipe: Recipe) -> _Change | Missing:
    if replace(recipe.augmentation, name="") == Augmentation():
        return Missing("augmentation", "the recipe has no augmentation")
    altered = replace(recipe, augmentation=Augmentation())
    return "no-augmentation", "augmentation", "without augmentation", altered


def _schedule(recipe: Recipe, images: int) -> _Change | Missing:
    """A constant rate: the mean of the schedule's over the run. A plateau's depends on the losses: its first rate."""
    if isinstance(recipe.schedule, Constant):
        return Missing("schedule", "the recipe has a constant rate already")
    span = timeline(recipe, images)
    rates = [schedules.at(recipe.schedule, step, span, recipe.lr, recipe.momentum)[0] for step in range(span.steps)]
    mean = float(f"{sum(rates) / len(rates):.3g}")
    altered = replace(recipe, schedule=Constant(), lr=mean)
    return "constant-rate", "schedule", f"constant rate {mean:g} instead of {recipe.schedule.kind}", altered


def _regularisation(recipe: Recipe) -> Iterator[_Change]:
    """What few recipes have: nothing is yielded where it is missing."""
    for field, key, name in (
        ("weight_decay", "no-weight-decay", "weight decay"),
        ("label_smoothing", "no-label-smoothing", "label smoothing"),
        ("ema", "no-averaging", "weight averaging"),
    ):
        if value := getattr(recipe, field):
            altered: dict[str, Any] = {field: 0.0}
            yield key, name, f"without {name} {value:g}", replace(recipe, **altered)
