"""The PyTorch module of a plan: one submodule per planned layer, under the layer's name."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from underbudget.models import architecture as arch
from underbudget.models.plan import Flatten, Plan, PlannedLayer

if TYPE_CHECKING:
    from torch import nn


def build(plan: Plan) -> "nn.Sequential":
    """A freshly initialised network, on the CPU, in train mode, with PyTorch's default initialisation.

    Input: float tensor (N, channels, height, width) of the plan's input shape. Output: logits (N, classes). The keys of
    its state dict are `<layer name>.<weight name>`, e.g. `conv1.weight`, in the plan's order. The random numbers come
    from torch's global generator: seed it before.
    """
    from torch import nn

    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for layer in plan.layers:
        kind, arguments, options = torch_call(layer)
        modules[layer.name] = getattr(nn, kind)(*arguments, **options)
    return nn.Sequential(modules)


def torch_call(layer: PlannedLayer) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Class in torch.nn, arguments, and keyword arguments where they differ from torch's defaults."""
    inputs = layer.input_shape[0]
    match layer.operation:
        case arch.Conv(width, kernel, stride, padding, groups, bias):
            options = _changed(
                stride=(stride, (1, 1)), padding=(padding, (0, 0)), groups=(groups, 1), bias=(bias, True)
            )
            return "Conv2d", (inputs, width, kernel), options
        case arch.Pool(kind, kernel, stride, padding):
            window = _changed(stride=(stride, kernel), padding=(padding, (0, 0)))
            return "MaxPool2d" if kind == "max" else "AvgPool2d", (kernel,), window
        case arch.GlobalAveragePool():
            return "AdaptiveAvgPool2d", (1,), {}
        case arch.Linear(width, bias):
            return "Linear", (inputs, width), _changed(bias=(bias, True))
        case Flatten():
            return "Flatten", (), {}
        case arch.BatchNorm():
            return "BatchNorm2d" if len(layer.input_shape) == 3 else "BatchNorm1d", (inputs,), {}
        case arch.Activation(name):
            return arch.ACTIVATIONS[name], (), {}
        case arch.Dropout(rate):
            return "Dropout", (rate,), {}


def _changed(**options: tuple[Any, Any]) -> dict[str, Any]:
    """Those of the options, each with its default, that differ from it."""
    return {name: value for name, (value, default) in options.items() if value != default}
