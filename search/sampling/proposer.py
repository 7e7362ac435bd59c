"""From a sampler's proposal to a job, or to a rejection: the gate that nothing over budget passes.

    sample -> decode -> count -> constraint -> gate -> seen before? -> stored -> job

No torch here. A proposal is stored at once with its parameters, record, constraint values and, where it is rejected,
its verdict: one transaction, so that a crash leaves no half of it.
"""

import json
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from underbudget.budget.pruner import BudgetPruner, constrain
from underbudget.models.errors import UnderbudgetError
from underbudget.reports import record
from underbudget.reports.record import TRAINED, Proposal
from underbudget.search.sampling.optuna_private import live_trial
from underbudget.search.sampling.sampler_study import SamplerStudy
from underbudget.search.sampling.samplers import SAMPLERS, Ask, Sampler, distributions, independent_sampler
from underbudget.search.study import settings as study_settings
from underbudget.search.study.seeds import derive
from underbudget.search.study.settings import Settings

if TYPE_CHECKING:
    import optuna

RETRY_OF = "retry_of"  # user attribute of an enqueued trial: the failed trial that it repeats


@dataclass(frozen=True)
class Checked:
    """A proposal and what the gate said: `reason` is "" where it may be trained."""

    trial: "optuna.trial.Trial | None"  # None where it was rejected
    number: int
    proposal: Proposal
    reason: str


@dataclass
class Proposer:
    """Asks the sampler of a study and checks what it proposes; the `ProposalConstraints` of its samplers."""

    study: "optuna.Study"
    settings: Settings
    sampler: str | Sampler
    seen: dict[str, int] = field(default_factory=dict)  # what is trained -> number of the trial that has it

    def __post_init__(self) -> None:
        self._sample = SAMPLERS[self.sampler] if isinstance(self.sampler, str) else self.sampler
        self._pruner = BudgetPruner()
        trials = self.study.get_trials(deepcopy=False)
        self.sampler_study = SamplerStudy(self.settings.objective, self.settings.dataset.counts["validation"])
        for trial in trials:
            if trial.state.name == "WAITING":
                continue
            state, _ = stored_state(trial)
            if state != "running" or "record" in trial.user_attrs:  # else it is checked, and added, once more
                self.sampler_study.follow(trial, state)
            if state in TRAINED and "record" in trial.user_attrs:
                proposal = record.proposal_from_json(trial.user_attrs["record"])
                self.seen.setdefault(_identity(proposal.id, proposal.recipe), trial.number)
        self._next = len(trials)  # number of the next trial: this process alone makes them
        self._waiting = deque(trial.number for trial in trials if trial.state.name == "WAITING")

    def propose(self) -> Checked:
        """Make one more proposal, or take the next one that waits, and check it; a rejected one is stored as such."""
        if self._waiting:
            number = self._waiting.popleft()
            self.study.sampler = independent_sampler(self.settings.seed, number)
            trial = self.study.ask()
            if trial.number != number:
                raise _foreign(number, trial.number)
            return self._check(trial)
        number, self._next = self._next, self._next + 1
        params = self._sample(Ask(self.settings.seed, number, self.settings.dimensions, self.sampler_study, self))
        return self._store(number, params)

    def repeat(self, left: "optuna.trial.FrozenTrial") -> Checked:
        """Check once more a trial that an interrupted session left running, under its own number and seed."""
        self.study.sampler = independent_sampler(self.settings.seed, left.number)
        trial = live_trial(self.study, left)
        for key, empty in (("curve", []), ("result", None), ("stop", None)):
            if key in trial.user_attrs:
                trial.set_user_attr(key, empty)  # of a run that did not count
        return self._check(trial)

    @cached_property
    def sizes(self) -> tuple[int, int] | None:
        settings = self.settings
        if settings.objective.kind == "accuracy":
            return None
        axis = settings.objective.minimize
        least = getattr(self.settings.cost(settings.space.smallest(axis)), axis)
        return least, max(least, int(study_settings.hypervolume_reference(settings)[axis]))

    def fits(self, params: Mapping[str, Any], size: float = math.inf) -> bool:
        cost = self.settings.cost(self.settings.architecture(params))
        return self.settings.budget.fits(cost) and self.settings.objective.cost(cost) <= size

    def is_new(self, params: Mapping[str, Any]) -> bool:
        return _identity(self.settings.architecture(params).id, self.settings.recipe_of(params)) not in self.seen

    def retry(self, trial: "optuna.trial.Trial", proposal: Proposal) -> None:
        """Put a failed trial's parameters up for one more trial with the same seed."""
        self.study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number, "seed": proposal.seed})
        self._waiting.append(self._next)
        self._next += 1

    def forget(self, proposal: Proposal) -> None:
        """Let a failed trial's architecture be proposed again."""
        self.seen.pop(_identity(proposal.id, proposal.recipe), None)

    def _store(self, number: int, params: dict[str, Any]) -> Checked:
        """Count, check and store a new proposal."""
        from optuna.trial import TrialState, create_trial

        proposal = self._proposal(number, params, {})
        stored: dict[str, Any] = {
            "params": params,
            "distributions": distributions(self.settings.dimensions, params),
            "constraints": self.settings.budget.violations(proposal.cost),
        }
        attributes = record.attributes(proposal)
        frozen = create_trial(state=TrialState.RUNNING, user_attrs=attributes, **stored)
        reason = self._gate(number, frozen, proposal)
        if reason:
            attributes["verdict"] = record.verdict("rejected", reason)
            frozen = create_trial(state=TrialState.PRUNED, user_attrs=attributes, **stored)
        self.study.add_trial(frozen)
        self.sampler_study.add(frozen, number)
        if reason:
            return Checked(None, number, proposal, reason)
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        made = max(running, key=lambda trial: trial.number, default=None)
        if made is None or made.number != number:
            raise _foreign(number, None if made is None else made.number)
        self.study.sampler = independent_sampler(self.settings.seed, number)
        return Checked(live_trial(self.study, made), number, proposal, "")

    def _check(self, trial: "optuna.trial.Trial") -> Checked:
        """Count a stored trial's network, record it, ask the gate."""
        import optuna

        params = self.settings.suggest(trial)
        proposal = self._proposal(trial.number, params, trial.user_attrs)
        for key, value in record.attributes(proposal).items():
            trial.set_user_attr(key, value)
        constrain(trial, self.settings.budget, proposal.cost)
        reason = self._gate(trial.number, self._stored(trial), proposal)
        if reason:
            trial.set_user_attr("verdict", record.verdict("rejected", reason))
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        self.sampler_study.add(self._stored(trial), trial.number)
        return Checked(None if reason else trial, trial.number, proposal, reason)

    def _stored(self, trial: "optuna.trial.Trial") -> "optuna.trial.FrozenTrial":
        return self.study.get_trials(deepcopy=False)[trial.number]

    def _gate(self, number: int, frozen: "optuna.trial.FrozenTrial", proposal: Proposal) -> str:
        """Why a proposal is rejected, "" if it may be trained and is from now on taken."""
        identity = _identity(proposal.id, proposal.recipe)
        if self._pruner.prune(self.study, frozen):
            return self.settings.budget.reason(proposal.cost)
        if identity in self.seen:
            return f"same as #{self.seen[identity]}"
        self.seen[identity] = number
        return ""

    def _proposal(self, number: int, params: Mapping[str, Any], attributes: Mapping[str, Any]) -> Proposal:
        architecture = self.settings.architecture(params)
        seed = attributes.get("seed")
        return Proposal(
            architecture.id,
            str(architecture),
            self.settings.cost(architecture),
            derive(self.settings.seed, number, "training") if seed is None else seed,
            self.settings.recipe_of(params),
            attributes.get(RETRY_OF),
        )


def stored_state(trial: "optuna.trial.FrozenTrial") -> tuple[str, str]:
    """(state, reason) of a stored trial, as `reports.record.state_of` says."""
    over = any(value > 0 for value in trial.constraints.values())
    return record.state_of(trial.state.name, trial.user_attrs.get("verdict", ""), over)


def _identity(architecture: str, recipe: Mapping[str, Any]) -> str:
    """What makes two trials the same: the architecture and, where recipes are searched too, the recipe."""
    return f"{architecture} {json.dumps(recipe, sort_keys=True)}"


def _foreign(expected: int, made: int | None) -> UnderbudgetError:
    return UnderbudgetError(
        f"the storage made trial {made}, not {expected}: does another program write into the study?"
    )
