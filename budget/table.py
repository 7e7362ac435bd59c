"""The layer table of a plan: one row per stage with its cost, as data and for a terminal."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from underbudget.budget.count import bytes_per_value, count, layer_macs, layer_values
from underbudget.models.architecture import Pair, size_text
from underbudget.models.plan import Flatten, Plan, Shape

if TYPE_CHECKING:
    from rich.console import RenderableType

Size = int | Pair  # one number where height and width agree, else (height, width)


@dataclass(frozen=True)
class LayerRow:
    """One stage. Params and MACs are of the whole stage, its tail and both halves of a separable convolution."""

    op: str  # canonical text of the primary operation, "conv3x3(16)"
    tail: str  # canonical text of the tail, "relu bn drop0.1", or ""
    output_shape: Shape  # (channels, height, width), or (features,) after a linear layer
    params: int
    macs: int
    peak_bytes: int  # largest input + output of one of its layers, as in budget.count
    receptive_field: Size  # of one output value, in input pixels
    jump: Size  # distance of neighbouring output values, in input pixels


def rows(plan: Plan, precision: str = "float32") -> tuple[LayerRow, ...]:
    """One row per stage, in order. Raises UserError for an unknown precision."""
    size = bytes_per_value(precision)
    table = []
    for index, stage in enumerate(plan.architecture.stages):
        layers = plan.stage_layers(index)
        # The last stage also holds the Flatten that turns a 1x1 map into the vector of logits: no part of its shape.
        last = [layer for layer in layers if not isinstance(layer.operation, Flatten)][-1]
        table.append(
            LayerRow(
                op=str(stage.primary),
                tail=" ".join(map(str, stage.tail)),
                output_shape=last.output_shape,
                params=sum(layer.params for layer in layers),
                macs=sum(layer_macs(layer) for layer in layers),
                peak_bytes=size * max(layer_values(layer) for layer in layers),
                receptive_field=_size(last.receptive_field),
                jump=_size(last.jump),
            )
        )
    return tuple(table)


def describe(plan: Plan, precision: str = "float32", name: str | None = None) -> dict[str, Any]:
    """The plan as an object for JSON: what `show --json` prints. Raises UserError for an unknown precision."""
    cost = count(plan, precision)
    return {
        "name": name,
        "id": plan.architecture.id,
        "layers_text": str(plan.architecture),
        "input_shape": plan.input_shape,
        "classes": plan.classes,
        "precision": precision,
        **asdict(cost),
        "receptive_field": _size(plan.layers[-1].receptive_field),
        "layers": [
            {name: value for name, value in asdict(row).items() if name != "peak_bytes"}
            for row in rows(plan, precision)
        ],
    }


def render(plan: Plan, precision: str = "float32", name: str | None = None) -> "RenderableType":
    """The table and its totals for a terminal, readable at 80 columns and without colour.

    The operation is what wraps in a narrow terminal; numbers are never cut. Raises UserError for an unknown precision.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("", justify="right", overflow="fold")
    table.add_column("stage", overflow="fold", min_width=10)
    lines = []
    for number, row in enumerate(rows(plan, precision), start=1):
        numbers = size_text(row.output_shape), f"{row.params:,}", f"{row.macs:,}"
        lines.append((str(number), row.op, row.tail, *numbers, _text(row.receptive_field), _text(row.jump)))
    for column, header in enumerate(("output", "params", "MACs", "field", "jump"), start=3):
        # A fixed width: rich would otherwise cut numbers before it wraps the operation.
        width = max(len(header), *(len(line[column]) for line in lines))
        table.add_column(header, justify="right", width=width, overflow="fold")
    for position, op, tail, *columns in lines:
        # Text, not markup: a name may hold brackets.
        table.add_row(position, Text.assemble(op, (f" {tail}" if tail else "", "dim")), *columns)
    title = Text.assemble(
        (name, "bold") if name else "network", f" {plan.architecture.id}, input ", size_text(plan.input_shape)
    )
    return Group(title, Text(), table, Text(), *(Text(line) for line in totals(plan, precision)))


def totals(plan: Plan, precision: str = "float32") -> tuple[str, ...]:
    """The totals of a plan as lines of text. Raises UserError for an unknown precision."""
    cost = count(plan, precision)
    peaks = [row.peak_bytes for row in rows(plan, precision)]
    peak = f"{_kib(cost.peak_bytes)} in {precision}, batch 1"
    field = _size(plan.layers[-1].receptive_field)
    return (
        f"parameters        {cost.params:,} ({_kib(cost.params_bytes)} in {precision})",
        f"MACs              {cost.macs:,}",
        f"peak activations  {cost.peak_bytes:,} bytes ({peak}), at stage {peaks.index(cost.peak_bytes) + 1}",
        f"receptive field   {_text(field)} of {size_text(plan.input_shape[1:])} pixels",
    )


def _size(pair: Pair) -> Size:
    return pair[0] if pair[0] == pair[1] else pair


def _text(size: Size) -> str:
    return str(size) if isinstance(size, int) else size_text(size)


def _kib(size: int) -> str:
    """Bytes in KiB (1,024 bytes), with one decimal."""
    return f"{size / 1024:,.1f} KiB"
