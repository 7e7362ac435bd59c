"""What a planned network costs, as exact integers, without torch.

The conventions, chosen so that the numbers equal those of published tables and of torch:

    params        trainable values: weights and biases, weight and bias of batch norm; no running statistics
    macs          multiply-adds of convolutions and linear layers for one image, one multiply-add = 1;
                  adding a bias, pooling, norm and activation count nothing
    peak_bytes    activations at batch 1: the largest input + output of one layer. Norm, activation, dropout and
                  flatten work in place and hold one buffer. Weights are not part of it
    params_bytes  params as stored

A stored value takes 4 bytes in float32 and 1 in int8, in `peak_bytes` and `params_bytes` alike.
"""

import math
from dataclasses import dataclass

from underbudget.models.architecture import Activation, BatchNorm, Conv, Dropout, GlobalAveragePool, Linear, Pool
from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.plan import Flatten, Plan, PlannedLayer

METRICS = ("params", "macs", "peak_bytes", "params_bytes")  # the fields of a Cost, in order
BYTES_PER_VALUE = {"float32": 4, "int8": 1}


@dataclass(frozen=True)
class Cost:
    """The cost of a plan; every metric is a whole number, zero or more."""

    params: int
    macs: int
    peak_bytes: int
    params_bytes: int


def count(plan: Plan, precision: str = "float32") -> Cost:
    """Count a plan, in microseconds per layer.

    Raises UserError for a precision other than those of BYTES_PER_VALUE, UnderbudgetError for an operation that has no
    counting rule here.
    """
    size = bytes_per_value(precision)
    params = sum(layer.params for layer in plan.layers)
    macs = sum(layer_macs(layer) for layer in plan.layers)
    peak = max(layer_values(layer) for layer in plan.layers)
    return Cost(params, macs, peak * size, params * size)


def bytes_per_value(precision: str) -> int:
    """Bytes that one stored value takes. Raises UserError for an unknown precision."""
    if precision not in BYTES_PER_VALUE:
        raise UserError(f"a precision is {' or '.join(BYTES_PER_VALUE)}, not {precision!r}")
    return BYTES_PER_VALUE[precision]


def layer_macs(layer: PlannedLayer) -> int:
    """Multiply-adds of one layer for one image. Raises UnderbudgetError where no rule is known: never counted as 0."""
    match layer.operation:
        case Conv(kernel=kernel, groups=groups):
            # Each output value sums kernel x (input channels of its group) products.
            return math.prod(layer.output_shape) * math.prod(kernel) * (layer.input_shape[0] // groups)
        case Linear():
            return layer.input_shape[0] * layer.output_shape[0]
        case Pool() | GlobalAveragePool() | Flatten() | BatchNorm() | Activation() | Dropout():
            return 0
    raise _unknown(layer)


def layer_values(layer: PlannedLayer) -> int:
    """Activation values that one layer holds for one image: input + output, or one of them where it works in place.

    Raises UnderbudgetError for an operation without a rule.
    """
    match layer.operation:
        case Conv() | Linear() | Pool() | GlobalAveragePool():
            return math.prod(layer.input_shape) + math.prod(layer.output_shape)
        case Flatten() | BatchNorm() | Activation() | Dropout():
            return math.prod(layer.output_shape)
    raise _unknown(layer)


def _unknown(layer: PlannedLayer) -> UnderbudgetError:
    kind = type(layer.operation).__name__
    return UnderbudgetError(f"{layer.name}: no cost is defined for {kind}, add its rule to budget/count.py")
