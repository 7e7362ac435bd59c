"""The chain of a plan as C computes it: few steps, each with the batch norms and the ReLU that it absorbs.

A batch norm that directly follows a convolution or a linear layer goes into its weights and bias; any other stays, as a
multiply-add per channel: a convolution with padding after it would otherwise pad with the wrong value. Dropout does
nothing in eval mode. Maps are stored height x width x channels, as microcontroller kernels expect them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from underbudget.models.architecture import Activation, BatchNorm, Conv, Dropout, GlobalAveragePool, Linear, Pair, Pool
from underbudget.models.errors import UnderbudgetError
from underbudget.models.plan import Flatten, Plan, PlannedLayer, Shape

if TYPE_CHECKING:
    from torch import Tensor

Floats = npt.NDArray[np.float64]

EPSILON = 1e-5  # of torch's batch norm
WEIGHTED = ("conv", "depthwise", "scale")  # kinds that have weights and a bias
MOST_VALUES = 2**29  # of the arena and of a weight tensor: they are counted in int32_t
MOST_SUMMED = 2**22  # values of a pool's window: 255 times that fits in int32_t


@dataclass(frozen=True)
class Step:
    """One pass over a map. A vector is a map of 1x1, a linear layer a convolution of 1x1 maps."""

    kind: str  # conv, depthwise (one filter or more per input channel), scale, maxpool, avgpool or mean
    name: str  # of the plan's layer that it begins with
    last: int  # index in the plan of the layer whose output it gives
    input_shape: tuple[int, int, int]  # channels, height, width
    output_shape: tuple[int, int, int]
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)  # zeros of a convolution and an average pool, nothing for a maximum
    groups: int = 1
    weight: Floats | None = None  # (outputs, height, width, inputs / groups); depthwise (height, width, outputs);
    bias: Floats | None = None  # scale (channels,); bias (outputs,)
    relu: bool = False

    @property
    def in_place(self) -> bool:
        return self.kind == "scale"

    @property
    def held(self) -> int:
        """Values that are in memory at once while the step runs."""
        output = math.prod(self.output_shape)
        return output if self.in_place else output + math.prod(self.input_shape)


def steps(plan: Plan, state: "Mapping[str, Tensor]") -> list[Step]:
    """The steps of a plan with the weights of a state dict of `models.build`.

    Raises UnderbudgetError for an operation without a rule, for weights that are not finite and for a map or weights of
    more than MOST_VALUES.
    """
    chain: list[Step] = []
    for index, layer in enumerate(plan.layers):
        tensors = {name: _array(state[f"{layer.name}.{name}"]) for name, _ in layer.weights}
        match layer.operation:
            case Flatten() | Dropout():
                if chain:
                    chain[-1] = replace(chain[-1], last=index)
            case Activation("relu"):
                chain[-1] = replace(chain[-1], last=index, relu=True)
            case BatchNorm():
                mean, variance = (_array(state[f"{layer.name}.running_{name}"]) for name in ("mean", "var"))
                factor = tensors["weight"] / np.sqrt(variance + EPSILON)
                offset = tensors["bias"] - mean * factor
                before = chain[-1]
                if before.kind in WEIGHTED and not before.relu:
                    chain[-1] = _folded(before, factor, offset, index)
                else:
                    shape = before.output_shape
                    chain.append(Step("scale", layer.name, index, shape, shape, weight=factor, bias=offset))
            case _:
                chain.append(_primary(layer, index, tensors, chain[-1].output_shape if chain else plan.input_shape))
    for step in chain:
        _check(step)
    return chain


def _primary(layer: PlannedLayer, index: int, tensors: dict[str, Floats], before: Shape) -> Step:
    inputs, output = _map(layer.input_shape), _map(layer.output_shape)
    match layer.operation:
        case Conv(width, kernel, stride, padding, groups):
            weight = tensors["weight"].transpose(0, 2, 3, 1)
            bias = tensors.get("bias", np.zeros(width))
            if groups == inputs[0] > 1:
                weight = weight[..., 0].transpose(1, 2, 0)
                return Step(
                    "depthwise", layer.name, index, inputs, output, kernel, stride, padding, groups, weight, bias
                )
            return Step("conv", layer.name, index, inputs, output, kernel, stride, padding, groups, weight, bias)
        case Linear(width):
            channels, height, breadth = _map(before)
            # torch flattens channels first, maps here have them last
            weight = tensors["weight"].reshape(width, channels, height, breadth).transpose(0, 2, 3, 1)
            bias = tensors.get("bias", np.zeros(width))
            return Step("conv", layer.name, index, inputs, output, weight=weight.reshape(width, 1, 1, -1), bias=bias)
        case Pool(kind, kernel, stride, padding):
            return Step(f"{kind}pool", layer.name, index, inputs, output, kernel, stride, padding)
        case GlobalAveragePool():
            return Step("mean", layer.name, index, inputs, output, (inputs[1], inputs[2]))
    raise UnderbudgetError(f"{layer.name}: the C format has no rule for {layer.operation}, add it to models/export/c")


def _folded(step: Step, factor: Floats, offset: Floats, index: int) -> Step:
    """A step with weights and the batch norm behind it as one."""
    assert step.weight is not None and step.bias is not None, "every kind of WEIGHTED has both"  # noqa: PT018
    along = (slice(None), None, None, None) if step.kind == "conv" else (...,)  # where the output channels are
    return replace(step, last=index, weight=step.weight * factor[along], bias=step.bias * factor + offset)


def _check(step: Step) -> None:
    sizes = [step.held]
    for values in (step.weight, step.bias):
        if values is not None:
            sizes.append(values.size)
            with np.errstate(over="ignore"):
                finite = np.isfinite(values.astype(np.float32)).all()
            if not finite:
                raise UnderbudgetError(f"{step.name} has weights that are not finite: its training diverged")
    window = 1 if step.kind in WEIGHTED else math.prod(step.kernel)
    for what, count, most in (("values", max(sizes), MOST_VALUES), ("values in a window", window, MOST_SUMMED)):
        if count > most:
            raise UnderbudgetError(f"{step.name} is too large for the C format: {count:,} {what}, at most {most:,}")


def _map(shape: Shape) -> tuple[int, int, int]:
    return (shape[0], 1, 1) if len(shape) == 1 else (shape[0], shape[1], shape[2])


def _array(tensor: "Tensor") -> Floats:
    array: Floats = tensor.detach().cpu().double().numpy()
    return array


def arena(chain: Sequence[Step]) -> tuple[int, list[tuple[int, int]]]:
    """Number of values of the one buffer that all maps share, and the offset of each step's input and output in it.

    The buffer holds the largest input + output of one step; maps lie at its beginning and its end in turns. The first
    input is the picture, the last output the logits.
    """
    size = max(step.held for step in chain)
    places = []
    offset, at_end = 0, False
    for step in chain:
        target = offset
        if not step.in_place:
            at_end = not at_end
            target = size - math.prod(step.output_shape) if at_end else 0
        places.append((offset, target))
        offset = target
    return size, places
