"""Intervals, against SciPy and hand-worked values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from underbudget.reports.statistics import accuracy_interval, evenly, standard_error, wilson_interval


@given(st.integers(1, 60_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_agrees_with_scipy(counts: tuple[int, int], confidence: float) -> None:
    correct, n = counts
    expected = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(correct, n, confidence)
    assert low == pytest.approx(100 * expected.low, abs=1e-8)
    assert high == pytest.approx(100 * expected.high, abs=1e-8)


def test_wilson_by_hand() -> None:
    # 9 of 10, z = 1.959964: (0.9 + 0.192073 +- 1.959964 sqrt(0.009 + 0.0096037)) / 1.3841459
    assert wilson_interval(9, 10) == (pytest.approx(59.585, abs=1e-3), pytest.approx(98.212, abs=1e-3))


def test_the_ends_are_exact() -> None:
    assert wilson_interval(0, 50)[0] == 0.0
    assert wilson_interval(50, 50)[1] == 100.0


@given(st.floats(0, 100), st.integers(1, 100_000))
def test_an_accuracy_lies_in_its_interval(accuracy: float, n: int) -> None:
    low, high = accuracy_interval(accuracy, n)
    assert 0 <= low <= accuracy + 1e-9
    assert accuracy - 1e-9 <= high <= 100


def test_an_accuracy_is_a_share_of_n() -> None:
    assert accuracy_interval(99.5, 10_000) == pytest.approx(wilson_interval(9950, 10_000))


def test_standard_error_of_the_design_page() -> None:
    assert standard_error(99.5, 10_000) == pytest.approx(0.07, abs=0.001)
    assert standard_error(50, 100) == 5.0


@pytest.mark.parametrize(("correct", "n"), [(-1, 10), (11, 10), (0, 0), (math.nan, 10)])
def test_impossible_counts(correct: float, n: int) -> None:
    with pytest.raises(ValueError, match="needs n >= 1"):
        wilson_interval(correct, n)


@pytest.mark.parametrize("accuracy", [-0.1, 100.1, math.nan])
def test_impossible_accuracies(accuracy: float) -> None:
    with pytest.raises(ValueError, match="needs"):
        accuracy_interval(accuracy, 10)
    with pytest.raises(ValueError, match="needs"):
        standard_error(accuracy, 10)


def test_an_even_sample_keeps_both_ends() -> None:
    assert evenly(range(11), 3) == [0, 5, 10]
    assert evenly("abc", 5) == ["a", "b", "c"]
    assert evenly([], 2) == []
