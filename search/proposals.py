"""From a sampler's proposal to a job, or to a rejection: the gate that nothing over budget passes.

    ask -> decode -> count -> record -> constraint -> gate -> seen before? -> job

No torch here: a rejected proposal has cost a few microseconds of counting and its lines in the database.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from budget.count import count
from budget.pruner import BudgetPruner, constrain
from models.architecture import Architecture
from models.errors import UnderbudgetError
from models.plan import plan
from reports import record
from reports.record import Proposal
from search.samplers import sampler_for
from search.seeds import derive
from search.settings import Settings

if TYPE_CHECKING:
    import optuna

RETRY_OF = "retry_of"  # user attribute of an enqueued trial: the failed trial that it repeats


@dataclass(frozen=True)
class Judged:
    """A proposal and what the gate said: `reason` is "" where it may be trained."""

    trial: "optuna.trial.Trial"
    proposal: Proposal
    reason: str


@dataclass
class Proposer:
    """Asks the sampler of a study and judges what it proposes."""

    study: "optuna.Study"
    settings: Settings
    sampler: str
    seen: dict[str, int] = field(default_factory=dict)  # architecture id -> trial that has it

    def __post_init__(self) -> None:
        self._pruner = BudgetPruner()
        self._recipe = self.settings.recipe_json
        trials = self.study.get_trials(deepcopy=False)
        self._next = len(trials)  # number of the next trial: this process alone makes them
        self._waiting = deque(trial.number for trial in trials if trial.state.name == "WAITING")

    def propose(self, trained: int) -> Judged:
        """Ask for one more trial and judge it; a rejected one is told PRUNED before this returns."""
        number = self._waiting.popleft() if self._waiting else self._next
        self.study.sampler = sampler_for(self.sampler, self.settings.seed, number, trained)
        trial = self.study.ask()
        if trial.number != number:
            raise UnderbudgetError(f"the storage made trial {trial.number}, not {number}: does another program write?")
        self._next = max(self._next, number + 1)
        return self.judge(trial)

    def repeat(self, trial_id: int, number: int, trained: int) -> Judged:
        """Judge once more a trial that an interrupted session left running, under its own number and seed."""
        import optuna

        self.study.sampler = sampler_for(self.sampler, self.settings.seed, number, trained)
        trial = optuna.trial.Trial(self.study, trial_id)
        for key, empty in (("curve", []), ("result", None)):
            if key in trial.user_attrs:
                trial.set_user_attr(key, empty)  # of a run that did not count
        return self.judge(trial)

    def judge(self, trial: "optuna.trial.Trial") -> Judged:
        """Count a trial's network, record it, ask the gate."""
        import optuna

        architecture = self.settings.space.sample(trial)
        proposal = self._proposal(trial, architecture)
        for key, value in record.attributes(proposal).items():
            trial.set_user_attr(key, value)
        constrain(trial, self.settings.budget, proposal.cost)
        reason = ""
        frozen = self.study._storage.get_trial(trial._trial_id)
        if self._pruner.prune(self.study, frozen):
            reason = self.settings.budget.reason(proposal.cost)
        elif proposal.id in self.seen:
            reason = f"same as #{self.seen[proposal.id]}"
        if reason:
            trial.set_user_attr("verdict", record.verdict("rejected", reason))
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self.seen[proposal.id] = trial.number
        return Judged(trial, proposal, reason)

    def retry(self, judged: Judged) -> None:
        """Put a failed trial's parameters up for one more trial with the same seed."""
        self.study.enqueue_trial(
            judged.trial.params, user_attrs={RETRY_OF: judged.trial.number, "seed": judged.proposal.seed}
        )
        self._waiting.append(self._next)
        self._next += 1

    def forget(self, proposal: Proposal) -> None:
        """A failed trial doesn't stand in the way of its architecture."""
        self.seen.pop(proposal.id, None)

    def _proposal(self, trial: "optuna.trial.Trial", architecture: Architecture) -> Proposal:
        dataset = self.settings.dataset
        network = plan(architecture, dataset.input_shape, len(dataset.classes))
        attributes: dict[str, Any] = trial.user_attrs
        seed = attributes.get("seed")
        return Proposal(
            architecture.id,
            str(architecture),
            count(network, self.settings.precision),
            derive(self.settings.seed, trial.number, "training") if seed is None else seed,
            self._recipe,
            attributes.get(RETRY_OF),
        )
