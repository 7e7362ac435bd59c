"""The front, against a plain loop; the hypervolume, against hand-worked values and Optuna's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume
from studies import Spec, trial_record

from underbudget.reports.front import (
    first_reaching,
    front,
    holds,
    hypervolume,
    reaching_epoch,
    smallest_holding,
    study_hypervolume,
    winner,
)
from underbudget.reports.record import TrialRecord


def trials(*specs: Spec) -> list[TrialRecord]:
    return [trial_record(number, spec) for number, spec in enumerate(specs)]


def at(params: int, accuracy: float, state: str = "complete") -> Spec:
    return Spec(state, params, (accuracy,))


def numbers(chosen: tuple[TrialRecord, ...]) -> list[int]:
    return [trial.trial for trial in chosen]


def test_a_front_by_hand() -> None:
    found = trials(at(5000, 99), at(4000, 98), at(6000, 99.5), at(5500, 98.9), at(4000, 97), at(3000, 98))
    assert numbers(front(found)) == [5, 0, 2]
    assert winner(found) is found[2]


def test_of_equal_points_the_earliest_stays() -> None:
    found = trials(at(5000, 99), at(5000, 99), at(4000, 98), at(4000, 98))
    assert numbers(front(found)) == [2, 0]
    assert numbers(front(reversed(found))) == [2, 0]


def test_an_equal_score_with_more_parameters_is_beaten() -> None:
    assert numbers(front(trials(at(5000, 99), at(4000, 99)))) == [1]
    assert numbers(front(trials(at(5000, 99), at(5000, 98)))) == [0]


@pytest.mark.parametrize("state", ["failed", "stopped", "rejected", "running"])
def test_only_complete_trials_enter(state: str) -> None:
    found = trials(at(100, 99.9, state), at(5000, 99))
    assert numbers(front(found)) == [1]
    assert winner(found) is found[1]
    assert smallest_holding([found[0]], 50) is None
    assert first_reaching([found[0]], 50) is None


@pytest.mark.parametrize("accuracy", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_never_enters(accuracy: float) -> None:
    found = trials(at(100, accuracy), at(5000, 99))
    assert numbers(front(found)) == [1]
    assert winner(found) is found[1]
    assert front(found[:1]) == ()
    assert winner(found[:1]) is None


def test_a_complete_trial_without_a_proposal_or_result_never_enters() -> None:
    found = trials(Spec(proposed=False), Spec(accuracies=()), at(5000, 90))
    assert numbers(front(found)) == [2]


def test_an_empty_study() -> None:
    assert front([]) == ()
    assert winner([]) is None
    assert smallest_holding([], 99) is None


def test_ties_of_the_winner_go_to_fewer_parameters_then_to_the_earliest() -> None:
    found = trials(at(6000, 99), at(5000, 99), at(5000, 99))
    assert winner(found) is found[1]


def beats(one: TrialRecord, other: TrialRecord) -> bool:
    assert one.proposal is not None
    assert other.proposal is not None
    assert one.score is not None
    assert other.score is not None
    a, b = (one.proposal.cost.params, -one.score), (other.proposal.cost.params, -other.score)
    return all(x <= y for x, y in zip(a, b, strict=True)) and (a != b or one.trial < other.trial)


points = st.tuples(st.integers(1, 12), st.integers(80, 99).map(float))


@given(st.lists(points, max_size=40))
def test_the_front_equals_a_plain_loop(drawn: list[tuple[int, float]]) -> None:
    found = trials(*(at(params, accuracy) for params, accuracy in drawn))
    unbeaten = {one.trial for one in found if not any(beats(other, one) for other in found if other is not one)}
    result = front(found)
    assert {trial.trial for trial in result} == unbeaten
    counts = [trial.proposal.cost.params for trial in result if trial.proposal]
    assert counts == sorted(set(counts))


@given(st.lists(points, min_size=1, max_size=40))
def test_the_winner_is_the_last_of_the_front(drawn: list[tuple[int, float]]) -> None:
    found = trials(*(at(params, accuracy) for params, accuracy in drawn))
    assert winner(found) is front(found)[-1]


def curve(*accuracies: float, params: int = 7000) -> Spec:
    return Spec("complete", params, accuracies)


def test_holding_needs_each_of_the_last_three_epochs() -> None:
    assert holds(trial_record(0, curve(10, 99.4, 99.4, 99.4)), 99.4)
    assert not holds(trial_record(0, curve(99.4, 99.4, 99.4, 99.3)), 99.4)
    assert not holds(trial_record(0, curve(99.3, 99.9, 99.9)), 99.4)
    assert not holds(trial_record(0, curve(99.9, 99.9)), 99.4), "two epochs cannot hold for three"
    assert not holds(trial_record(0, curve(99.9, math.nan, 99.9)), 99.4)


def test_a_target_met_exactly_is_held_whatever_the_rounding() -> None:
    exact = 100 * 9943 / 10_000
    below = math.nextafter(exact, 0)
    assert holds(trial_record(0, curve(below, below, below)), 99.43)
    image_less = 100 * 9942 / 10_000
    assert not holds(trial_record(0, curve(image_less, exact, exact)), 99.43)


def test_the_smallest_that_holds_and_the_first_that_reached() -> None:
    found = trials(
        curve(90, 99.0, 99.5, 98.0, params=7500),  # reaches, does not hold
        curve(99.5, 99.5, 99.5, params=7000),
        curve(99.5, 99.6, 99.5, params=5000),
        curve(99.5, 99.5, 99.5, params=5000),  # same size, lower score
    )
    assert smallest_holding(found, 99.4) is found[2]
    assert first_reaching(found, 99.4) is found[0]
    assert first_reaching(reversed(found), 99.4) is found[0]
    assert reaching_epoch(found[0], 99.4) == 3
    assert smallest_holding(found, 99.9) is None
    assert first_reaching(found, 99.9) is None


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([], 0),
        ([(1, 1)], 4),
        ([(1, 1), (1, 1)], 4),
        ([(1, 2), (2, 1)], 3),  # two boxes of 2 that share 1
        ([(1, 2), (2, 1), (2, 2)], 3),
        ([(0, 2.5), (1, 1), (2.5, 0)], 1.5 + 3 + 0.5),
        ([(3, 0)], 0),  # on the edge of the reference
        ([(4, 0), (0, 4)], 0),
        ([(-1, 1), (math.nan, 0), (0, math.inf)], 8),
    ],
)
def test_hypervolume_by_hand(points: list[tuple[float, float]], area: float) -> None:
    assert hypervolume(points, (3, 3)) == pytest.approx(area)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=30))
def test_hypervolume_agrees_with_optuna(drawn: list[tuple[float, float]]) -> None:
    inside = [point for point in drawn if point[0] < 9 and point[1] < 8]
    expected = compute_hypervolume(np.array(inside), np.array([9.0, 8.0])) if inside else 0.0
    assert hypervolume(drawn, (9.0, 8.0)) == pytest.approx(expected)


def test_hypervolume_of_a_study() -> None:
    # One decade below the reference in parameters, one and a half below it in error: 10 % against 10 / sqrt(1000).
    found = trials(at(800, 100 - 1000**-0.5 * 10), at(100, 50, "failed"), at(8000, 99.9))
    assert study_hypervolume(found, {"params": 8000, "error": 10.0}) == pytest.approx(1.5)


def test_hypervolume_on_another_axis_and_without_any_error() -> None:
    # No error at all counts as 0.005 %: log10(10 / 0.005) = 3.30103.
    found = trials(at(800, 100.0))
    macs = found[0].proposal.cost.macs if found[0].proposal else 0
    reference = {"macs": 100 * macs, "error": 10.0}
    assert study_hypervolume(found, reference) == pytest.approx(2 * 3.3010299957)
