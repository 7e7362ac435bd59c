"""The loop that owns a study, with trainings that take no time; what it stored is read by stock Optuna."""

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import simulated
from optuna.trial import TrialState

from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import Job, Message
from underbudget.search.session.coordinator import FAILURES, PATIENCE, Limits


def params_by_torch_rule(layers: str) -> int:
    """Parameters of a layer text: the sum over the plan's weight shapes, which torch itself confirms elsewhere."""
    return sum(math.prod(shape) for layer in plan(parse(layers), (1, 28, 28)).layers for _, shape in layer.weights)


def test_a_search_reaches_its_goal_and_stock_optuna_reads_it(tmp_path: Path) -> None:
    outcome = simulated.search(tmp_path, 15)
    study = simulated.stored(tmp_path)
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert outcome.reached
    assert len(complete) == 15
    assert len(complete) + len(pruned) == len(study.trials)
    assert study.metric_names == ["params", "accuracy"]
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    for trial in complete:
        curve = [epoch["val_accuracy"] for epoch in trial.user_attrs["curve"]]
        assert trial.values[0] == params_by_torch_rule(trial.user_attrs["layers"]) < 8000
        assert trial.values[1] == pytest.approx(sum(curve[-3:]) / 3)
        assert trial.user_attrs["verdict"] == "complete"
    assert all(trial.constraints["params"] <= 0 for trial in study.best_trials)


def test_what_is_over_budget_is_stored_pruned_with_constraint_and_reason(tmp_path: Path) -> None:
    simulated.search(tmp_path, 5, simulated.settings("params<1000"), sampler="random")
    pruned = [trial for trial in simulated.stored(tmp_path).trials if trial.state == TrialState.PRUNED]
    over = [trial for trial in pruned if "over" in trial.user_attrs["verdict"]]
    assert over
    for trial in over:
        params = params_by_torch_rule(trial.user_attrs["layers"])
        assert params >= 1000
        assert trial.constraints["params"] == pytest.approx(params / 999 - 1)
        words = f"{params:,} parameters are {params - 999:,} over the budget params<1000"
        assert trial.user_attrs["verdict"] == f"rejected: {words}"
        assert trial.user_attrs["record"]["cost"]["params"] == params
        assert "curve" not in trial.user_attrs


def test_an_over_budget_proposal_builds_no_module_and_does_not_even_import_torch(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import simulated
from underbudget.search.session.coordinator import Limits
from underbudget.search.study.opening import open_study
from underbudget.search.sampling.proposer import Proposer

fixed = simulated.settings("params<400")
with open_study(simulated.location(Path({str(tmp_path)!r})), fixed) as (study, _):
    proposer = Proposer(study, fixed, "random")
    reasons = [proposer.propose().reason for _ in range(30)]
assert sum("over" in reason for reason in reasons) > 20, reasons
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_only_what_passed_the_gate_reaches_the_engine(tmp_path: Path) -> None:
    trained: list[Job] = []

    def run(job: Job) -> Iterator[Message]:
        trained.append(job)
        return simulated.messages(job)

    simulated.search(tmp_path, 10, simulated.settings("params<2000"), InProcessEngine(run))
    assert len(trained) == 10
    assert all(params_by_torch_rule(job.layers_text) < 2000 for job in trained)
    assert len({job.layers_text for job in trained}) == 10
    assert len({job.seed for job in trained}) == 10


def test_the_same_architecture_is_not_trained_twice(tmp_path: Path) -> None:
    simulated.search(tmp_path, 1)
    study = simulated.stored(tmp_path)
    first = study.trials[-1]
    study.enqueue_trial(first.params)
    simulated.search(tmp_path, 2)
    twin = simulated.stored(tmp_path).trials[first.number + 1]
    assert twin.user_attrs["verdict"] == f"rejected: same as #{first.number}"
    assert twin.state == TrialState.PRUNED
    assert twin.constraints["params"] <= 0


@pytest.mark.parametrize("stop_after", [1, 23, 41])
def test_a_stopped_and_resumed_search_proposes_what_an_uninterrupted_one_would(tmp_path: Path, stop_after: int) -> None:
    simulated.search(tmp_path / "whole", 16)
    outcome = simulated.search(tmp_path / "parts", 16, stop_after=stop_after)
    assert not outcome.reached
    assert outcome.why == "asked to stop"
    simulated.search(tmp_path / "parts", 16)
    assert simulated.proposals(tmp_path / "parts") == simulated.proposals(tmp_path / "whole")


def test_a_dead_worker_costs_one_failed_trial_and_one_retry_with_the_same_seed(tmp_path: Path) -> None:
    outcome = simulated.search(tmp_path, 5, engine=simulated.failing(True, 1))
    trials = simulated.stored(tmp_path).trials
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    retries = [trial for trial in trials if trial.user_attrs["record"]["retry_of"] is not None]
    assert outcome.reached
    assert [trial.user_attrs["verdict"] for trial in failed] == ["failed: worker process killed by SIGKILL"]
    assert [trial.user_attrs["record"]["retry_of"] for trial in retries] == [failed[0].number]
    assert retries[0].state == TrialState.COMPLETE
    assert retries[0].params == failed[0].params
    assert retries[0].user_attrs["record"]["seed"] == failed[0].user_attrs["record"]["seed"]


def test_a_retry_that_fails_too_is_not_tried_a_third_time(tmp_path: Path) -> None:
    simulated.search(tmp_path, 3, engine=simulated.failing(True, 2))
    trials = simulated.stored(tmp_path).trials
    assert sum(trial.state == TrialState.FAIL for trial in trials) == 2
    assert sum(trial.user_attrs["record"]["retry_of"] is not None for trial in trials) == 1
    assert sum(trial.state == TrialState.COMPLETE for trial in trials) == 3


def test_a_diverged_training_is_not_retried(tmp_path: Path) -> None:
    simulated.search(tmp_path, 3, engine=simulated.failing(False, 1))
    trials = simulated.stored(tmp_path).trials
    assert sum(trial.state == TrialState.FAIL for trial in trials) == 1
    assert all(trial.user_attrs["record"]["retry_of"] is None for trial in trials)


def test_trials_are_a_total_that_resuming_does_not_exceed(tmp_path: Path) -> None:
    simulated.search(tmp_path, 4)
    before = simulated.proposals(tmp_path)
    assert simulated.search(tmp_path, 4).reached
    assert simulated.proposals(tmp_path) == before
    simulated.search(tmp_path, 6)
    assert sum(state == "COMPLETE" for _, _, state, _ in simulated.proposals(tmp_path)) == 6
    assert simulated.proposals(tmp_path)[: len(before)] == before


def test_a_space_without_new_networks_ends_the_search_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PATIENCE == 200
    monkeypatch.setattr("underbudget.search.session.coordinator.PATIENCE", 30)
    fixed = simulated.settings()
    only = {dimension.name: dimension.values()[0] for dimension in fixed.space.dimensions}
    table = {name: [value] if isinstance(value, str) else value for name, value in only.items()}
    narrow = simulated.Settings(simulated.INFO, fixed.budget, "float32", fixed.recipe, 0, fixed.space.narrowed(table))
    outcome = simulated.search(tmp_path, 5, narrow, sampler="random")
    assert not outcome.reached
    assert "30 proposals in a row" in outcome.why
    states = [state for _, _, state, _ in simulated.proposals(tmp_path)]
    assert states == ["COMPLETE"] + ["PRUNED"] * 30


def test_the_time_limit_ends_a_session_cleanly(tmp_path: Path) -> None:
    outcome = simulated.search(tmp_path, 1000, limits=Limits(1000, seconds=1.0))
    assert not outcome.reached
    assert outcome.why == "the time limit is reached"
    assert simulated.search(
        tmp_path, sum(state == "COMPLETE" for _, _, state, _ in simulated.proposals(tmp_path)) + 1
    ).reached


def test_a_search_in_which_every_training_fails_ends_and_says_why(tmp_path: Path) -> None:
    outcome = simulated.search(tmp_path, 5, engine=simulated.failing(False, 1000))
    assert not outcome.reached
    assert outcome.why == f"{FAILURES} trials in a row failed, the last one: worker process killed by SIGKILL"
    assert len(simulated.stored(tmp_path).trials) < 3 * FAILURES
