"""The PyTorch module of a plan: one submodule per planned layer, under the layer's name."""

from collections import OrderedDict

from torch import nn

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
from underbudget.models.plan import Flatten, Plan, PlannedLayer


def build(plan: Plan) -> nn.Sequential:
    """A freshly initialised network, on the CPU, in train mode, with PyTorch's default initialisation.

    Input: float tensor (N, channels, height, width) of the plan's input shape. Output: logits (N, classes). The keys of
    its state dict are `<layer name>.<weight name>`, e.g. `conv1.weight`, in the plan's order. The random numbers come
    from torch's global generator: seed it before.
    """
    return nn.Sequential(OrderedDict((layer.name, _module(layer)) for layer in plan.layers))


def _module(layer: PlannedLayer) -> nn.Module:
    inputs = layer.input_shape[0]
    match layer.operation:
        case Conv(width, kernel, stride, padding, groups, bias):
            return nn.Conv2d(inputs, width, kernel, stride, padding, groups=groups, bias=bias)
        case Pool(kind, kernel, stride, padding):
            return (nn.MaxPool2d if kind == "max" else nn.AvgPool2d)(kernel, stride, padding)
        case GlobalAveragePool():
            return nn.AdaptiveAvgPool2d(1)
        case Linear(width, bias):
            return nn.Linear(inputs, width, bias)
        case Flatten():
            return nn.Flatten()
        case BatchNorm():
            return nn.BatchNorm2d(inputs) if len(layer.input_shape) == 3 else nn.BatchNorm1d(inputs)
        case Activation(name):
            module: nn.Module = getattr(nn, ACTIVATIONS[name])()
            return module
        case Dropout(rate):
            return nn.Dropout(rate)
