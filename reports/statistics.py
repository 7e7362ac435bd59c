"""How sure a measured accuracy is: intervals over images and over seeds, rankings compared, even samples.

The score of a trial is a mean over three epochs, but always on the same n images, so its interval is taken for n images
and not for 3n: the three measurements agree on almost every image. That is the conservative side. Such an interval
accounts neither for the choice of the best of many trials nor for another seed: `confirm` measures those.

Intervals over seeds are on one and the same set of images: they say what another seed would bring, not what other
images would.
"""

import math
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeVar

CONFIDENCE = 0.95
T = TypeVar("T")
_DIGITS = 9  # one image in a million is 1e-4 points: values that differ by less than this differ by rounding
_ROUNDING = 10**-_DIGITS


@dataclass(frozen=True)
class Summary:
    """Several values of one kind. Spread and interval of a single value are None."""

    n: int
    mean: float
    sd: float | None  # sample standard deviation, n - 1
    minimum: float
    maximum: float
    low: float | None  # Student's 95 % interval of the mean; None too where all values are equal
    high: float | None


@dataclass(frozen=True)
class Difference:
    """The difference of two means, with Welch's 95 % interval where both sides have two values or more and those of one
    side differ."""

    mean: float
    low: float | None = None
    high: float | None = None


def wilson_interval(correct: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a proportion `correct / n`, as (low, high) in percent, 0 <= low <= high <= 100.

    `correct` may be a fraction, as a mean of counts is; SciPy takes whole counts only. Source: E. B. Wilson, "Probable
    inference, the law of succession, and statistical inference", JASA 22 (1927), without continuity correction.
    Raises ValueError unless n >= 1, 0 <= correct <= n and 0 < confidence < 1.
    """
    if n < 1 or not 0 <= correct <= n or not 0 < confidence < 1:
        raise ValueError(f"needs n >= 1, 0 <= correct <= n, 0 < confidence < 1, not {correct} of {n}, {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 100 / (1 + z * z / n)
    # At 0 and n the formula gives exactly 0 and 100 but for rounding.
    low = 0.0 if correct == 0 else max(0.0, (centre - half) * scale)
    high = 100.0 if correct == n else min(100.0, (centre + half) * scale)
    return low, high


def accuracy_interval(accuracy: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval of an accuracy in percent measured on n images, as (low, high) in percent. Raises ValueError
    for an accuracy outside 0..100, and as `wilson_interval` does."""
    return wilson_interval(min(accuracy * n / 100, n) if accuracy <= 100 else math.inf, n, confidence)


def standard_error(accuracy: float, n: int) -> float:
    """Standard error in percentage points of an accuracy in percent on n images: sqrt(p (1 - p) / n). Raises ValueError
    unless 0 <= accuracy <= 100 and n >= 1."""
    if n < 1 or not 0 <= accuracy <= 100:
        raise ValueError(f"needs an accuracy from 0 to 100 and n >= 1, not {accuracy} on {n}")
    share = accuracy / 100
    return 100 * math.sqrt(share * (1 - share) / n)


def summary(values: Sequence[float]) -> Summary:
    """Mean, spread and Student's interval. Raises ValueError for an empty sequence."""
    n = len(values)
    if not n:
        raise ValueError("a summary needs at least one value")
    mean = math.fsum(values) / n
    sd = statistics.stdev(values) if n > 1 else None
    low = high = None
    if sd is not None and sd < _ROUNDING:  # seeds that agree by chance don't prove a spread of 0: no interval
        sd = 0.0
    elif sd is not None:
        from scipy import stats

        low, high = map(float, stats.t.interval(CONFIDENCE, n - 1, mean, sd / math.sqrt(n)))
    return Summary(n, mean, sd, min(values), max(values), low, high)


def difference(new: Sequence[float], old: Sequence[float]) -> Difference:
    """Mean of `new` less mean of `old`, with the interval of B. L. Welch, Biometrika 34 (1947): spreads need not be
    equal. Raises ValueError for an empty sequence."""
    one, two = summary(new), summary(old)
    mean = one.mean - two.mean
    if one.sd is None or two.sd is None or one.sd + two.sd == 0:
        return Difference(mean)
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy's, where the values of one side are equal
        interval = stats.ttest_ind(new, old, equal_var=False).confidence_interval(CONFIDENCE)
    return Difference(mean, float(interval.low), float(interval.high))


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Up to `most` items, two or more, spread evenly over a sequence, first and last included."""
    if len(items) <= most:
        return list(items)
    return [items[round(step * (len(items) - 1) / (most - 1))] for step in range(most)]


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
