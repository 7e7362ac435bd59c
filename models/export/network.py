"""The class of a plan as Python source: plain torch layers under the plan's names."""

from underbudget.models.architecture import (
    ACTIVATIONS,
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    GlobalAveragePool,
    Linear,
    Pair,
    Pool,
)
from underbudget.models.export.literal import WIDTH, plain
from underbudget.models.plan import Flatten, Plan, PlannedLayer, Shape

CHAIN = 100  # columns of a chain of calls, beyond which forward begins another statement


def network_class(plan: Plan) -> str:
    """Source of `class Network(nn.Module)`: its layers in the plan's order, each with output shape (without the batch),
    number of parameters and receptive field, and a forward that calls them stage by stage."""
    init: list[str] = []
    forward: list[str] = []
    for index, stage in enumerate(plan.architecture.stages):
        layers = plan.stage_layers(index)
        init += ["", f"        # {plain(stage, WIDTH - 10)}"]
        for layer in layers:
            init += _definition(layer)
        forward += _chain([layer.name for layer in layers])
    return "\n".join(
        [
            "class Network(nn.Module):",
            f'    """Logits (n, {plan.classes}) for normalised pictures (n, {_numbers(plan.input_shape)})."""',
            "",
            "    def __init__(self) -> None:",
            "        super().__init__()",
            *init,
            "",
            "    def forward(self, x: Tensor) -> Tensor:",
            *forward,
            "        return x",
        ]
    )


def _definition(layer: PlannedLayer) -> list[str]:
    code = f"        self.{layer.name} = {module(layer)}"
    comment = (
        f"# {_size(layer.output_shape)}, {layer.params:,} parameters, receptive field {_size(layer.receptive_field)}"
    )
    if len(code) + 2 + len(comment) <= WIDTH:
        return [f"{code}  {comment}"]
    return [f"        {comment}", code]


def _chain(names: list[str]) -> list[str]:
    """Calls of layers in their order, nested, one statement or more."""
    statements = []
    call = "x"
    for name in names:
        longer = f"self.{name}({call})"
        if len(longer) > CHAIN:
            statements.append(f"        x = {call}")
            longer = f"self.{name}(x)"
        call = longer
    return [*statements, f"        x = {call}"]


def module(layer: PlannedLayer) -> str:
    """The call that makes a layer, e.g. `nn.Conv2d(1, 8, 3, bias=False)`; the twin of `models.build`."""
    inputs = layer.input_shape[0]
    match layer.operation:
        case Conv(width, kernel, stride, padding, groups, bias):
            arguments = [str(inputs), str(width), _pair(kernel)]
            if stride != (1, 1):
                arguments.append(f"stride={_pair(stride)}")
            if padding != (0, 0):
                arguments.append(f"padding={_pair(padding)}")
            if groups != 1:
                arguments.append(f"groups={groups}")
            if not bias:
                arguments.append("bias=False")
            return f"nn.Conv2d({', '.join(arguments)})"
        case Pool(kind, kernel, stride, padding):
            arguments = [_pair(kernel)]
            if stride != kernel:
                arguments.append(f"stride={_pair(stride)}")
            if padding != (0, 0):
                arguments.append(f"padding={_pair(padding)}")
            return f"nn.{'MaxPool2d' if kind == 'max' else 'AvgPool2d'}({', '.join(arguments)})"
        case GlobalAveragePool():
            return "nn.AdaptiveAvgPool2d(1)"
        case Linear(width, bias):
            return f"nn.Linear({inputs}, {width}{'' if bias else ', bias=False'})"
        case Flatten():
            return "nn.Flatten()"
        case BatchNorm():
            return f"nn.BatchNorm{'2d' if len(layer.input_shape) == 3 else '1d'}({inputs})"
        case Activation(name):
            return f"nn.{ACTIVATIONS[name]}()"
        case Dropout(rate):
            return f"nn.Dropout({rate!r})"


def _pair(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"({pair[0]}, {pair[1]})"


def _size(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)


def _numbers(shape: Shape) -> str:
    return ", ".join(str(size) for size in shape)
