"""What several seeds say together: mean, spread and Student's intervals, and how two rankings agree.

Intervals are over seeds, on one and the same set of judged images: they say what another seed would bring, not what
other images would. SciPy computes the distributions.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from underbudget.reports.statistics import standard_error

CONFIDENCE = 0.95
_DIGITS = 9  # one image in a million is 1e-4 points: values that differ by less than this differ by rounding
_ROUNDING = 10**-_DIGITS


@dataclass(frozen=True)
class Summary:
    """Several values of one kind. What takes two values is None for a single one."""

    n: int
    mean: float
    sd: float | None  # sample standard deviation, n - 1
    minimum: float
    maximum: float
    low: float | None  # Student's 95 % interval of the mean; None too where all values are equal
    high: float | None

    @property
    def error(self) -> float | None:
        """Standard error of the mean."""
        return None if self.sd is None else self.sd / math.sqrt(self.n)


@dataclass(frozen=True)
class Difference:
    """The difference of two means, with Welch's 95 % interval where both sides have two values or more and those of one
    side differ."""

    mean: float
    low: float | None
    high: float | None


def summary(values: Sequence[float], confidence: float = CONFIDENCE) -> Summary:
    """Raises ValueError for an empty sequence."""
    n = len(values)
    if not n:
        raise ValueError("a summary needs at least one value")
    mean = math.fsum(values) / n
    if n == 1:
        return Summary(1, mean, None, mean, mean, None, None)
    sd = statistics.stdev(values)
    if sd < _ROUNDING:  # seeds that agree by chance say nothing of the spread, least of all that it is 0
        return Summary(n, mean, 0.0, min(values), max(values), None, None)
    half = _student(n - 1, confidence) * sd / math.sqrt(n)
    return Summary(n, mean, sd, min(values), max(values), mean - half, mean + half)


def difference(new: Sequence[float], old: Sequence[float], confidence: float = CONFIDENCE) -> Difference:
    """Mean of `new` less mean of `old`, by B. L. Welch, Biometrika 34 (1947): spreads need not be equal.

    Raises ValueError for an empty sequence.
    """
    one, two = summary(new), summary(old)
    mean = one.mean - two.mean
    if one.sd is None or two.sd is None:
        return Difference(mean, None, None)
    a, b = one.sd**2 / one.n, two.sd**2 / two.n
    if a + b == 0:
        return Difference(mean, None, None)
    freedom = (a + b) ** 2 / (a**2 / (one.n - 1) + b**2 / (two.n - 1))
    half = _student(freedom, confidence) * math.sqrt(a + b)
    return Difference(mean, mean - half, mean + half)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rho of pairs, -1..1; None for fewer than three pairs, or where one side is constant. Values that
    differ in the last bits only are ties."""
    first, second = ([round(value, _DIGITS) for value in values] for values in (first, second))
    if len(first) < 3 or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    from scipy import stats

    return float(stats.spearmanr(first, second).statistic)


def standard_errors(published: float, values: Sequence[float], images: int) -> float | None:
    """How far one published run lies above the mean of our runs, in standard errors of that difference.

    Two seeds or more: the seeds' standard deviation s stands for one run's, so the error is s sqrt(1 + 1/n). One seed,
    or seeds that agree exactly: the binomial error of both measurements on `images` images. None where that is 0.
    """
    ours = summary(values)
    if ours.sd:
        return (published - ours.mean) / (ours.sd * math.sqrt(1 + 1 / ours.n))
    error = math.sqrt(2) * standard_error(ours.mean, images)
    return (published - ours.mean) / error if error else None


def _student(freedom: float, confidence: float) -> float:
    from scipy import stats

    return float(stats.t.ppf((1 + confidence) / 2, freedom))
