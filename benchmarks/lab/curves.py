"""The simulated training: a validation accuracy per epoch as a pure function of architecture, seed and epoch.

The error of an epoch, in percent, is the irreducible error plus a power of ten of what can be explained and what not:

    error(k) = floor + 10 ^ (level + mean(k) + sum_j shape_j * component_j(k) + loudness * noise(k))

    level        log10 of the final error above the floor: linear in the features of the planned network
                 (benchmarks/lab/features.py), plus a part of the architecture's own, plus a part of the run's own
    mean(k)      how far above its level a typical curve lies at epoch k of the one-cycle schedule; about 0 at the end
    component_j  the principal ways in which real curves depart from that: a slow start, a slow middle
    shape_j      how much of each: linear in the features, plus a part of the architecture's own, plus one of the run
    noise(k)     independent at each epoch, large while the learning rate is high, small at the end
    loudness     grows with the level: bad networks are more restless

The parts "of its own" are normal, drawn from a hash of the text (and the seed), level and shapes jointly; networks with
much dropout differ more from what is expected of them. So the same job gives the same curve in any process, the same
architecture with another seed a similar one, and curves of different architectures cross as often as real ones.
Coefficients come from real MNIST curves of 15 epochs with the recipe `warp10-onecycle`: benchmarks/fit_lab.py,
docs/search-methods.md.
"""

import hashlib
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from lab.features import features, workload
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan

COEFFICIENTS = Path(__file__).with_name("coefficients.json")
WORST_ERROR = 90.0  # percent: guessing one of ten classes


@dataclass(frozen=True)
class LinearModel:
    """A linear function of standardised features."""

    intercept: float
    weights: Mapping[str, float]

    def __call__(self, standardised: Mapping[str, float]) -> float:
        return self.intercept + math.fsum(weight * standardised[name] for name, weight in self.weights.items())


@dataclass(frozen=True)
class CurveModel:
    """Coefficients of the simulated training."""

    floor: float  # percent of errors that no network of the space gets under
    means: Mapping[str, float]  # of the features, over the fitted architectures
    scales: Mapping[str, float]
    outputs: tuple[LinearModel, ...]  # level, then one shape per component
    mean_curve: tuple[float, ...]  # decades above the level, one per epoch
    components: tuple[tuple[float, ...], ...]
    own: tuple[tuple[float, ...], ...]  # lower Cholesky factor: covariance of (level, shapes) between architectures
    run: tuple[tuple[float, ...], ...]  # the same between two runs of one architecture
    spread: LinearModel  # natural logarithm of what multiplies an architecture's own part
    noise: tuple[float, ...]  # standard deviation at each epoch, decades
    loudness: tuple[float, float]  # its natural logarithm: intercept, slope per decade of the level
    seconds: Mapping[str, float]  # of one epoch: per term of lab.features.workload

    @property
    def epochs(self) -> int:
        return len(self.mean_curve)

    @classmethod
    def load(cls, path: Path = COEFFICIENTS) -> "CurveModel":
        """The stored model."""
        value = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            **{
                **value,
                "outputs": tuple(LinearModel(**output) for output in value["outputs"]),
                "spread": LinearModel(**value["spread"]),
                **{name: tuple(value[name]) for name in ("mean_curve", "noise", "loudness")},
                **{name: tuple(map(tuple, value[name])) for name in ("components", "own", "run")},
            }
        )

    def dump(self) -> str:
        """JSON text that `load` reads."""
        return json.dumps(asdict(self), indent=1)

    def standardised(self, network: Plan) -> dict[str, float]:
        """Features in standard deviations from the mean of the fitted architectures."""
        found = features(network)
        return {name: (found[name] - mean) / self.scales[name] for name, mean in self.means.items()}

    def expected(self, network: Plan) -> tuple[float, ...]:
        """Level and shapes that the features explain."""
        values = self.standardised(network)
        return tuple(output(values) for output in self.outputs)

    def curve(self, network: Plan, seed: int) -> list[float]:
        """Validation accuracy of each epoch, percent, in steps of 0.01 (10,000 images)."""
        text = str(network.architecture)
        errors = self.drawn(network, _source("architecture", text), _source("run", text, seed))
        return [round(100 - error, 2) for error in errors]

    def drawn(self, network: Plan, own: random.Random, run: random.Random) -> list[float]:
        """Error in percent at each epoch, the unexplained parts drawn from two sources."""
        scale = math.exp(self.spread(self.standardised(network)))
        parts = zip(self.expected(network), _correlated(self.own, own), _correlated(self.run, run), strict=True)
        level, *shapes = (expected + scale * of_own + of_run for expected, of_own, of_run in parts)
        intercept, slope = self.loudness
        loudness = math.exp(intercept + slope * level)
        return self.errors(level, shapes, [loudness * deviation * run.gauss() for deviation in self.noise])

    def errors(self, level: float, shapes: Sequence[float], noise: Sequence[float]) -> list[float]:
        """Error in percent at each epoch, from the parts of the formula above; at most that of guessing."""
        parts = [(shape, component) for shape, component in zip(shapes, self.components, strict=True)]
        return [
            min(
                WORST_ERROR,
                self.floor + 10 ** (level + mean + sum(shape * part[k] for shape, part in parts) + noise[k]),
            )
            for k, mean in enumerate(self.mean_curve)
        ]

    def epoch_seconds(self, network: Plan) -> float:
        """Duration of one epoch on one core."""
        return math.fsum(self.seconds[name] * amount for name, amount in workload(network).items())


def _source(*names: object) -> random.Random:
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))


def _correlated(factor: Sequence[Sequence[float]], source: random.Random) -> list[float]:
    """Normal numbers whose covariance has this lower Cholesky factor."""
    drawn = [source.gauss() for _ in factor]
    return [math.fsum(weight * value for weight, value in zip(row, drawn, strict=True)) for row in factor]


@lru_cache(maxsize=4096)
def planned(layers_text: str) -> Plan:
    """The plan of a network for MNIST."""
    return plan(parse(layers_text), (1, 28, 28))
