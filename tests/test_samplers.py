"""Samplers and the study in memory that they see: stock Optuna, hand-worked values, and what the gate would say."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
import simulated
from optuna.trial import FrozenTrial, TrialState, create_trial

from underbudget.budget.count import count
from underbudget.budget.limits import Budget
from underbudget.models.errors import UserError
from underbudget.models.plan import plan
from underbudget.search.sampling.sampler_study import SamplerStudy
from underbudget.search.sampling.samplers import STARTUP_TRIALS, Ask, random_params, tpe_params
from underbudget.search.space import Space
from underbudget.search.space.dimensions import Sampled, distribution
from underbudget.search.space.widths import resized
from underbudget.search.study.objective import Objective, log_error

SPACE = Space.default((1, 28, 28), 10, Budget.parse("params<8000"))


class Gate:
    """What a proposer answers, counted anew."""

    def __init__(
        self, budget: str, taken: frozenset[str] = frozenset(), sizes: tuple[int, int] | None = (136, 7999)
    ) -> None:
        self.budget, self.taken, self.sizes = Budget.parse(budget), taken, sizes

    def cost(self, params: Mapping[str, Any]) -> int:
        return count(plan(SPACE.decode(params), (1, 28, 28), 10)).params

    def fits(self, params: Mapping[str, Any], size: float = math.inf) -> bool:
        return self.budget.fits(count(plan(SPACE.decode(params), (1, 28, 28), 10))) and self.cost(params) <= size

    def is_new(self, params: Mapping[str, Any]) -> bool:
        return SPACE.decode(params).id not in self.taken


def proposal(number: int, params: dict[str, Any]) -> FrozenTrial:
    """A running trial of these parameters, as the proposer stores it."""
    cost = count(plan(SPACE.decode(params), (1, 28, 28), 10))
    return create_trial(
        state=TrialState.RUNNING,
        params=params,
        distributions={d.name: distribution(d) for d in SPACE.dimensions if d.name in params},
        user_attrs={"record": {"cost": cost.__dict__}},
        constraints={"params": cost.params / 7999 - 1},
    )


def seen(trained: int) -> SamplerStudy:
    """A view of trained random networks; their error falls with their size, and by a tenth of a percent with depth."""
    sampler_study = SamplerStudy(Objective(), 10_000)
    for number in range(trained):
        params = random_params(Ask(3, number, SPACE.dimensions, sampler_study, Gate("params<8000")))
        trial = proposal(number, params)
        sampler_study.add(trial, number)
        cost = trial.user_attrs["record"]["cost"]["params"]
        sampler_study.end(number, 100 - 300 / math.sqrt(cost) - 0.1 * params["n_after"])
    return sampler_study


@pytest.mark.parametrize("budget", ["params<8000", "params<1500", "params<3000, macs<=300k, peak_bytes<=20KB"])
def test_what_tpe_proposes_is_within_tight_and_several_limits(budget: str) -> None:
    gate, sampler_study = Gate(budget), seen(STARTUP_TRIALS)
    proposed = [tpe_params(Ask(0, number, SPACE.dimensions, sampler_study, gate)) for number in range(40, 60)]
    assert all(gate.fits(params) for params in proposed)
    assert len({SPACE.decode(params).id for params in proposed}) > 15


def test_plain_random_proposals_are_over_budget_as_often_as_stock_random_sampling() -> None:
    gate = Gate("params<8000")
    sampler_study = SamplerStudy(Objective(), 100)
    ours = [gate.fits(random_params(Ask(0, number, SPACE.dimensions, sampler_study, gate))) for number in range(600)]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(1))
    stock = []
    for _ in range(600):
        architecture = SPACE.sample(study.ask())
        stock.append(gate.budget.fits(count(plan(architecture, (1, 28, 28), 10))))
    # Two shares of 600 draws: their difference has a standard error of 2.3 points.
    assert sum(ours) / 600 == pytest.approx(sum(stock) / 600, abs=0.07)


def test_a_random_value_depends_on_its_name_and_trial_not_on_the_other_dimensions() -> None:
    gate, sampler_study = Gate("params<8000"), SamplerStudy(Objective(), 100)
    whole = random_params(Ask(5, 7, SPACE.dimensions, sampler_study, gate))
    turned: tuple[Sampled, ...] = tuple(sorted(SPACE.dimensions, key=lambda d: d.name.startswith(("dropout", "order"))))
    assert random_params(Ask(5, 7, turned, sampler_study, gate)) == whole
    assert random_params(Ask(5, 8, SPACE.dimensions, sampler_study, gate)) != whole


def test_a_proposal_is_resized_by_the_largest_factor_that_is_allowed() -> None:
    params = {"n_before": 1, "n_after": 1, "width_before_1": 30, "width_after_1": 20, "dropout": 0.1}
    # 30 and 20 halved are 15 and 10, whose product is 150; one step of the factor more gives 16 x 10 or 15 x 11.
    found = resized(params, SPACE.dimensions, lambda p: p["width_before_1"] * p["width_after_1"] <= 159)
    assert found == {**params, "width_before_1": 15, "width_after_1": 10}
    # Upwards too, to the ends of the ranges.
    small = {**params, "width_before_1": 6, "width_after_1": 4}
    assert resized(small, SPACE.dimensions, lambda p: p["width_before_1"] * p["width_after_1"] <= 159) == found
    assert resized(small, SPACE.dimensions, lambda p: True) == {**params, "width_before_1": 32, "width_after_1": 32}
    assert resized(params, SPACE.dimensions, lambda p: p["width_before_1"] < 4) is None


def test_a_network_that_is_taken_is_not_proposed_again_while_there_are_others() -> None:
    sampler_study = SamplerStudy(Objective(), 100)
    first = tpe_params(Ask(0, 4, SPACE.dimensions, sampler_study, Gate("params<8000")))
    taken = Gate("params<8000", frozenset({SPACE.decode(first).id}))
    assert tpe_params(Ask(0, 4, SPACE.dimensions, sampler_study, taken)) != first


def test_sizes_are_spread_evenly_over_the_decades_and_many_use_the_budget_up() -> None:
    gate, sampler_study = Gate("params<8000"), SamplerStudy(Objective(), 100)
    costs = [gate.cost(tpe_params(Ask(1, number, SPACE.dimensions, sampler_study, gate))) for number in range(200)]
    assert max(costs) <= 7999
    # Half of 200 have a size of 136 to 7,999, evenly in the logarithm: a third of them under 136 x 58.8^(1/3) = 529.
    # The other half seldom come out so small. Five standard deviations of 33 of 200 are 26.
    assert 14 <= sum(cost < 529 for cost in costs) <= 66
    # A fifth is as large as the widths' steps allow, well over nine tenths of the budget.
    assert sum(cost > 7400 for cost in costs) >= 25


def test_where_accuracy_alone_counts_no_proposal_is_made_small() -> None:
    sampler_study = SamplerStudy(Objective("accuracy"), 100)
    alone, front = Gate("params<8000", sizes=None), Gate("params<8000")
    full = [
        sum(gate.cost(tpe_params(Ask(1, number, SPACE.dimensions, sampler_study, gate))) > 7000 for number in range(60))
        for gate in (alone, front)
    ]
    assert full[0] > 30 > full[1]


def test_tpe_begins_after_enough_trained_trials_and_repeats_itself_exactly() -> None:
    gate, numbers = Gate("params<8000"), range(100, 112)

    def proposed(sampler_study: SamplerStudy) -> list[dict[str, Any]]:
        return [tpe_params(Ask(0, number, SPACE.dimensions, sampler_study, gate)) for number in numbers]

    empty = SamplerStudy(Objective(), 10_000)
    assert proposed(seen(STARTUP_TRIALS - 1)) == proposed(empty)
    assert proposed(seen(30)) == proposed(seen(30)) != proposed(empty)


def test_the_view_minimises_the_logarithms_of_cost_and_error() -> None:
    sampler_study = SamplerStudy(Objective("front", "macs"), 10_000)
    params = random_params(Ask(0, 0, SPACE.dimensions, sampler_study, Gate("params<8000")))
    trial = proposal(0, params)
    sampler_study.add(trial, 5)
    sampler_study.end(5, 99.0)
    (here,) = sampler_study.study.trials
    assert here.values == pytest.approx([math.log(trial.user_attrs["record"]["cost"]["macs"]), math.log(1.0)])
    assert here.params == params
    assert log_error(100.0, 10_000) == pytest.approx(math.log(0.005))
    assert sampler_study.trained == 1


def test_with_accuracy_as_the_objective_the_view_has_one_value() -> None:
    sampler_study = SamplerStudy(Objective("accuracy"), 10_000)
    sampler_study.add(proposal(0, random_params(Ask(0, 0, SPACE.dimensions, sampler_study, Gate("params<8000")))), 0)
    sampler_study.end(0, 98.0)
    assert sampler_study.study.trials[0].values == pytest.approx([math.log(2.0)])


@pytest.mark.parametrize(("kind", "minimize"), [("pareto", "params"), ("front", "seconds"), ("front", "params_bytes")])
def test_an_objective_that_is_none_is_refused(kind: str, minimize: str) -> None:
    with pytest.raises(UserError, match=r"^--(objective|minimize) is "):
        Objective(kind, minimize)


def test_a_study_of_accuracy_alone_has_one_direction_in_stock_optuna(tmp_path: Path) -> None:
    from dataclasses import replace

    fixed = replace(simulated.settings(), objective=Objective("accuracy"))
    simulated.search(tmp_path, 6, fixed)
    study = simulated.stored(tmp_path)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE"]
    assert study.metric_names == ["accuracy"]
    best = max(trial.user_attrs["result"]["score"] for trial in study.trials if trial.state == TrialState.COMPLETE)
    assert study.best_value == best


def test_a_front_of_macs_is_told_in_macs(tmp_path: Path) -> None:
    from dataclasses import replace

    fixed = replace(simulated.settings("params<8000, macs<=400k"), objective=Objective("front", "macs"))
    simulated.search(tmp_path, 6, fixed)
    study = simulated.stored(tmp_path)
    assert study.metric_names == ["macs", "accuracy"]
    for trial in study.trials:
        assert trial.values[0] == trial.user_attrs["record"]["cost"]["macs"] <= 400_000
    assert fixed.to_json()["hypervolume_reference"] == {"macs": 400_000, "error": 90.0}


def test_trials_of_another_program_do_not_disturb_the_view(tmp_path: Path) -> None:
    simulated.search(tmp_path, 3)
    study = simulated.stored(tmp_path)
    study.tell(study.ask().number, state=TrialState.PRUNED)
    study.tell(study.ask().number, [10.0, 50.0])
    assert simulated.search(tmp_path, 6).reached


def test_a_tuned_recipe_is_sampled_recorded_and_trained(tmp_path: Path) -> None:
    from dataclasses import replace

    from underbudget.search.engines.inprocess import InProcessEngine
    from underbudget.search.engines.job import Job
    from underbudget.search.study.tuning import parse

    jobs: list[Job] = []

    def run(job: Job) -> Any:
        jobs.append(job)
        return simulated.messages(job)

    fixed = replace(simulated.settings(), tune=parse("lr, ema,dropout"))
    simulated.search(tmp_path, 12, fixed, InProcessEngine(run))
    assert fixed.tune == ("lr", "ema")  # dropout is part of every space
    trials = [trial for trial in simulated.stored(tmp_path).trials if trial.state == TrialState.COMPLETE]
    assert [job.recipe for job in jobs] == [trial.user_attrs["record"]["recipe"] for trial in trials]
    for trial, job in zip(trials, jobs, strict=True):
        assert job.recipe["lr"] == pytest.approx(fixed.recipe.lr * trial.params["lr"])
        assert job.recipe.get("ema", 0.0) == float(trial.params["ema"])
    assert len({job.recipe["lr"] for job in jobs}) == 12
    with pytest.raises(UserError, match="--tune takes lr, weight_decay"):
        parse("speed")
