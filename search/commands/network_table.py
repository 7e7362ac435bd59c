"""The tables that the published series print before they train: layers, receptive field, data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from underbudget.models.plan import Plan
    from underbudget.reports.training import PartStatistics


def summary_table(plan: "Plan") -> "Group":
    """Type and index, output shape and parameters of every layer, with totals and sizes below."""
    from rich.console import Group
    from rich.text import Text

    from underbudget.reports.network_tables import summary_rows, totals

    table = _table(("layer (type)", "left"), ("output shape", "right"), ("params", "right"))
    for row in summary_rows(plan):
        shape = ", ".join(str(size) for size in (-1, *row.output_shape))
        table.add_row(row.layer, Text(f"[{shape}]"), f"{row.params:,}")
    below = totals(plan)
    lines = [
        f"total params {below.params:,}, all trainable",
        f"input {below.input_mb:.2f} MB, forward/backward pass {below.passes_mb:.2f} MB, params "
        f"{below.params_mb:.2f} MB, estimated total {below.total_mb:.2f} MB",
    ]
    return Group(table, *(Text(line) for line in lines))


def field_table(plan: "Plan") -> "Table":
    """Kernel, stride, padding, and receptive field, map and jump before and after each layer that changes them."""
    from underbudget.reports.network_tables import field_rows

    names = ("kernel", "stride", "padding", "field in", "out", "map in", "out", "jump in", "out")
    table = _table(("layer", "left"), *((name, "right") for name in names))
    for row in field_rows(plan):
        table.add_row(
            row.layer,
            row.kernel,
            row.stride,
            row.padding,
            row.field_in,
            row.field_out,
            row.map_in,
            row.map_out,
            row.jump_in,
            row.jump_out,
        )
    return table


def data_table(statistics: "Sequence[PartStatistics]") -> "Table":
    """Size, range, mean and standard deviation of each part, pixels scaled to 0..1."""
    table = _table(
        ("data", "left"), ("shape", "right"), ("min", "right"), ("max", "right"), ("mean", "right"), ("std", "right")
    )
    for part in statistics:
        table.add_row(
            part.part,
            " x ".join(str(size) for size in part.shape),
            f"{part.minimum:g}",
            f"{part.maximum:g}",
            ", ".join(f"{value:.4f}" for value in part.mean),
            ", ".join(f"{value:.4f}" for value in part.std),
        )
    return table


def _table(*columns: tuple[str, str]) -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify="left" if justify == "left" else "right", overflow="fold")
    return table
