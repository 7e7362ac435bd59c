"""The budget as a pruner and constraint, with stock Optuna, two objectives and its own TPE."""

import optuna
import pytest
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from underbudget.budget.count import Cost, count
from underbudget.budget.limits import Budget
from underbudget.budget.pruner import BudgetPruner, constrain
from underbudget.models.errors import UnderbudgetError
from underbudget.models.language import parse
from underbudget.models.plan import plan

# Optuna calls TPE's `multivariate` and `group`, which the search uses, experimental.
pytestmark = pytest.mark.filterwarnings("ignore:Argument ``:optuna.exceptions.ExperimentalWarning")

BUDGET = Budget.parse("params<3000, macs<=700k")


class Recording(BasePruner):
    """A wrapped pruner with a fixed answer that remembers whom it was asked about."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[int] = []

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        self.asked.append(trial.number)
        return self.answer


@pytest.fixture(autouse=True)
def _quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def new_study(sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> optuna.Study:
    return optuna.create_study(directions=["minimize", "maximize"], sampler=sampler, pruner=pruner or BudgetPruner())


def gate(study: optuna.Study, trial: optuna.Trial) -> bool:
    """Asks the study's pruner, as the search does."""
    return study.pruner.prune(study, study.get_trials(deepcopy=False)[trial.number])


def propose(trial: optuna.Trial) -> Cost:
    """A toy space of real networks, about a third of it under BUDGET."""
    first = trial.suggest_int("first", 1, 32)
    second = trial.suggest_int("second", 1, 32)
    third = trial.suggest_int("third", 1, 32)
    text = f"conv3x3({first}) bn relu | maxpool2 | conv3x3({second}) relu | conv3x3({third}) relu | gap | linear(10)"
    return count(plan(parse(text), (1, 28, 28)))


def search(sampler: BaseSampler, proposals: int) -> list[bool]:
    """Runs the gate; the feasible ones complete. Returns whether each proposal was over the budget."""
    study = new_study(sampler)
    over = []
    for _ in range(proposals):
        trial = study.ask()
        cost = propose(trial)
        constrain(trial, BUDGET, cost)
        over.append(gate(study, trial))
        assert over[-1] == (cost.params >= 3000 or cost.macs > 700_000)
        if over[-1]:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, [cost.params, 90 + cost.params**0.5 / 10])
    for frozen, rejected in zip(study.get_trials(), over, strict=True):
        assert frozen.state == (TrialState.PRUNED if rejected else TrialState.COMPLETE)
        assert frozen.constraints.keys() == {"params", "macs"}
        assert (max(frozen.constraints.values()) > 0) == rejected
    return over


def test_over_budget_trials_are_pruned_and_the_sampler_learns_from_them() -> None:
    seeds = range(3)
    tpe = [search(TPESampler(multivariate=True, group=True, seed=seed), 60) for seed in seeds]
    random = [search(RandomSampler(seed=seed), 60) for seed in seeds]
    # Over budget in the second half, optuna 5.0: TPE 8 of 90, random 61 of 90.
    over_tpe, over_random = sum(sum(over[30:]) for over in tpe), sum(sum(over[30:]) for over in random)
    assert over_random > 45
    assert over_tpe < over_random / 2


def test_pruned_duplicates_under_budget_do_not_stop_the_sampler() -> None:
    study = new_study(TPESampler(multivariate=True, group=True, seed=0))
    for number in range(50):
        trial = study.ask()
        cost = propose(trial)
        constrain(trial, BUDGET, cost)
        if gate(study, trial) or number % 2:  # every second one as if seen before
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, [cost.params, 95.0])
    feasible = [max(t.constraints.values()) <= 0 for t in study.get_trials(states=(TrialState.PRUNED,))]
    assert sum(feasible) >= 10


def test_the_wrapped_pruner_is_asked_about_feasible_trials_only() -> None:
    for answer in (True, False):
        wrapped = Recording(answer)
        study = new_study(pruner=BudgetPruner(wrapped))
        at_limit, over = study.ask(), study.ask()
        constrain(at_limit, BUDGET, Cost(2_999, 700_000, 1, 1))
        constrain(over, BUDGET, Cost(2_999, 700_001, 1, 1))
        assert gate(study, at_limit) is answer
        assert gate(study, over) is True
        assert wrapped.asked == [at_limit.number]


def test_without_a_wrapped_pruner_every_feasible_trial_goes_on() -> None:
    assert isinstance(BudgetPruner().wrapped, NopPruner)
    study = new_study()
    trial = study.ask()
    constrain(trial, BUDGET, Cost(1, 1, 1, 1))
    assert gate(study, trial) is False


def test_an_uncounted_trial_is_never_admitted() -> None:
    study = new_study(pruner=BudgetPruner(Recording(False)))
    with pytest.raises(UnderbudgetError, match="trial 0 has no constraint values"):
        gate(study, study.ask())


def test_constraining_again_is_silent_for_the_same_cost_and_an_error_for_another() -> None:
    study = new_study()
    trial = study.ask()
    constrain(trial, BUDGET, Cost(5_998, 1, 1, 1))
    again = optuna.Trial(study, trial._trial_id)  # as after a restart
    constrain(again, BUDGET, Cost(5_998, 1, 1, 1))
    assert study.trials[0].constraints["params"] == 1.0
    with pytest.raises(UnderbudgetError, match=r"trial 0 holds the constraint params = 1\.0"):
        constrain(again, BUDGET, Cost(2_999, 1, 1, 1))
