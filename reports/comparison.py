"""Compares studies: refuses those that cannot be compared, pools those that differ only in the seed.

Hypervolumes are measured from one reference point for all, on (log10 cost, log10 validation error).
"""

import itertools
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from underbudget.budget.limits import Limit
from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports import search_method
from underbudget.reports.history import FrontStep, history
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.seed_bands import Band, Steps, pooled, steps

_BUDGETS = 5  # rows of the table at common budgets


@dataclass(frozen=True)
class Member:
    """One study of a comparison, measured from the common reference point."""

    study: StudyRecord

    @property
    def seed(self) -> int | None:
        return self.study.stored.seed

    @cached_property
    def front(self) -> tuple[TrialRecord, ...]:
        return fronts.front(self.study.trials, self.study.axis)

    @cached_property
    def history(self) -> tuple[FrontStep, ...]:
        return tuple(history(self.study))

    @property
    def epochs(self) -> int:
        """Epochs trained, of trials that are complete or stopped."""
        return self.history[-1].epochs if self.history else 0

    @property
    def hypervolume(self) -> float:
        return self.history[-1].hypervolume or 0.0 if self.history else 0.0

    @property
    def limit(self) -> Limit | None:
        """The budget's limit on the front's axis."""
        return self.study.stored.limit_on(self.study.axis)

    def hypervolume_by(self, what: str) -> Steps:
        """Hypervolume against trained trials or epochs; `what`: "trained" or "epochs"."""
        found = [(float(getattr(step, what)), step.hypervolume or 0.0) for step in self.history]
        return steps([(0.0, 0.0), *found])

    def error_by_cost(self, end: float) -> Steps:
        """The lowest validation error, percent, by cost, up to a cost of `end`."""
        axis = self.study.axis
        return steps([(float(fronts.cost(trial, axis)), 100 - fronts.score(trial)) for trial in self.front], end)

    def best_within(self, cost: int) -> TrialRecord | None:
        """The front's most accurate trial within a cost."""
        within = [trial for trial in self.front if fronts.cost(trial, self.study.axis) <= cost]
        return within[-1] if within else None


@dataclass(frozen=True)
class Group:
    """Studies that differ only in their seed, ordered by it; most often a single one."""

    name: str
    members: tuple[Member, ...]

    def hypervolume_by(self, what: str) -> Band | None:
        return pooled([member.hypervolume_by(what) for member in self.members])

    def error_by_cost(self, end: float) -> Band | None:
        return pooled([member.error_by_cost(end) for member in self.members if member.front])

    @property
    def pooled(self) -> bool:
        return len(self.members) > 1


@dataclass(frozen=True)
class Comparison:
    """Groups, in the order in which their first studies were given."""

    groups: tuple[Group, ...]
    reference: dict[str, float]  # as the settings of a study store it
    differences: tuple[tuple[str, tuple[str, ...]], ...]  # (what, its value in each group)
    target: float | None = None

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(member for group in self.groups for member in group.members)

    @property
    def axis(self) -> str:
        return self.members[0].study.axis

    @property
    def common_epochs(self) -> int:
        """Trained epochs that every study has reached: equal effort."""
        return min(member.epochs for member in self.members)

    @property
    def front_costs(self) -> list[int]:
        return [fronts.cost(trial, self.axis) for member in self.members for trial in member.front]

    @property
    def largest_cost(self) -> int:
        """Where fronts end in the figure: the largest limit, or the largest cost of any front."""
        return max([*self.front_costs, *(member.limit.largest for member in self.members if member.limit), 1])

    def at_common_epochs(self, member: Member) -> float:
        """Hypervolume of a study after the epochs that all have reached."""
        return member.hypervolume_by("epochs").at(self.common_epochs) or 0.0

    @cached_property
    def budgets(self) -> tuple[int, ...]:
        """Costs to compare at, falling: the largest limit, its half, its quarter, ... as long as a study has a
        network."""
        costs = self.front_costs
        if not costs:
            return ()
        limits = [member.limit for member in self.members if member.limit is not None]
        top = max(limits, key=lambda limit: limit.largest) if limits else None
        unit = 10 ** max(0, math.floor(math.log10(max(*costs, 1))) - 1)  # the largest cost rounded up to two digits
        bound = math.ceil(max(costs) / unit) * unit if top is None else top.bound
        rows = [bound if top is None else top.largest, *(bound // 2**halved for halved in range(1, _BUDGETS))]
        return tuple(row for row in dict.fromkeys(rows) if row >= min(costs))


def compare(studies: Sequence[StudyRecord], target: float | None = None) -> Comparison:
    """Compare two studies or more. Raises UserError as `check_comparable` does."""
    check_comparable(studies)
    axis = studies[0].axis
    stored = [study.stored.hypervolume_reference for study in studies]
    costs = [fronts.cost(trial, axis) for study in studies for trial in fronts.scored(study.trials)]
    reference = {
        # The farthest of all: every front lies within.
        axis: float(max((one[axis] for one in stored if axis in one), default=max(costs, default=1))),
        "error": float(max((one["error"] for one in stored if "error" in one), default=100.0)),
    }
    members = [
        Member(replace(study, settings={**study.settings, "hypervolume_reference": reference})) for study in studies
    ]
    gathered: dict[str, list[Member]] = {}
    for member in members:
        key = json.dumps(search_method.method(member.study), sort_keys=True, default=str)
        while any(member.seed == other.seed for other in gathered.get(key, ())):
            key += "+"  # the same seed a second time is no further sample
        gathered.setdefault(key, []).append(member)
    groups = tuple(
        Group(name, tuple(sorted(found, key=lambda member: (member.seed is None, member.seed))))
        for name, found in zip(_names(list(gathered.values())), gathered.values(), strict=True)
    )
    return Comparison(
        groups,
        reference,
        tuple(search_method.differences([[member.study for member in group.members] for group in groups])),
        target,
    )


def check_comparable(studies: Sequence[StudyRecord]) -> None:
    """Raises UserError for fewer than two studies, and for other images, another split or another cost."""
    if len(studies) < 2:
        raise UserError(f"a comparison needs two studies or more, not {len(studies)}: name others too")
    for place, study in enumerate(studies):
        if any(study.name == other.name for other in studies[:place]):
            raise UserError(f"the study {study.name} is given twice: name each study once")
    first, way_out = studies[0], "compare studies of one kind"
    for study in studies[1:]:
        names = f"{study.name} cannot be compared with {first.name}"
        data = [one.stored.dataset for one in (study, first)]
        if data[0].checksum != data[1].checksum:
            new, old = (f"{each.name} ({(each.checksum or '?')[:12]})" for each in data)
            raise UserError(f"{names}: {new} has other images or another split than {old}; {way_out}")
        if study.axis != first.axis:
            raise UserError(f"{names}: it minimises {study.axis}, the other {first.axis}; {way_out}")
        bytes_of, others_bytes = study.stored.precision, first.stored.precision
        if study.axis.endswith("bytes") and bytes_of != others_bytes:
            raise UserError(f"{names}: its {study.axis} are of {bytes_of}, the other's of {others_bytes}; {way_out}")
    if not any(fronts.scored(study.trials) for study in studies):
        raise UserError("none of these studies has a complete trial yet: let them run on")


def _names(groups: Sequence[Sequence[Member]]) -> list[str]:
    """A name for each group: its study's, or what the names of its studies have in common."""
    names: list[str] = []
    for members in groups:
        studies = [member.study.name for member in members]
        stems = {re.sub(r"[-_.]?(?:seed|s)?\d+$", "", name) for name in studies}
        name = studies[0]
        if len(studies) > 1:
            name = (stems.pop() if len(stems) == 1 else "") or f"{studies[0]} and {len(studies) - 1} more"
        candidates = itertools.chain([name], (f"{name} ({number})" for number in itertools.count(2)))
        names.append(next(unique for unique in candidates if unique not in names))
    return names
