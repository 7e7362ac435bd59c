"""The class of a plan as Python source: plain torch layers under the plan's names."""

from underbudget.models.architecture import size_text
from underbudget.models.build import torch_call
from underbudget.models.export.literal import WIDTH, plain
from underbudget.models.plan import Plan, PlannedLayer

CHAIN = 100  # columns of a chain of calls, beyond which forward begins another statement


def network_class(plan: Plan) -> str:
    """Source of `class Network(nn.Module)`: the layers with their sizes, and a forward, stage by stage."""
    init: list[str] = []
    forward: list[str] = []
    for index, stage in enumerate(plan.architecture.stages):
        layers = plan.stage_layers(index)
        init += ["", f"        # {plain(stage, WIDTH - 10)}"]
        for layer in layers:
            init += _definition(layer)
        forward += _chain([layer.name for layer in layers])
    shape = ", ".join(map(str, plan.input_shape))
    return "\n".join(
        [
            "class Network(nn.Module):",
            f'    """Logits (n, {plan.classes}) for normalised pictures (n, {shape})."""',
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


def size_and_cost(layer: PlannedLayer) -> tuple[str, str, str]:
    """Output shape, number of parameters and receptive field of a layer as text."""
    return size_text(layer.output_shape), f"{layer.params:,}", size_text(layer.receptive_field)


def _definition(layer: PlannedLayer) -> list[str]:
    kind, arguments, options = torch_call(layer)
    given = [*map(_argument, arguments), *(f"{name}={_argument(value)}" for name, value in options.items())]
    code = f"        self.{layer.name} = nn.{kind}({', '.join(given)})"
    shape, parameters, field = size_and_cost(layer)
    comment = f"# {shape}, {parameters} parameters, receptive field {field}"
    if len(code) + 2 + len(comment) <= WIDTH:
        return [f"{code}  {comment}"]
    return [f"        {comment}", code]


def _argument(value: object) -> str:
    """A value in a call; a pair of equal numbers as one."""
    return repr(value[0] if isinstance(value, tuple) and value[0] == value[1] else value)


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
