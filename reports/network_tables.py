"""A network as the published series print it: a layer summary and a receptive-field table, from the plan."""

import math
from dataclasses import dataclass
from typing import Any

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

FIELD_COLUMNS = (
    *("layer", "kernel", "stride", "padding"),
    *("field_in", "field_out", "map_in", "map_out", "jump_in", "jump_out"),
)
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
class Totals:
    """Sizes in MB of 1,048,576 bytes, float32, for one image, as torchsummary works them out."""

    params: int
    input_mb: float
    passes_mb: float  # outputs of all layers, twice: forward and backward
    params_mb: float

    @property
    def total_mb(self) -> float:
        return self.input_mb + self.passes_mb + self.params_mb


def summary_rows(plan: Plan) -> list[dict[str, Any]]:
    """Every primitive layer in order: `layer`, torch's class and the index in the chain ("Conv2d-1"), `output_shape`
    without the batch, and `params`, all trainable."""
    return [
        {
            "layer": f"{_torch_class(layer.operation)}-{index}",
            "output_shape": layer.output_shape,
            "params": layer.params,
        }
        for index, layer in enumerate(plan.layers, 1)
    ]


def totals(plan: Plan) -> Totals:
    """The sizes below a layer summary."""
    params = sum(layer.params for layer in plan.layers)
    values = sum(math.prod(layer.output_shape) for layer in plan.layers)
    sizes = (math.prod(plan.input_shape), 2 * values, params)
    return Totals(params, *(size * _BYTES / _MB for size in sizes))


def field_rows(plan: Plan) -> list[dict[str, str]]:
    """Layers that change the receptive field or the map, with the keys FIELD_COLUMNS; sizes as "3", or "3x1".

    Convolutions, pools and linear layers; a linear layer sees the whole map, as a kernel of its size would.
    """
    rows = []
    field, jump = (1, 1), (1, 1)
    for layer in plan.layers:
        geometry = _geometry(layer)
        if geometry is not None:
            maps = (_map(layer.input_shape), _map(layer.output_shape))
            pairs = (*geometry, field, layer.receptive_field, *maps, jump, layer.jump)
            sizes = (str(h) if h == w else f"{h}x{w}" for h, w in pairs)
            rows.append(dict(zip(FIELD_COLUMNS, (layer.name, *sizes), strict=True)))
        field, jump = layer.receptive_field, layer.jump
    return rows


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
