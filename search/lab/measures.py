"""What a simulated search was worth, and how sure that is over seeds."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from reports.front import hypervolume
from search.lab.searching import Search, Trained

Floats = NDArray[np.float64]
BOOTSTRAP = 2000
WARM_UP = 50  # proposals that are not counted in the over-budget share
SPACES = ("percent", "log")  # the error's axis in the hypervolume


def volume(trained: Iterable[Trained], reference: dict[str, float], space: str = "percent") -> float:
    """Hypervolume of complete trials. `percent` is the study's stored definition (reports.front.study_hypervolume):
    (log10 params, error in percent). `log`: (log10 params, log10 error), where tenths of a point count at the front."""
    scale: Callable[[float], float] = math.log10 if space == "log" else float
    points = [
        (math.log10(trial.params), scale(max(100 - trial.score, 0.005))) for trial in trained if trial.score is not None
    ]
    return hypervolume(points, (math.log10(reference["params"]), scale(reference["error"])))


def progress(search: Search, space: str = "percent") -> tuple[list[int], list[float]]:
    """(epochs spent, hypervolume) after each trained trial."""
    volumes = [volume(search.trained[: n + 1], search.reference, space) for n in range(len(search.trained))]
    return [trial.spent for trial in search.trained], volumes


def epochs_to(search: Search, wanted: float, space: str = "percent") -> float:
    """Epochs spent when the hypervolume first was at least `wanted`; infinite where it never was."""
    spent, volumes = progress(search, space)
    return next((float(epochs) for epochs, reached in zip(spent, volumes, strict=True) if reached >= wanted), math.inf)


def trials_to(search: Search, target: float) -> float:
    """Trained trials when a score first was at least `target` percent; infinite where none was."""
    reached = (n for n, trial in enumerate(search.trained, 1) if trial.score is not None and trial.score >= target)
    return float(next(reached, math.inf))


def best(search: Search) -> float:
    """The highest score, percent."""
    return max((trial.score for trial in search.trained if trial.score is not None), default=math.nan)


def over_budget(search: Search) -> float:
    """Percent of the proposals after the first WARM_UP that were over budget."""
    later = search.proposals[WARM_UP:]
    return 100 * later.count("over budget") / len(later) if later else math.nan


def at_epochs(search: Search, grid: Sequence[float], space: str = "percent") -> list[float]:
    """Hypervolume once so many epochs were spent; it stays where the search has ended."""
    spent, volumes = progress(search, space)
    return [([0.0, *volumes])[int(np.searchsorted(spent, epochs, side="right"))] for epochs in grid]


def band(values: Sequence[float], statistic: Callable[..., Floats] = np.median) -> tuple[float, float, float]:
    """A statistic over seeds with its 95 % bootstrap interval (percentiles of BOOTSTRAP resamples of the seeds).

    Infinite values (never reached) take part; an interval may end in infinity. Efron and Tibshirani, "An introduction
    to the bootstrap" (1993).
    """
    data = np.asarray(values, dtype=float)
    if not len(data):
        return math.nan, math.nan, math.nan
    draws = np.random.default_rng(0).integers(len(data), size=(BOOTSTRAP, len(data)))
    with np.errstate(invalid="ignore"):
        found = np.sort(statistic(data[draws], axis=1))
    low, high = found[int(0.025 * BOOTSTRAP)], found[int(0.975 * BOOTSTRAP) - 1]
    return float(statistic(data)), float(low), float(high)
