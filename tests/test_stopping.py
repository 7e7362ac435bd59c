"""Early stopping: hand-made curves, a stock Optuna study, and searches whose trainings take no time."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import simulated
from optuna.trial import FrozenTrial, TrialState, create_trial

from underbudget.budget.pruner import BudgetPruner
from underbudget.models.errors import UserError
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import EpochDone, Finished, Job, Message
from underbudget.search.session.coordinator import Limits
from underbudget.search.stopping import Stopping
from underbudget.search.stopping.front import LEAST_COMPLETE, FrontPruner, forecast
from underbudget.search.stopping.halving import HalvingPruner
from underbudget.search.stopping.rule import rungs
from underbudget.search.stopping.rungs import Curve
from underbudget.search.study.objective import Objective

EPOCHS = 10
# How a training goes here: the error starts six times as high as it ends, and falls evenly in its logarithm.
SHAPE = [math.exp(math.log(6) * (1 - epoch / EPOCHS)) for epoch in range(1, EPOCHS + 1)]


def trial(params: int, errors: Sequence[float], state: TrialState, number: int = 0) -> FrozenTrial:
    """A trial as a search stores it: costs, learning curve (validation errors in percent), values when complete."""
    curve = [{"epoch": i + 1, "val_accuracy": 100 - error} for i, error in enumerate(errors)]
    record = {"cost": {"params": params, "macs": 100 * params, "peak_bytes": 10_000}}
    made = create_trial(
        state=state,
        values=[params, 100 - errors[-1]] if state == TrialState.COMPLETE else None,
        user_attrs={"record": record, "curve": curve},
        constraints={"params": -0.1},
    )
    made.number = number
    return made


def study(*complete: tuple[int, float]) -> optuna.Study:
    """A stock study of complete trials, given as (parameters, final error)."""
    made = optuna.create_study(directions=["minimize", "maximize"])
    for params, error in complete:
        made.add_trial(trial(params, [error * factor for factor in SHAPE], TrialState.COMPLETE))
    return made


def running(params: int, error: float, epoch: int, late: float = 1.0) -> FrozenTrial:
    """A trial in training that would end with this error; `late` times the usual error so far."""
    return trial(params, [late * error * factor for factor in SHAPE[:epoch]], TrialState.RUNNING, 99)


FRONT = ((500, 4.0), (1000, 2.5), (2000, 1.6), (4000, 1.1), (7000, 0.8), (3000, 3.0), (6000, 5.0), (5000, 1.4))


def front_pruner(**options: Any) -> FrontPruner:
    return FrontPruner(Objective(), EPOCHS, 10_000, Stopping("front", **options))


def test_a_hopeless_trial_is_stopped_at_a_rung_and_a_good_one_is_not() -> None:
    held = study(*FRONT)
    pruner = front_pruner()
    assert pruner.prune(held, running(5000, 9.0, 3))
    assert not pruner.prune(held, running(5000, 1.0, 3))
    assert not pruner.prune(held, running(5000, 1.2, 3))  # a little behind the front: chance may still mend it


def test_a_trial_that_is_only_somewhat_behind_is_stopped_later_than_a_hopeless_one() -> None:
    held = study(*FRONT)
    pruner = front_pruner(first_rung=1, reduction_factor=1.05)
    stops = [
        next((epoch for epoch in range(1, EPOCHS) if pruner.prune(held, running(5000, error, epoch))), EPOCHS)
        for error in (30.0, 2.0)
    ]
    assert stops[0] <= stops[1]


def test_the_reason_and_the_estimate_say_what_the_curves_say() -> None:
    stop = front_pruner().decide(study(*FRONT), running(5000, 9.0, 2))
    assert stop is not None
    assert stop.epoch == 2
    # Every curve falls alike; a score is the mean of the last three epochs: 6^0.2, 6^0.1 and 1 times the last error.
    mean = (6**0.2 + 6**0.1 + 1) / 3
    assert stop.estimate == pytest.approx(100 - 9.0 * mean)
    assert stop.reason.startswith("at epoch 2, because it had ")
    assert f"the front has {100 - 1.1 * mean:.2f}" in stop.reason  # of the 4,000 parameters


def test_the_smallest_network_is_stopped_where_it_is_bad_and_not_where_it_is_merely_small() -> None:
    held = study(*FRONT)
    pruner = front_pruner()
    assert not pruner.prune(held, running(400, 5.0, 3))
    assert pruner.prune(held, running(400, 60.0, 3))
    # Far smaller than anything known there is nothing to compare it with.
    assert not pruner.prune(held, running(100, 60.0, 3))


def test_a_small_network_that_learns_slowly_is_forecast_by_its_like() -> None:
    """Small networks whose error falls later than that of large ones: the fall is learnt as a function of the cost."""
    slow = [math.exp(math.log(40) * (1 - epoch / EPOCHS)) for epoch in range(1, EPOCHS + 1)]
    held = optuna.create_study(directions=["minimize", "maximize"])
    for params, error in ((500, 4.0), (600, 3.6), (700, 3.3), (800, 3.0), (900, 2.8), (1000, 2.5)):
        held.add_trial(trial(params, [error * factor for factor in slow], TrialState.COMPLETE))
    for params, error in ((4000, 1.1), (5000, 1.0), (6000, 0.9), (7000, 0.8)):
        held.add_trial(trial(params, [error * factor for factor in SHAPE], TrialState.COMPLETE))
    late = trial(650, [3.4 * factor for factor in slow[:3]], TrialState.RUNNING, 99)
    assert not front_pruner().prune(held, late)


def test_nothing_is_stopped_before_there_is_something_to_learn_from_or_between_rungs() -> None:
    few = study(*FRONT[: LEAST_COMPLETE - 1])
    assert not front_pruner().prune(few, running(5000, 50.0, 3))
    held = study(*FRONT)
    assert not front_pruner(first_rung=4).prune(held, running(5000, 50.0, 3))
    assert front_pruner(first_rung=4).prune(held, running(5000, 50.0, 4))


def test_with_accuracy_alone_a_small_network_is_compared_with_the_best_of_all() -> None:
    held = study(*FRONT)
    small = running(600, 3.6, 3)
    assert not front_pruner().prune(held, small)
    assert FrontPruner(Objective("accuracy"), EPOCHS, 10_000).prune(held, small)


def test_the_forecast_is_ordinary_least_squares_where_the_prior_does_not_matter() -> None:
    source = np.random.default_rng(0)
    start, cost = source.normal(1.0, 0.5, 4000), source.normal(8.0, 0.7, 4000)
    final = start - 1.2 + 0.3 * (start - 1) - 0.2 * (cost - 8) + source.normal(0, 0.1, 4000)
    complete = [Curve(c, np.array([s]), f) for s, c, f in zip(start, cost, final, strict=True)]
    here = Curve(7.0, np.array([1.5]), None)
    design = np.stack([np.ones(4000), start, cost], axis=1)
    solution, *_ = np.linalg.lstsq(design, final, rcond=None)
    mean, spread = forecast(complete, here, 1)
    assert mean == pytest.approx(float(np.array([1.0, 1.5, 7.0]) @ solution), abs=1e-3)
    assert spread == pytest.approx(0.1, abs=0.01)


def test_the_budget_pruner_wraps_it() -> None:
    held = study(*FRONT)
    pruner = BudgetPruner(front_pruner())
    bad = running(5000, 9.0, 3)
    assert pruner.prune(held, bad)
    assert not pruner.prune(held, running(5000, 1.0, 3))
    over = running(9000, 0.5, 3)
    over._system_attrs["constraints:params"] = 0.2
    assert pruner.prune(held, over)


@pytest.mark.parametrize(
    ("first", "factor", "epochs", "expected"),
    [(1, 3, 15, [1, 3, 9]), (1, 2, 15, [1, 2, 4, 8]), (2, 1.5, 15, [2, 3, 5, 7, 11]), (5, 3, 5, []), (1, 3, 1, [])],
)
def test_rungs_by_hand(first: int, factor: float, epochs: int, expected: list[int]) -> None:
    assert rungs(first, factor, epochs) == expected


def test_halving_lets_one_of_three_go_on_and_never_stops_the_smallest() -> None:
    held = study((1000, 2.0), (2000, 1.5), (4000, 1.0), (5000, 4.0), (6000, 5.0))
    pruner = HalvingPruner(Objective(), EPOCHS, 10_000)
    assert pruner.prune(held, running(7000, 9.0, 3))  # dominated by all: last of six, two go on
    assert not pruner.prune(held, running(7000, 0.5, 3))  # the most accurate is the first of an epsilon-net
    assert not pruner.prune(held, running(100, 15.0, 3))
    stop = pruner.decide(held, running(7000, 9.0, 3))
    assert stop is not None
    assert stop.reason == "at epoch 3, because it is place 6 of 6 trials there, of which 2 go on"


@pytest.mark.parametrize(
    "options",
    [{"method": "median"}, {"first_rung": 0}, {"reduction_factor": 1.0}, {"reduction_factor": float("nan")}],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"^--(stopping|first-rung|reduction-factor) is "):
        Stopping(**options)


def curve(job: Job) -> Iterator[Message]:
    """A training that takes no time, bad for one network in two."""
    end = 1.0 + 40 * (job.seed % 2)
    for epoch in range(1, job.recipe["epochs"] + 1):
        yield EpochDone(job.trial, epoch, 1.0, 50.0, 1.0, 100 - min(90.0, end * 4 ** (1 - epoch / 15)), 0.5)
    yield Finished(job.trial, "YQ==", [[1]], 2.0, "simulated", "cpu", "none", {"python": "3"})


@pytest.mark.parametrize("method", ["front", "mo-asha"])
def test_a_search_stops_bad_trials_early_and_stock_optuna_reads_it(tmp_path: Path, method: str) -> None:
    fixed = simulated.settings(epochs=15)
    outcome = simulated.search(tmp_path, 30, fixed, InProcessEngine(curve), early=Stopping(method))
    trials = simulated.stored(tmp_path).trials
    stopped = [one for one in trials if one.user_attrs["verdict"].startswith("stopped: at epoch ")]
    complete = [one for one in trials if one.state == TrialState.COMPLETE]
    assert outcome.reached
    assert len(stopped) + len(complete) == 30
    assert len(stopped) > 5
    epochs = Stopping(method).rungs(15)
    for one in stopped:
        assert one.state == TrialState.PRUNED
        assert one.values is None
        assert len(one.user_attrs["curve"]) == one.user_attrs["stop"]["epoch"] in epochs
        assert "result" not in one.user_attrs
    assert not list((tmp_path / "models").glob(f"trial-{stopped[0].number}.*"))


@pytest.mark.parametrize("stop_after", [60, 150, 333])
def test_a_resumed_search_stops_the_same_trials_at_the_same_epochs(tmp_path: Path, stop_after: int) -> None:
    fixed = simulated.settings(epochs=15)
    options: dict[str, Any] = {"fixed": fixed, "early": Stopping("front")}
    simulated.search(tmp_path / "whole", 25, engine=InProcessEngine(curve), **options)
    for _ in range(2):
        simulated.search(
            tmp_path / "parts", 25, engine=InProcessEngine(curve), stop_after=stop_after, limits=Limits(25), **options
        )
    simulated.search(tmp_path / "parts", 25, engine=InProcessEngine(curve), **options)
    assert simulated.proposals(tmp_path / "parts") == simulated.proposals(tmp_path / "whole")
    ends = [
        [(one.number, one.user_attrs["verdict"]) for one in simulated.stored(tmp_path / part).trials]
        for part in ("whole", "parts")
    ]
    assert ends[0] == ends[1]


def test_what_a_stopped_trial_still_says_is_not_heard(tmp_path: Path) -> None:
    """An engine whose stops come late: it delivers one more epoch of a stopped trial, as a busy worker may."""

    class Late(InProcessEngine):
        slots = 1
        told: list[int]

        def __init__(self) -> None:
            super().__init__(curve)
            self.told = []
            self._held: list[Message] = []

        def stop(self, trial: int) -> None:
            self.told.append(trial)
            self._held = [EpochDone(trial, 99, 1.0, 50.0, 1.0, 99.9, 0.5)]
            super().stop(trial)

        def wait(self, timeout: float) -> list[Message]:
            held, self._held = self._held, []
            return held + super().wait(timeout)

    engine = Late()
    simulated.search(tmp_path, 20, simulated.settings(epochs=15), engine, early=Stopping("front"))
    trials = simulated.stored(tmp_path).trials
    assert engine.told
    for number in engine.told:
        assert all(epoch["epoch"] < 15 for epoch in trials[number].user_attrs["curve"])
        assert trials[number].user_attrs["verdict"].startswith("stopped")


def test_a_forecast_far_from_all_that_was_seen_stays_an_accuracy() -> None:
    """Curves that hardly differ at the start, and falls that do: a regression on them must not run away."""
    source = np.random.default_rng(1)
    complete = [
        Curve(8.9 + 1e-4 * index, np.array([2.0 + 1e-5 * index]), 2.0 - float(source.uniform(0, 2)))
        for index in range(8)
    ]
    mean, spread = forecast(complete, Curve(5.0, np.array([4.5]), None), 1)
    assert mean <= math.log(100)
    assert math.isfinite(spread)
    assert spread < 10
