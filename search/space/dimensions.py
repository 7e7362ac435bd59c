"""The dimensions of a search space: a name and a static range that never depends on another parameter.

`draw` follows the distributions of `optuna.samplers.RandomSampler` (optuna/_transform.py), so that shares measured
without Optuna hold for it: integers uniform, or with `log` the rounded exponential of a uniform number between
log(low - 0.5) and log(high + 0.5); reals uniform on their grid; choices uniform.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from underbudget.models.errors import UserError
from underbudget.search.space.decoding import active

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Suggests(Protocol):
    """What a space asks of a trial: `optuna.Trial` and `optuna.trial.FixedTrial` have it."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int: ...
    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float: ...
    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any: ...


@dataclass(frozen=True)
class _Range:
    """What ranges of whole and of real numbers share."""

    name: str
    low: float
    high: float

    def narrowed(self, value: object, key: str) -> Self:
        """The part of the range from a `[low, high]` or a single number. Raises UserError where it is not within."""
        pair = value if isinstance(value, list | tuple) else (value, value)
        if len(pair) != 2 or not all(self.contains(end) for end in pair) or pair[0] > pair[1]:
            raise UserError(
                f"[space] {key}: a range is a number or [low, high] within {self}, not {value!r}: "
                f"write e.g. {key} = [{self.low}, {self.high}]"
            )
        low, high = (type(self.low)(end) for end in pair)
        return replace(self, low=low, high=high)

    def contains(self, value: object) -> bool:
        raise NotImplementedError

    def setting(self) -> Any:
        """The range as a value of the [space] table."""
        return self.low if self.low == self.high else [self.low, self.high]


@dataclass(frozen=True)
class Integer(_Range):
    """A whole number from low to high, both included."""

    low: int
    high: int
    log: bool = False

    def suggest(self, trial: Suggests) -> int:
        return trial.suggest_int(self.name, self.low, self.high, log=self.log)

    def draw(self, source: random.Random) -> int:
        if not self.log:
            return source.randint(self.low, self.high)
        value = round(math.exp(source.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5))))
        return min(max(value, self.low), self.high)

    def contains(self, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def values(self) -> tuple[int, ...]:
        return tuple(range(self.low, self.high + 1))

    def __str__(self) -> str:
        if self.low == self.high:
            return str(self.low)
        return f"{self.low} to {self.high}" + (" (log)" if self.log else "")


@dataclass(frozen=True)
class Real(_Range):
    """A number on the grid low, low + step, ..., high."""

    step: float

    def suggest(self, trial: Suggests) -> float:
        return trial.suggest_float(self.name, self.low, self.high, step=self.step)

    def draw(self, source: random.Random) -> float:
        return self._value(source.choice(range(self._steps + 1)))

    def contains(self, value: object) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        steps = (value - self.low) / self.step
        return self.low - 1e-9 <= value <= self.high + 1e-9 and abs(steps - round(steps)) < 1e-8

    def values(self) -> tuple[float, ...]:
        return tuple(self._value(index) for index in range(self._steps + 1))

    @property
    def _steps(self) -> int:
        return round((self.high - self.low) / self.step)

    def _value(self, index: int) -> float:
        return round(self.low + index * self.step, 10)

    def __str__(self) -> str:
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g} in steps of {self.step:g}"


@dataclass(frozen=True)
class LogReal(_Range):
    """A number from low to high, uniform in its logarithm."""

    def suggest(self, trial: Suggests) -> float:
        return trial.suggest_float(self.name, self.low, self.high, log=True)

    def draw(self, source: random.Random) -> float:
        return min(max(math.exp(source.uniform(math.log(self.low), math.log(self.high))), self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One word of several."""

    name: str
    choices: tuple[str, ...]

    def suggest(self, trial: Suggests) -> str:
        return str(trial.suggest_categorical(self.name, self.choices))

    def draw(self, source: random.Random) -> str:
        return source.choice(self.choices)

    def contains(self, value: object) -> bool:
        return value in self.choices

    def values(self) -> tuple[str, ...]:
        return self.choices

    def narrowed(self, value: object, key: str) -> "Choice":
        words = [value] if isinstance(value, str) else value
        if not isinstance(words, list | tuple) or not words or not all(self.contains(word) for word in words):
            raise UserError(
                f"[space] {key}: it is one or more of {', '.join(self.choices)}, not {value!r}: "
                f'write e.g. {key} = ["{self.choices[0]}"]'
            )
        return Choice(self.name, tuple(word for word in self.choices if word in words))

    def setting(self) -> Any:
        """The choices as a value of the [space] table."""
        return list(self.choices)


Dimension = Integer | Real | Choice
Sampled = Dimension | LogReal  # what a trial samples: dimensions of the space, and of a recipe


def distribution(dimension: Sampled) -> "BaseDistribution":
    """Optuna's distribution of a dimension: the one that `suggest` stores."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match dimension:
        case Integer():
            return IntDistribution(dimension.low, dimension.high, log=dimension.log)
        case Real():
            return FloatDistribution(dimension.low, dimension.high, step=dimension.step)
        case LogReal():
            return FloatDistribution(dimension.low, dimension.high, log=True)
        case Choice():
            return CategoricalDistribution(dimension.choices)


_KINDS: dict[str, Callable[..., Dimension]] = {"integer": Integer, "real": Real, "choice": Choice}


def dimension_to_json(dimension: Dimension) -> dict[str, Any]:
    """A JSON object of a dimension."""
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(dimension).items()}
    return {"kind": type(dimension).__name__.lower(), **fields}


def dimension_from_json(value: dict[str, Any]) -> Dimension:
    """The inverse of `dimension_to_json`."""
    fields = {name: tuple(part) if isinstance(part, list) else part for name, part in value.items() if name != "kind"}
    return _KINDS[value["kind"]](**fields)


def collect(dimensions: Sequence[Sampled], value_of: Callable[[Sampled], Any]) -> dict[str, Any]:
    """One value for each dimension that matters, given those before it."""
    params: dict[str, Any] = {}
    for dimension in dimensions:
        if active(dimension.name, params):
            params[dimension.name] = value_of(dimension)
    return params
