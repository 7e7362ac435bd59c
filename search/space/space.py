"""The search space: static ranges, from which a sampler's choices become architectures.

Every range is fixed for a study: with `TPESampler(multivariate=True, group=True)` a range that changed would be
ignored or frozen at its first form. Parameters that a choice makes meaningless (the width of a transition that is not
there) are not suggested; `group=True` models the rest together.
"""

import functools
import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from underbudget.budget.count import Cost, count
from underbudget.budget.limits import Budget
from underbudget.models.architecture import Architecture, Stage, size_text
from underbudget.models.errors import UserError
from underbudget.models.plan import Plan, Shape, place, plan
from underbudget.search.space import decoding, locating
from underbudget.search.space import dimensions as dims
from underbudget.search.space.widths import LEAST_WIDTH, upper_width

SPACE_VERSION = 1  # raise it when `decode` gives another network for the same parameters

MAX_BEFORE = 4
MAX_AFTER = 5

# Keys of the [space] table that stand for several dimensions, the widest first.
FAMILIES = {
    "width": ("width_before_", "width_after_", "transition_width", "hidden_width"),
    "width_before": ("width_before_",),
    "width_after": ("width_after_",),
}

# Dimensions that no cost depends on; the others but the widths (all costs grow with them) are the structure.
_FREE = ("dropout", "order")
# Parameters depend on neither the size of the map, and so not on these.
_GEOMETRY = ("pools", "padding")


@dataclass(frozen=True)
class Space:
    """Ranges of the generator for one input shape and number of classes. `docs/space.md` explains each dimension."""

    input_shape: tuple[int, int, int]  # (channels, height, width)
    classes: int
    dimensions: tuple[dims.Dimension, ...]  # in the order in which they are suggested

    @classmethod
    def default(
        cls, input_shape: tuple[int, int, int], classes: int, budget: Budget | None, precision: str = "float32"
    ) -> "Space":
        """All dimensions at their full ranges; the upper width follows the budget (see `upper_width`).

        Raises UserError for an input smaller than 1x1x1 or fewer than two classes.
        """
        if len(input_shape) != 3 or min(input_shape) < 1:
            rule = "an input shape is channels x height x width, each at least 1"
            raise UserError(f"{rule}, not {size_text(input_shape)}")
        if classes < 2:
            raise UserError(f"a classifier needs at least 2 classes, not {classes}: check the labels of the data set")
        most, is_large = upper_width(input_shape, classes, budget, precision), min(input_shape[1:]) >= decoding.LARGE
        dimensions: list[dims.Dimension] = [
            dims.Integer("n_before", 1, MAX_BEFORE),
            dims.Integer("n_after", 1, MAX_AFTER),
            dims.Choice("transition", decoding.TRANSITIONS),
            dims.Choice("transition_tail", decoding.TRANSITION_TAILS),
            dims.Integer("pools", 1, 2),
            dims.Choice("padding", decoding.PADDINGS_OF_LARGE if is_large else decoding.PADDINGS),
            dims.Choice("head", decoding.HEADS),
            dims.Real("dropout", 0.0, 0.25, 0.01),
            dims.Choice("order", decoding.ORDERS),
            dims.Choice("first_tail", decoding.FIRST_TAILS),
            dims.Choice("block", decoding.BLOCKS),
        ]
        if decoding.is_one_dimensional(input_shape):
            dimensions.insert(2, dims.Choice("kernel", decoding.KERNELS))
        widths = [f"width_before_{index}" for index in range(1, MAX_BEFORE + 1)]
        widths += [f"width_after_{index}" for index in range(1, MAX_AFTER + 1)]
        widths += ["transition_width", "hidden_width"]
        dimensions += [dims.Integer(name, LEAST_WIDTH, most, log=True) for name in widths]
        return cls(input_shape, classes, tuple(dimensions))

    def narrowed(self, table: Mapping[str, object]) -> "Space":
        """The space within the ranges of a [space] table (docs/space.md), e.g. {"n_before": [2, 3], "width": [4, 16]}.

        A key for one dimension is applied after those for several, within them. Raises UserError for an unknown key
        and for a range that is empty or lies outside the present one.
        """
        ranges = {dimension.name: dimension for dimension in self.dimensions}
        known = (*FAMILIES, *ranges)
        for key in table:
            if key not in known:
                raise UserError(f"[space] has no key {key!r}, known: {', '.join(known)}")
        for key in (key for key in known if key in table):
            for name, dimension in ranges.items():
                if name == key or name.startswith(FAMILIES.get(key, ("\0",))):
                    ranges[name] = dimension.narrowed(table[key], key)
        return replace(self, dimensions=tuple(ranges.values()))

    def table(self) -> dict[str, object]:
        """The [space] table that narrows the default space to this one."""
        return {dimension.name: dimension.setting() for dimension in self.dimensions}

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {
            "space_version": SPACE_VERSION,
            "input_shape": list(self.input_shape),
            "classes": self.classes,
            "dimensions": [dims.dimension_to_json(dimension) for dimension in self.dimensions],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Space":
        """The inverse of `to_json`. Raises UserError for a space of another version, which would decode otherwise."""
        if value.get("space_version") != SPACE_VERSION:
            raise UserError(
                f"the search space has version {value.get('space_version')!r}, this program knows {SPACE_VERSION}: "
                "use the version of underbudget that made the study, or a new study"
            )
        channels, height, width = value["input_shape"]
        dimensions = tuple(dims.dimension_from_json(dimension) for dimension in value["dimensions"])
        return cls((channels, height, width), value["classes"], dimensions)

    @property
    def fingerprint(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the canonical JSON."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def sample(self, trial: dims.Suggests) -> Architecture:
        """The architecture of the trial's suggestions; microseconds besides the sampler's own time."""
        return self.decode(dims.collect(self.dimensions, lambda dimension: dimension.suggest(trial)))

    def draw(self, source: random.Random) -> dict[str, Any]:
        """Parameters of a random proposal, distributed as with `optuna.samplers.RandomSampler`."""
        return dims.collect(self.dimensions, lambda dimension: dimension.draw(source))

    def decode(self, params: Mapping[str, Any]) -> Architecture:
        """The architecture of the parameters; a pure function, see `search.space.decoding`."""
        return decoding.decode(params, self.input_shape, self.classes)

    def locate(self, architecture: Architecture) -> dict[str, Any] | None:
        """Parameters within the ranges that decode to exactly this architecture, else None.

        Where several do (a pool that the map is too small for), the first in the order of the choices.
        """
        ranges = {dimension.name: dimension for dimension in self.dimensions}
        return locating.locate(architecture, ranges, self.input_shape, self.classes)

    def smallest(self, metric: str = "params") -> Architecture:
        """The cheapest network in a metric of `budget.count.Cost`. Exact: every cost grows with every width, so all
        widths stand at their lower ends, and every structure that the metric depends on is counted."""
        return _extreme(self, metric, 0)

    def largest(self, metric: str = "params") -> Architecture:
        """The most expensive network in a metric; exact, with all widths at their upper ends."""
        return _extreme(self, metric, -1)

    def structures(self, metric: str, end: int) -> list[Architecture]:
        """One architecture per structure, its widths at the lower (0) or upper (-1) end."""
        free = (*_FREE, *_GEOMETRY) if metric in ("params", "params_bytes") else _FREE
        tried = [
            dimension.values()[:1]
            if dimension.name in free
            else (dimension.values()[end],)
            if dimension.name.startswith(FAMILIES["width"])
            else dimension.values()
            for dimension in self.dimensions
        ]
        names = [dimension.name for dimension in self.dimensions]
        found = (self.decode(dict(zip(names, values, strict=True))) for values in product(*tried))
        return list(dict.fromkeys(found))

    def cost(self, network: Architecture, precision: str = "float32") -> Cost:
        """What `count` says of the network's plan; fast for thousands of networks that share most of their stages."""
        shape: Shape = self.input_shape
        params = macs = peak_bytes = params_bytes = 0
        for stage in network.stages:
            shape, own = _stage_cost(stage, shape, precision)
            params, macs, params_bytes = params + own.params, macs + own.macs, params_bytes + own.params_bytes
            peak_bytes = max(peak_bytes, own.peak_bytes)
        return Cost(params, macs, peak_bytes, params_bytes)


def feasible_share(
    space: Space, budget: Budget, samples: int = 2000, seed: int = 0, precision: str = "float32"
) -> float:
    """Share (0 to 1) of plain random proposals that the budget allows."""
    source = random.Random(seed)
    drawn = (space.decode(space.draw(source)) for _ in range(samples))
    return sum(budget.fits(count(plan(network, space.input_shape), precision)) for network in drawn) / samples


@functools.lru_cache(maxsize=16)
def _extreme(space: Space, metric: str, end: int) -> Architecture:
    """The cheapest (end 0) or most expensive (end -1) network of a space in a metric."""
    choose = max if end else min
    return choose(space.structures(metric, end), key=lambda network: int(getattr(space.cost(network), metric)))


@functools.lru_cache(maxsize=1 << 13)
def _stage_cost(stage: Stage, shape: Shape, precision: str) -> tuple[Shape, Cost]:
    """Shape after one stage, and what its layers cost."""
    layers = place(stage, shape)
    return layers[-1].output_shape, count(Plan(Architecture((stage,)), shape, layers), precision)
