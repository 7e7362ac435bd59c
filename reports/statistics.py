"""How sure a measured accuracy is.

The score of a trial is a mean over three epochs, but always on the same n images, so its interval is taken for n images
and not for 3n: the three readings agree on almost every image. That is the conservative side. Nor does an interval
here account for the choice of the best of many trials, or for another seed: `confirm` measures those.
"""

import math
from statistics import NormalDist


def wilson_interval(correct: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion `correct / n`, as (low, high) in percent, 0 <= low <= high <= 100.

    `correct` may be a fraction, as a mean of counts is. Source: E. B. Wilson, "Probable inference, the law of
    succession, and statistical inference", JASA 22 (1927), without continuity correction.
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


def accuracy_interval(accuracy: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of an accuracy in percent measured on n images, as (low, high) in percent.

    Raises ValueError for an accuracy outside 0..100, and as `wilson_interval` does.
    """
    return wilson_interval(min(accuracy * n / 100, n) if accuracy <= 100 else math.inf, n, confidence)


def standard_error(accuracy: float, n: int) -> float:
    """Standard error in percentage points of an accuracy in percent on n images: sqrt(p (1 - p) / n).

    Raises ValueError unless 0 <= accuracy <= 100 and n >= 1.
    """
    if n < 1 or not 0 <= accuracy <= 100:
        raise ValueError(f"needs an accuracy from 0 to 100 and n >= 1, not {accuracy} on {n}")
    share = accuracy / 100
    return 100 * math.sqrt(share * (1 - share) / n)
