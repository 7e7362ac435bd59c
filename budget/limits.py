"""A budget: hard limits on cost, written as text.

    params<8000
    params < 8k, macs <= 1.5M, peak_bytes < 64KB, params_bytes <= 32KiB

A limit is a metric (`params`, `macs`, `peak_bytes`, `params_bytes`), `<` or `<=`, and a number with an optional unit:
k, M, G (thousand, million, billion) for counts; B, KB, MB, GB (powers of 1,000) and KiB, MiB, GiB (powers of 1,024)
for bytes, which is also what a bare number means there. Digits may be grouped by underscores, `8_000`; commas separate
limits. A budget has at most one limit per metric; their order means nothing.

Costs are whole numbers, so a limit is kept as the largest allowed value, exactly: 7,999 for `params<8000`. A bound that
is not whole becomes the `<=` limit that allows the same costs, `params<7999.5` is `params<=7999`.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from underbudget.budget.count import METRICS, Cost
from underbudget.models.errors import UserError, nearest, quoted

MAX_BOUND = 10**15  # far above any use: a larger one is a typing error

_COUNT_UNITS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
_BYTE_UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_BYTE_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_LIMIT = re.compile(r"([A-Za-z_]+)\s*(<=|<)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"([0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?)\s*([A-Za-z]*)")
_EXAMPLE = "e.g. params<8000 or macs<=1.5M"
# The costs in words.
COST_WORDS = {"params": "parameters", "macs": "MACs", "peak_bytes": "peak bytes", "params_bytes": "bytes of parameters"}


@dataclass(frozen=True)
class Limit:
    """One hard limit. `metric < bound` when strict, else `metric <= bound`; `bound` is whole, `largest` at least 1."""

    metric: str
    strict: bool
    bound: int

    @property
    def largest(self) -> int:
        """The largest value that is allowed."""
        return self.bound - 1 if self.strict else self.bound

    def violation(self, cost: Cost) -> float:
        """The constraint value cost / largest - 1: feasible when <= 0, and exactly 0 at the largest allowed value.

        Relative, so that several limits weigh alike. Subtracted as integers first: the sign is exact at any size.
        """
        return (_value(cost, self.metric) - self.largest) / self.largest

    def __str__(self) -> str:
        return f"{self.metric}{'<' if self.strict else '<='}{self.bound}"


@dataclass(frozen=True)
class Budget:
    """Limits that all hold, one per metric, in the order of METRICS; equal budgets have equal limits."""

    limits: tuple[Limit, ...]

    @classmethod
    def parse(cls, text: str | Sequence[str]) -> "Budget":
        """Read a budget from one text of comma-separated limits, or from several such texts.

        Raises UserError for anything else, for two limits on one metric, and for a limit that no network can meet.
        """
        limits: dict[str, Limit] = {}
        parts = text if isinstance(text, Sequence) and not isinstance(text, str) else [text]
        for part in parts:
            if not isinstance(part, str):
                raise UserError(f"a budget is text, {_EXAMPLE}, not {part!r}")
            for item in part.split(","):
                limit = _parse_limit(item.strip(), part)
                if limit.metric in limits:
                    both = f"{limits[limit.metric]} and {limit}"
                    raise UserError(f"a budget has one limit per metric, {limit.metric} has two, {both}: keep one")
                limits[limit.metric] = limit
        if not limits:
            raise UserError(f"a budget needs at least one limit, {_EXAMPLE}")
        return cls(tuple(limits[metric] for metric in METRICS if metric in limits))

    def violations(self, cost: Cost) -> dict[str, float]:
        """The constraint value of every limit, by metric: over 0 where it is broken (see `Limit.violation`)."""
        return {limit.metric: limit.violation(cost) for limit in self.limits}

    def fits(self, cost: Cost) -> bool:
        """Whether every limit holds."""
        return all(_value(cost, limit.metric) <= limit.largest for limit in self.limits)

    def reason(self, cost: Cost) -> str:
        """Which limits are broken and by how much: "8,214 parameters are 215 over the budget params<8000", or ""."""
        values = [(limit, _value(cost, limit.metric)) for limit in self.limits]
        return "; ".join(
            f"{value:,} {COST_WORDS[limit.metric]} are {value - limit.largest:,} over the budget {limit}"
            for limit, value in values
            if value > limit.largest
        )

    def plain(self) -> list[str]:
        """Every limit in plain numbers, "params at most 7,999"."""
        return [f"{limit.metric} at most {limit.largest:,}" for limit in self.limits]

    def __str__(self) -> str:
        """Canonical text: `Budget.parse(str(budget)) == budget`."""
        return ", ".join(str(limit) for limit in self.limits)


def _value(cost: Cost, metric: str) -> int:
    value: int = getattr(cost, metric)
    return value


def _parse_limit(item: str, source: str) -> Limit:
    """One limit; `source` is the text that it was cut from, shown where a comma may be what went wrong."""
    if not item:
        raise UserError(f"a budget is limits separated by commas, {_EXAMPLE}, a limit is missing in {quoted(source)}")
    match = _LIMIT.fullmatch(item)
    if not match:
        hint = ": commas separate limits, write 8000 or 8_000" if "," in source and item[0].isdigit() else ""
        raise UserError(f"a limit is METRIC<NUMBER or METRIC<=NUMBER, {_EXAMPLE}, not {quoted(item)}{hint}")
    metric, sign, rest = match.groups()
    if metric not in METRICS:
        near = nearest(metric, METRICS)
        hint = f"did you mean {near}?" if near else f"known: {', '.join(METRICS)}"
        raise UserError(f"unknown metric in the limit {quoted(item)}, {hint}")
    bound = _parse_number(rest, metric, item)
    whole = math.floor(bound)
    # Between whole numbers, < and <= allow the same costs: keep the whole limit that says so.
    limit = Limit(metric, sign == "<" and bound == whole, whole)
    if limit.largest < 1:
        raise UserError(f"no network meets {quoted(item)}: the largest allowed value must be 1 or more, {_EXAMPLE}")
    return limit


def _parse_number(text: str, metric: str, item: str) -> Fraction:
    if not text:
        raise UserError(f"the limit {quoted(item)} has no number: write {_EXAMPLE.removeprefix('e.g. ')}")
    match = _NUMBER.fullmatch(text)
    if not match or len(text) > 40:
        raise UserError(
            f"the number of a limit is written like 8000, 8_000 or 1.5M, not {quoted(text)}, in {quoted(item)}"
        )
    units = _BYTE_UNITS if metric.endswith("_bytes") else _COUNT_UNITS
    number, unit = match.groups()
    if unit not in units:
        known = ", ".join(name for name in units if name)
        raise UserError(f"unknown unit {quoted(unit)} in the limit {quoted(item)}, known for {metric}: {known}")
    value = Fraction(number.replace("_", "")) * units[unit]
    if value > MAX_BOUND:
        raise UserError(f"a limit is at most {MAX_BOUND:,}, {quoted(item)} is more")
    return value
