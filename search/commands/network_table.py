"""The tables that the published series print before they train: layers, receptive field, data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from underbudget.search.commands.terminal import table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from underbudget.models.plan import Plan
    from underbudget.reports.training import PartStatistics


def summary_table(plan: "Plan") -> "Group":
    """Type and index, output shape and parameters of every layer, with totals and sizes below."""
    from rich.console import Group

    from underbudget.reports.network_tables import summary_rows, totals

    rows = (
        (row["layer"], f"[{', '.join(str(size) for size in (-1, *row['output_shape']))}]", f"{row['params']:,}")
        for row in summary_rows(plan)
    )
    below = totals(plan)
    return Group(
        table(("layer (type)", "output shape", "params"), rows),
        f"total params {below.params:,}, all trainable",
        f"input {below.input_mb:.2f} MB, forward/backward pass {below.passes_mb:.2f} MB, params "
        f"{below.params_mb:.2f} MB, estimated total {below.total_mb:.2f} MB",
    )


def field_table(plan: "Plan") -> "Table":
    """Kernel, stride, padding, and receptive field, map and jump before and after each layer that changes them."""
    from underbudget.reports.network_tables import field_rows

    columns = ("layer", "kernel", "stride", "padding", "field in", "out", "map in", "out", "jump in", "out")
    return table(columns, (tuple(row.values()) for row in field_rows(plan)))


def data_table(statistics: "Sequence[PartStatistics]") -> "Table":
    """Size, range, mean and standard deviation of each part, pixels scaled to 0..1."""
    columns = ("data", "shape", "min", "max", "mean", "std")
    rows = (
        (
            part.part,
            " x ".join(str(size) for size in part.shape),
            f"{part.minimum:g}",
            f"{part.maximum:g}",
            ", ".join(f"{value:.4f}" for value in part.mean),
            ", ".join(f"{value:.4f}" for value in part.std),
        )
        for part in statistics
    )
    return table(columns, rows, folded=columns)
