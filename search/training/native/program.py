"""A plan as the chain of nodes that the C kernels walk (network.inc.h explains a node)."""

import ctypes
import math
from dataclasses import dataclass

from underbudget.models.architecture import Activation, BatchNorm, Conv, Dropout, GlobalAveragePool, Linear, Pair, Pool
from underbudget.models.plan import Flatten, Plan, PlannedLayer
from underbudget.search.training.native.library import Unavailable

CONVOLUTION, MAXIMUM, AVERAGE = range(3)
NOWHERE = -1
MAX_BYTES = 2**31  # of one block or map; beyond it the positions that the kernels count in 32 bits overflow


def fields(**names: str) -> list[tuple[str, type]]:
    """The fields of a C struct: for each type of ctypes, without its c_, the names in their order."""
    return [(name, getattr(ctypes, f"c_{kind}")) for kind, group in names.items() for name in group.split()]


class Layer(ctypes.Structure):
    """A node as network.inc.h declares it."""

    _fields_ = fields(
        int32="kind in_channels in_height in_width channels height width kernel_height kernel_width stride_y stride_x "
        "pad_y pad_x groups relu1 norm relu2 flat_channels flat_height flat_width",
        float="drop1 drop2",
        int64="weight bias gamma beta mean variance",
    )


Shapes = dict[str, tuple[int, ...]]  # by name in the state dict, in the order in which a flat array holds them


@dataclass(frozen=True)
class Program:
    """Nodes, and what lies in the two flat float arrays of the network's state."""

    input_shape: tuple[int, ...]  # (channels, height, width)
    nodes: tuple[Layer, ...]
    parameters: Shapes
    buffers: Shapes  # running means and variances


def compile_plan(plan: Plan, batch_size: int) -> Program:
    """The nodes of a plan. Raises Unavailable where the kernels lack an operation or the maps are too large."""
    writer = _Writer(plan.input_shape)
    for layer in plan.layers:
        writer.add(layer)
    writer.finish()
    _check_size(writer.nodes, batch_size)
    return Program(plan.input_shape, tuple(writer.nodes), writer.parameters, writer.buffers)


class _Writer:
    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self.shape = input_shape
        self.nodes: list[Layer] = []
        self.parameters: Shapes = {}
        self.buffers: Shapes = {}

    def add(self, layer: PlannedLayer) -> None:
        match layer.operation:
            case Conv(_, kernel, stride, padding, groups):
                height, width = layer.input_shape[1:]
                if kernel == (height, width) and padding == (0, 0) and groups == 1:
                    self.fully_connected(layer)  # the kernel sees the whole map: one multiplication
                else:
                    self.node(CONVOLUTION, layer.output_shape, kernel, stride, padding, groups)
                    self.weigh(layer)
            case Linear():
                self.fully_connected(layer)
            case Pool(kind, kernel, stride, padding):
                self.node(MAXIMUM if kind == "max" else AVERAGE, layer.output_shape, kernel, stride, padding)
            case GlobalAveragePool():
                _, height, width = layer.input_shape
                self.node(AVERAGE, layer.output_shape, (height, width))
            case Flatten():
                pass  # a linear layer sees any map as one row of values
            case BatchNorm():
                self.norm(layer)
            case Activation("relu"):
                node = self.nodes[-1]
                setattr(node, "relu2" if node.norm else "relu1", 1)
            case Dropout(rate):
                node = self.nodes[-1]
                gate = "drop2" if node.norm else "drop1"
                # two in a row are one with the rates' complements multiplied
                setattr(node, gate, 1 - (1 - getattr(node, gate)) * (1 - rate))
            case other:
                raise Unavailable(f"the C kernels have no {other}")

    def node(
        self,
        kind: int,
        output_shape: tuple[int, ...],
        kernel: Pair = (1, 1),
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        groups: int = 1,
    ) -> None:
        node = Layer(kind, *_map(self.shape), *_map(output_shape), *kernel, *stride, *padding, groups)
        node.weight = node.bias = node.gamma = node.beta = node.mean = node.variance = NOWHERE
        self.nodes.append(node)
        self.shape = output_shape

    def fully_connected(self, layer: PlannedLayer) -> None:
        seen = _map(self.shape)
        self.shape = (math.prod(self.shape),)
        self.node(CONVOLUTION, layer.output_shape)
        node = self.nodes[-1]
        node.flat_channels, node.flat_height, node.flat_width = seen
        self.weigh(layer)

    def weigh(self, layer: PlannedLayer) -> None:
        self.nodes[-1].weight = _append(self.parameters, f"{layer.name}.weight", layer.weights[0][1])
        if len(layer.weights) > 1:
            self.nodes[-1].bias = _append(self.parameters, f"{layer.name}.bias", layer.weights[1][1])

    def norm(self, layer: PlannedLayer) -> None:
        if self.nodes[-1].norm:
            self.node(AVERAGE, self.shape)  # a pool of one value: a second batch norm needs a node of its own
        node, channels = self.nodes[-1], layer.input_shape[:1]
        node.norm = 1
        node.gamma = _append(self.parameters, f"{layer.name}.weight", channels)
        node.beta = _append(self.parameters, f"{layer.name}.bias", channels)
        node.mean = _append(self.buffers, f"{layer.name}.running_mean", channels)
        node.variance = _append(self.buffers, f"{layer.name}.running_var", channels)

    def finish(self) -> None:
        for node in self.nodes:
            if not node.norm:  # nothing between the two gates: the second, which the next node applies as it reads
                node.relu2, node.drop2 = node.relu1, node.drop1
                node.relu1, node.drop1 = 0, 0.0


def _append(table: Shapes, name: str, shape: tuple[int, ...]) -> int:
    """Put a tensor behind the others; the position of its first float."""
    first = sum(map(math.prod, table.values()))
    table[name] = shape
    return first


def _check_size(nodes: list[Layer], batch_size: int) -> None:
    for node in nodes:
        rows = (node.height - 1) * node.stride_y + 1
        row = node.in_width + node.width * node.stride_x + 2 * (node.pad_x + node.kernel_width)
        widest = max(node.in_channels * node.in_height, node.channels * rows) * row
        weights = node.channels * node.in_channels * node.kernel_height * node.kernel_width
        if 4 * max(16 * widest, node.channels * node.height * node.width * (batch_size + 16), 16 * weights) > MAX_BYTES:
            raise Unavailable("the network's maps are too large for the C kernels")


def _map(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (shape[0], 1, 1)
