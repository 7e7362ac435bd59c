"""A network as the published series print it: a layer summary and a receptive-field table, from the plan."""

import math
from dataclasses import dataclass

from underbudget.models.architecture import (
    ACTIVATIONS,
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    GlobalAveragePool,
    Linear,
    Pool,
)
from underbudget.models.plan import Flatten, Operation, Plan, PlannedLayer, Shape

_MB = 1024 * 1024  # what the published tables call MB
_BYTES = 4  # of a float32 value
_TORCH_CLASSES = {
    Conv: "Conv2d",
    GlobalAveragePool: "AdaptiveAvgPool2d",
    Linear: "Linear",
    Flatten: "Flatten",
    BatchNorm: "BatchNorm2d",
    Dropout: "Dropout",
}


@dataclass(frozen=True)
class SummaryRow:
    """One primitive layer."""

    layer: str  # torch's class and the index in the chain, "Conv2d-1"
    output_shape: Shape  # without the batch
    params: int


@dataclass(frozen=True)
class Totals:
    """Sizes in MB of 1,048,576 bytes, float32, for one image, as torchsummary works them out."""

    params: int
    input_mb: float
    passes_mb: float  # outputs of all layers, twice: forward and backward
    params_mb: float

    @property
    def total_mb(self) -> float:
        return self.input_mb + self.passes_mb + self.params_mb


@dataclass(frozen=True)
class FieldRow:
    """One layer that changes the receptive field or the map; sizes of the height axis where both agree as "3"."""

    layer: str
    kernel: str
    stride: str
    padding: str
    field_in: str
    field_out: str
    map_in: str
    map_out: str
    jump_in: str
    jump_out: str


def summary_rows(plan: Plan) -> tuple[SummaryRow, ...]:
    """Every primitive layer in order, with trainable parameters."""
    return tuple(
        SummaryRow(f"{_torch_class(layer.operation)}-{index}", layer.output_shape, layer.params)
        for index, layer in enumerate(plan.layers, 1)
    )


def totals(plan: Plan) -> Totals:
    """What stands below a layer summary."""
    params = sum(layer.params for layer in plan.layers)
    values = sum(math.prod(layer.output_shape) for layer in plan.layers)
    sizes = (math.prod(plan.input_shape), 2 * values, params)
    return Totals(params, *(size * _BYTES / _MB for size in sizes))


def field_rows(plan: Plan) -> tuple[FieldRow, ...]:
    """Convolutions, pools and linear layers; a linear layer sees the whole map, as a kernel of its size would."""
    rows = []
    field, jump = (1, 1), (1, 1)
    for layer in plan.layers:
        geometry = _geometry(layer)
        if geometry is not None:
            maps = (_map(layer.input_shape), _map(layer.output_shape))
            pairs = (*geometry, field, layer.receptive_field, *maps, jump, layer.jump)
            rows.append(FieldRow(layer.name, *(str(h) if h == w else f"{h}x{w}" for h, w in pairs)))
        field, jump = layer.receptive_field, layer.jump
    return tuple(rows)


def _geometry(layer: PlannedLayer) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None:
    """(kernel, stride, padding) of a layer that has them."""
    match layer.operation:
        case Conv() | Pool():
            return layer.operation.kernel, layer.operation.stride, layer.operation.padding
        case GlobalAveragePool():
            return _map(layer.input_shape), (1, 1), (0, 0)
        case Flatten() if layer.input_shape[1:] != (1, 1):
            return _map(layer.input_shape), (1, 1), (0, 0)
    return None


def _torch_class(operation: Operation) -> str:
    match operation:
        case Pool():
            return "MaxPool2d" if operation.kind == "max" else "AvgPool2d"
        case Activation():
            return ACTIVATIONS[operation.name]
    return _TORCH_CLASSES[type(operation)]


def _map(shape: Shape) -> tuple[int, int]:
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)
