"""What a simulated search was worth, and how sure that is over seeds."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from lab.searching import Search, Trained
from underbudget.reports.front import LEAST_ERROR, hypervolume

Floats = NDArray[np.float64]
BOOTSTRAP = 2000
WARM_UP = 50  # proposals that are not counted in the over-budget share
SCALES = ("log", "percent")  # of the error's axis in the hypervolume, the study's own first


def volume(trained: Iterable[Trained], reference: dict[str, float], scale: str = "log") -> float:
    """Hypervolume of complete trials.

    `log` is the study's stored definition (reports.front.study_hypervolume): (log10 params, log10 error). `percent`:
    (log10 params, error in percent), where the errors of the smallest networks outweigh all others.
    """
    of_error: Callable[[float], float] = math.log10 if scale == "log" else float
    points = [
        (math.log10(trial.params), of_error(max(100 - trial.score, LEAST_ERROR)))
        for trial in trained
        if trial.score is not None
    ]
    return hypervolume(points, (math.log10(reference["params"]), of_error(reference["error"])))


def progress(search: Search, scale: str = "log") -> tuple[list[int], list[float]]:
    """(epochs spent, hypervolume) after each trained trial."""
    volumes = [volume(search.trained[: n + 1], search.reference, scale) for n in range(len(search.trained))]
    return [trial.spent for trial in search.trained], volumes


def epochs_to(progress: tuple[Sequence[int], Sequence[float]], constraints: float) -> float:
    """Epochs spent when the hypervolume first was at least `wanted`; infinite where it never was."""
    reached = (float(spent) for spent, volume in zip(*progress, strict=True) if volume >= constraints)
    return next(reached, math.inf)


def at_epochs(progress: tuple[Sequence[int], Sequence[float]], grid: Sequence[float]) -> list[float]:
    """Hypervolume once so many epochs are spent; NaN after the search's end."""
    spent, volumes = progress
    places = np.searchsorted(spent, grid, side="right")
    return [
        math.nan if epochs > spent[-1] else (0.0, *volumes)[place] for place, epochs in zip(places, grid, strict=True)
    ]


def trials_to(trained: Sequence[Trained], target: float) -> float:
    """Trained trials when a score first was at least `target` percent; infinite where none was."""
    reached = (n for n, trial in enumerate(trained, 1) if trial.score is not None and trial.score >= target)
    return float(next(reached, math.inf))


def best(trained: Iterable[Trained]) -> float:
    """The highest score, percent; NaN where none was completed."""
    return max((trial.score for trial in trained if trial.score is not None), default=math.nan)


def over_budget(search: Search) -> float:
    """Percent of the proposals after the first WARM_UP that were over budget; NaN where there are none."""
    later = search.proposals[WARM_UP:]
    return 100 * later.count("over budget") / len(later) if later else math.nan


def band(values: Sequence[float], statistic: Callable[..., Floats] = np.median) -> tuple[float, float, float]:
    """A statistic over seeds with its 95 % bootstrap interval (percentiles of BOOTSTRAP resamples of the seeds).

    Infinite values (never reached) take part: an interval may end in infinity. Efron and Tibshirani, "An introduction
    to the bootstrap" (1993).
    """
    data = np.asarray(values, dtype=float)
    draws = np.random.default_rng(0).integers(len(data), size=(BOOTSTRAP, len(data)))
    with np.errstate(invalid="ignore"):  # a median between two infinities
        found = np.sort(np.nan_to_num(statistic(data[draws], axis=1), nan=math.inf, posinf=math.inf))
        middle = float(np.nan_to_num(statistic(data), nan=math.inf, posinf=math.inf))
    return middle, float(found[int(0.025 * BOOTSTRAP)]), float(found[int(0.975 * BOOTSTRAP) - 1])
