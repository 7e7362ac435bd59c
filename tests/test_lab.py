"""The laboratory: engine in virtual time, whole simulated searches, measures, stock samplers."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from scipy.stats import bootstrap

from lab import measures
from lab.curves import CurveModel, planned
from lab.engine import VirtualEngine
from lab.methods import SAMPLERS, method
from lab.searching import Search, Trained, search, search_from_json, settings
from lab.stock import StockSampler
from underbudget.models.errors import UserError
from underbudget.reports.record import Epoch
from underbudget.search.engines.job import EpochDone, Finished, Job
from underbudget.search.sampling.sampler_study import SamplerStudy
from underbudget.search.sampling.samplers import Ask
from underbudget.search.study.seeds import derive

SMALL, LARGE = "conv3x3(4) relu bn | gap | conv1x1(10)", "conv3x3(30) relu bn | conv3x3(30) relu bn | gap | conv1x1(10)"


@pytest.fixture(scope="module")
def model() -> CurveModel:
    return CurveModel.load()


def clockwork(model: CurveModel, epochs: int = 3) -> CurveModel:
    """An epoch takes a second per million multiply-adds."""
    short: dict[str, Any] = {name: getattr(model, name)[:epochs] for name in ("mean_curve", "noise")}
    return replace(model, seconds={"fixed": 0.0, "macs": 1.0, "values": 0.0}, **short)


def job(trial: int, layers: str, epochs: int = 3) -> Job:
    return Job(trial, layers, {"epochs": epochs}, 1, "nowhere", "0", "cpu")


def told(engine: VirtualEngine, waits: int) -> list[tuple[int, int, float]]:
    """(trial, epoch, or 0 at the end, moment) of the messages of so many waits."""
    found = []
    for _ in range(waits):
        for message in engine.wait(1.0):
            found.append((message.trial, message.epoch if isinstance(message, EpochDone) else 0, round(engine.now, 9)))
    return found


def test_epochs_end_in_the_order_of_their_durations(model: CurveModel) -> None:
    """One worker: 4 * 26 * 26 * 9 + 40 = 24,376 multiply-adds per epoch of the small network."""
    engine = VirtualEngine(clockwork(model), 1)
    engine.submit(job(0, SMALL))
    engine.submit(job(1, SMALL))
    second = 24376e-6
    expected = [(0, 1), (0, 2), (0, 3), (0, 0), (1, 1), (1, 2), (1, 3), (1, 0)]
    moments = [1, 2, 3, 3, 4, 5, 6, 6]
    assert told(engine, 6) == [(*what, round(n * second, 9)) for what, n in zip(expected, moments, strict=True)]
    assert engine.wait(1.0) == []
    assert engine.epochs == 6


def test_a_small_network_overtakes_a_large_one(model: CurveModel) -> None:
    engine = VirtualEngine(clockwork(model), 2)
    engine.submit(job(0, LARGE))
    engine.submit(job(1, SMALL))
    engine.submit(job(2, SMALL))
    order = [(trial, epoch) for trial, epoch, _ in told(engine, 9)]
    assert order[:8] == [(1, 1), (1, 2), (1, 3), (1, 0), (2, 1), (2, 2), (2, 3), (2, 0)]
    assert order[8:] == [(0, 1), (0, 2), (0, 3), (0, 0)]


def test_a_stopped_job_frees_its_worker_and_is_silent(model: CurveModel) -> None:
    engine = VirtualEngine(clockwork(model), 1)
    engine.submit(job(0, SMALL))
    engine.submit(job(1, SMALL))
    assert [entry[:2] for entry in told(engine, 1)] == [(0, 1)]
    engine.stop(0)
    assert [entry[:2] for entry in told(engine, 3)] == [(1, 1), (1, 2), (1, 3), (1, 0)]
    assert told(engine, 1) == []
    assert (engine.epochs_of(0), engine.epochs_of(1), engine.epochs) == (1, 3, 4)
    engine.stop(0)  # nothing there any more


def test_a_job_that_waits_can_be_stopped(model: CurveModel) -> None:
    engine = VirtualEngine(clockwork(model), 1)
    for trial in (0, 1):
        engine.submit(job(trial, SMALL))
    engine.stop(1)
    assert {trial for trial, *_ in told(engine, 9)} == {0}


def test_nothing_is_heard_without_waiting(model: CurveModel) -> None:
    engine = VirtualEngine(clockwork(model), 1)
    engine.submit(job(0, SMALL))
    assert engine.wait(0) == []
    assert engine.now == 0
    assert isinstance(engine.wait(1.0)[0], EpochDone)
    engine.close()
    engine.close()
    assert engine.wait(1.0) == []


def test_messages_carry_the_curve(model: CurveModel) -> None:
    engine = VirtualEngine(model, 1)
    engine.submit(job(0, SMALL, 15))
    messages = [message for _ in range(15) for message in engine.wait(1.0)]
    assert isinstance(messages[-1], Finished)
    curve = [message.val_accuracy for message in messages[:-1] if isinstance(message, EpochDone)]
    assert curve == model.curve(planned(SMALL), 1)


def test_a_search_is_repeatable_and_trains_what_was_asked() -> None:
    one, other = (search(method("random"), 3, 8, 2) for _ in range(2))
    assert replace(one, wall_seconds=0.0) == replace(other, wall_seconds=0.0)
    assert len(one.trained) == 8
    assert one.trained[-1].spent == 8 * 15
    assert all(trial.params < 8000 for trial in one.trained)
    assert one.proposals.count("trained") == 8
    assert one.reference == {"params": 7999, "error": 90.0}
    assert search_from_json(one.to_json()) == one


def test_a_search_goes_on_until_its_epochs_are_spent() -> None:
    found = search(method("random"), 3, 4, 2, epochs=10 * 15)
    assert found.trained[-1].spent >= 150
    assert len(found.trained) >= 10
    assert found.trained[:4] == search(method("random"), 3, 8, 2).trained[:4]


def test_stopping_saves_epochs() -> None:
    found = search(method("random+front"), 0, 40, 2)
    stopped = [trial for trial in found.trained if trial.score is None]
    assert stopped
    assert all(trial.epochs < 15 for trial in stopped)
    assert found.trained[-1].spent == sum(trial.epochs for trial in found.trained) < 40 * 15


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_method_runs(name: str) -> None:
    found = search(method(f"{name}+mo-asha"), 0, 14, 2)
    assert len(found.trained) == 14


@pytest.mark.parametrize("name", ["foo", "tpe+foo", "+front", "tpe+"])
def test_an_unknown_method_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="there is no method"):
        method(name)


def trained(*trials: tuple[int, float | None]) -> tuple[Trained, ...]:
    """Trials of (params, score), ten epochs each."""
    return tuple(Trained(n, params, score, 10, 10 * (n + 1), 0.0) for n, (params, score) in enumerate(trials))


def test_hypervolume_by_hand() -> None:
    """Reference 10,000 parameters, 90 % error. 1,000 at 10 %: one decade x 80 points; 100 at 30 %: another x 60."""
    reference = {"params": 10_000, "error": 90.0}
    trials = trained((1000, 90.0), (100, 70.0), (500, None))
    assert measures.volume(trials, reference) == pytest.approx(math.log10(90 / 10) + math.log10(90 / 30))
    assert measures.volume(trials, reference, "percent") == pytest.approx(1 * 80 + 1 * 60)


def test_epochs_and_trials_to_a_goal_by_hand() -> None:
    one = Search("x", 0, trained((1000, 90.0), (500, None), (100, 70.0)), (), {"params": 10_000, "error": 90.0}, 0.0)
    progress = measures.progress(one, "percent")
    assert progress == ([10, 20, 30], pytest.approx([80, 80, 140]))
    assert [measures.epochs_to(progress, goal) for goal in (80, 81, 140.1)] == [10, 30, math.inf]
    assert measures.at_epochs(progress, [5, 10, 29, 30]) == pytest.approx([0, 80, 80, 140])
    assert math.isnan(measures.at_epochs(progress, [31])[0])
    assert measures.trials_to(one.trained, 70) == 1
    assert measures.trials_to(one.trained[1:], 70) == 2
    assert measures.trials_to(one.trained, 95) == math.inf
    assert measures.best(one.trained) == 90.0


def test_over_budget_share_leaves_the_first_proposals_out() -> None:
    fates = ("over budget",) * 50 + ("over budget", "trained", "trained", "duplicate")
    assert measures.over_budget(Search("x", 0, (), fates, {}, 0.0)) == 25
    assert math.isnan(measures.over_budget(Search("x", 0, (), fates[:50], {}, 0.0)))


def test_bands_agree_with_scipy() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=20)
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=0).confidence_interval
    middle, low, high = measures.band(list(values), np.mean)
    assert middle == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(tuple(theirs), rel=0.03)


def test_bands_of_what_was_never_reached() -> None:
    assert measures.band([math.inf] * 20) == (math.inf,) * 3
    middle, low, high = measures.band([10.0] * 11 + [math.inf] * 9)
    assert (middle, low, high) == (10, 10, math.inf)


@pytest.mark.parametrize("constrained", [True, False])
def test_stock_samplers_propose_what_stock_optuna_does(constrained: bool) -> None:
    """The same sampler driven by plain ask and tell, with the same results."""
    fixed = settings("params<8000", 0)
    dimensions = fixed.dimensions
    view = SamplerStudy(fixed.objective, 10_000)
    ours = StockSampler(lambda seed: optuna.samplers.TPESampler(seed=seed), 15, constrained)
    plain = optuna.create_study(directions=["minimize", "maximize"], sampler=optuna.samplers.TPESampler(seed=0))
    for number in range(25):
        params = ours(Ask(0, number, dimensions, view, None))  # type: ignore[arg-type]
        trial = plain.ask()
        assert fixed.suggest(trial) == params
        over, score = derive(0, number, "over") % 3 == 0, 90 + derive(0, number, "score") % 1000 / 100
        violation = 0.5 if over else -0.5
        curve = [Epoch(epoch, 1.0, 1.0, 1.0, score, 1.0).__dict__ for epoch in range(1, 16)]
        frozen = optuna.trial.create_trial(
            state=optuna.trial.TrialState.PRUNED if over else optuna.trial.TrialState.RUNNING,
            params=params,
            distributions=trial.distributions,
            user_attrs={"record": {"cost": {"params": 100 + number}}},
            constraints={"params": violation},
        )
        view.add(frozen, number)
        if constrained:
            trial.set_constraint("params", violation)
        if over:
            state = optuna.trial.TrialState.PRUNED if constrained else optuna.trial.TrialState.FAIL
            plain.tell(trial, state=state)
        else:
            view.epoch(number, curve)
            view.end(number, score)
            plain.tell(trial, [100.0 + number, score])
