"""A plan: an architecture placed on an input shape, as a flat chain of primitive layers.

Building, counting, summarising and exporting all walk this one plan, so they cannot drift apart. Receptive field and
jump follow Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (Distill, 2019):
over a layer of kernel k and stride s the receptive field grows by (k - 1) * jump, then the jump is multiplied by s.
"""

import math
import re
from dataclasses import dataclass
from typing import NamedTuple

from underbudget.models import architecture as arch
from underbudget.models.errors import UserError, quoted

Shape = tuple[int, ...]  # without the batch: (channels, height, width), or (features,) once flattened

# The most that one layer may hold (weights, values of its map, weights x positions, pixels of its receptive field):
# sums over the longest architecture then stay below 2^53, exact wherever they are stored or shown.
MAX_COUNT = 10**12


class PlanError(UserError):
    """An architecture that does not fit its input; the message names the stage."""


@dataclass(frozen=True)
class Flatten:
    """(channels, height, width) to (features,); the plan puts it before a first linear layer and at the end."""


Operation = arch.Primitive | Flatten | arch.Tail

# Word that a layer's name is made of: conv1, bn1, relu1, conv2, ... These names are the keys of a state dict.
_NAMES: dict[type[Operation], str] = {
    arch.Conv: "conv",
    arch.Pool: "pool",
    arch.GlobalAveragePool: "gap",
    arch.Linear: "linear",
    Flatten: "flatten",
    arch.BatchNorm: "bn",
    arch.Dropout: "drop",
}


class PlannedLayer(NamedTuple):  # made by the ten thousand: a dataclass takes five times as long
    """One primitive layer in its place."""

    name: str  # unique in the plan, e.g. "conv2"; the module's name in the built network
    operation: Operation
    stage: int  # index of the stage it comes from; the last Flatten belongs to the last stage
    input_shape: Shape
    output_shape: Shape
    weights: tuple[tuple[str, Shape], ...]  # trainable tensors: (name inside the layer, shape), torch's layout
    receptive_field: arch.Pair  # of one output value, in input pixels
    jump: arch.Pair  # distance of neighbouring output values, in input pixels

    @property
    def params(self) -> int:
        """Number of trainable values."""
        return sum(math.prod(shape) for _, shape in self.weights)


@dataclass(frozen=True)
class Plan:
    architecture: arch.Architecture
    input_shape: Shape  # (channels, height, width)
    layers: tuple[PlannedLayer, ...]

    @property
    def classes(self) -> int:
        """Length of the output vector (the logits)."""
        return self.layers[-1].output_shape[0]

    def stage_layers(self, stage: int) -> tuple[PlannedLayer, ...]:
        """The primitive layers that come from one stage."""
        return tuple(layer for layer in self.layers if layer.stage == stage)


def plan(architecture: arch.Architecture, input_shape: Shape, classes: int | None = None) -> Plan:
    """Place an architecture on an input of shape (channels, height, width).

    Raises PlanError, naming the stage, where a layer would shrink the map below 1x1 or does not fit, where `gap(HxW)`
    names another map, where a layer is too large to count (MAX_COUNT), where the output is not a vector, or not one of
    `classes` values when that is given.
    """
    if len(input_shape) != 3 or not all(1 <= size <= arch.MAX_SIZE for size in input_shape):
        rule = f"an input shape is channels x height x width, each from 1 to {arch.MAX_SIZE}"
        raise PlanError(f"{rule}, not {arch.size_text(input_shape)}")
    if math.prod(input_shape) > MAX_COUNT:
        raise PlanError(f"an input has at most {MAX_COUNT} values, not {arch.size_text(input_shape)}")
    walk = _Walk(input_shape)
    for index, stage in enumerate(architecture.stages):
        walk.add_stage(index, stage)
    walk.finish()
    result = Plan(architecture, input_shape, tuple(walk.layers))
    if classes is not None and result.classes != classes:
        last = str(architecture.stages[-1].primary)
        raise PlanError(
            f"the network ends in {result.classes} values ({last}), the data set has {classes} classes: "
            f"give the last layer that has a width {classes} outputs"
        )
    return result


def place(stage: arch.Stage, input_shape: Shape) -> tuple[PlannedLayer, ...]:
    """The layers of one stage on an input, as in a plan that begins with it. Raises PlanError as `plan` does."""
    walk = _Walk(input_shape)
    walk.add_stage(0, stage)
    return tuple(walk.layers)


def parse_input_shape(text: str) -> Shape:
    """Read an input shape, channels x height x width, from text such as `1x28x28`. Raises UserError for other text."""
    match = re.fullmatch(r"([0-9]{1,7})x([0-9]{1,7})x([0-9]{1,7})", text.strip())
    sizes = tuple(int(size) for size in match.groups()) if match else ()
    if not sizes or not all(1 <= size <= arch.MAX_SIZE for size in sizes):
        rule = f"an input shape is CHANNELSxHEIGHTxWIDTH, each from 1 to {arch.MAX_SIZE}, e.g. 1x28x28"
        raise UserError(f"{rule}, not {quoted(text)}")
    return sizes


class _Walk:
    """Where the chain stands: current shape, receptive field and jump, and the layers so far."""

    def __init__(self, input_shape: Shape) -> None:
        self.shape = input_shape
        self.field: arch.Pair = (1, 1)
        self.jump: arch.Pair = (1, 1)
        self.layers: list[PlannedLayer] = []
        self.numbers: dict[str, int] = {}  # layers of each kind so far
        self.stage = 0
        self.primary: arch.Primary | None = None

    def add_stage(self, index: int, stage: arch.Stage) -> None:
        self.stage, self.primary = index, stage.primary
        for operation in _expand(stage.primary, self.shape[0]):
            self.add_primary(operation)
        for layer in stage.tail:
            norm = isinstance(layer, arch.BatchNorm)  # one weight and one bias for each channel
            self.record(layer, self.shape, _weights(self.shape[:1], True) if norm else ())

    def fail(self, what: str) -> PlanError:
        return PlanError(f"stage {self.stage + 1}, {self.primary}: {what}")

    def add_primary(self, operation: arch.Primitive) -> None:
        match operation:
            case arch.Linear():
                if len(self.shape) == 3:
                    self.flatten()
                self.append(operation, (operation.width,), (operation.width, self.shape[0]), operation.bias)
            case arch.GlobalAveragePool():
                size = self.map_size()
                if operation.expected is not None and operation.expected != size:
                    raise self.fail(
                        f"gap({arch.size_text(operation.expected)}) is written, but the map is {arch.size_text(size)}: "
                        f"write gap or gap({arch.size_text(size)})"
                    )
                self.slide(size, (1, 1))
                self.append(operation, (self.shape[0], 1, 1))
            case arch.Pool():
                self.append(operation, (self.shape[0], *self.slide_window(operation)))
            case arch.Conv():
                self.map_size()
                channels, groups = self.shape[0], operation.groups
                if channels % groups or operation.width % groups:
                    raise self.fail(
                        f"groups must divide the {channels} input channels and the {operation.width} output channels, "
                        f"{groups} does not"
                    )
                weight = (operation.width, channels // groups, *operation.kernel)
                self.append(operation, (operation.width, *self.slide_window(operation)), weight, operation.bias)

    def flatten(self) -> None:
        height, width = self.map_size()
        self.slide((height, width), (1, 1))
        self.append(Flatten(), (math.prod(self.shape),))

    def finish(self) -> None:
        if len(self.shape) == 3:
            if self.shape[1:] != (1, 1):
                raise self.fail(
                    f"the network ends in a {arch.size_text(self.shape[1:])} map, it must end in 1x1 or a vector: "
                    "add gap, a last convolution of that kernel, or a linear layer"
                )
            self.flatten()

    def map_size(self) -> arch.Pair:
        if len(self.shape) != 3:
            raise self.fail("it needs a map, but a linear layer stands before it")
        return self.shape[1], self.shape[2]

    def slide_window(self, operation: arch.Conv | arch.Pool) -> Shape:
        """Slide a window; the size of its output, torch's floor rule."""
        size, kernel, stride, padding = self.map_size(), operation.kernel, operation.stride, operation.padding
        result = (
            (size[0] + 2 * padding[0] - kernel[0]) // stride[0] + 1,
            (size[1] + 2 * padding[1] - kernel[1]) // stride[1] + 1,
        )
        if min(result) < 1:
            raise self.fail(
                f"it would shrink the {arch.size_text(size)} map below 1x1: "
                "use a smaller kernel, padding, or fewer layers before it"
            )
        self.slide(kernel, stride)
        return result

    def slide(self, kernel: arch.Pair, stride: arch.Pair) -> None:
        field, jump = self.field, self.jump
        self.field = field[0] + (kernel[0] - 1) * jump[0], field[1] + (kernel[1] - 1) * jump[1]
        self.jump = jump[0] * stride[0], jump[1] * stride[1]

    def append(self, operation: Operation, output: Shape, weight: Shape | None = None, bias: bool = False) -> None:
        """Add a layer; `weight` is the shape of its weight, the outputs first, where it has one."""
        products = math.prod(weight) * math.prod(output[1:]) if weight else 0
        if max(products, math.prod(output), *self.field, *self.jump) > MAX_COUNT:
            raise self.fail(f"one of its counts is over {MAX_COUNT}, the most that is counted: use smaller sizes")
        self.record(operation, output, _weights(weight, bias) if weight else ())

    def record(self, operation: Operation, output: Shape, weights: tuple[tuple[str, Shape], ...]) -> None:
        """Name a layer and put it at the end of the chain."""
        kind = operation.name if isinstance(operation, arch.Activation) else _NAMES[type(operation)]
        number = self.numbers[kind] = self.numbers.get(kind, 0) + 1
        name = f"{kind}_{number}" if kind[-1].isdigit() else f"{kind}{number}"
        layer = PlannedLayer(name, operation, self.stage, self.shape, output, weights, self.field, self.jump)
        self.layers.append(layer)
        self.shape = output


def _weights(weight: Shape, bias: bool) -> tuple[tuple[str, Shape], ...]:
    """Names and shapes of a layer's trainable tensors."""
    return (("weight", weight), ("bias", weight[:1])) if bias else (("weight", weight),)


def _expand(primary: arch.Primary, channels: int) -> tuple[arch.Primitive, ...]:
    """The primitive operations of a primary one, on an input of `channels` channels."""
    if isinstance(primary, arch.SeparableConv):
        depthwise = arch.Conv(channels, primary.kernel, primary.stride, primary.padding, channels, primary.bias)
        return depthwise, arch.Conv(primary.width, (1, 1), bias=primary.bias)
    return (primary,)
