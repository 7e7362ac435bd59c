"""Where the budget goes: parameters and MACs of each layer of one network."""

from typing import Any

from underbudget.budget.table import LayerRow
from underbudget.reports.page.embedding import plotly_text
from underbudget.reports.page.figure import Figure, axis, hatching, layout


def spending_figure(rows: tuple[LayerRow, ...]) -> Figure:
    """Shares of the network's parameters and MACs, a pair of bars per stage, the first stage on top."""
    params, macs = sum(row.params for row in rows), sum(row.macs for row in rows)
    spending = [(f"{index}  {row.op}", row) for index, row in enumerate(rows, 1) if row.params or row.macs]

    def bars(word: str, total: int, values: list[int], color: str, pattern: str) -> dict[str, Any]:
        shares = [100 * value / total if total else 0.0 for value in values]
        return {
            "type": "bar",
            "orientation": "h",
            "name": f"{word} ({total:,})",
            "y": [plotly_text(name) for name, _ in spending],
            "x": [round(share, 2) for share in shares],
            "marker": {"color": color, "pattern": hatching(pattern)},
            "text": [f"{share:.0f} %" if share >= 0.5 else "" for share in shares],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertext": [
                f"{plotly_text(name)}<br>{value:,} {word}, {share:.1f} %"
                for (name, _), value, share in zip(spending, values, shares, strict=True)
            ],
            "hoverinfo": "text",
        }

    traces = [
        bars("parameters", params, [row.params for _, row in spending], "@blue", ""),
        bars("MACs", macs, [row.macs for _, row in spending], "@orange", "/"),
    ]
    largest = max((share for trace in traces for share in trace["x"]), default=1.0)
    return {
        "data": traces,
        "layout": layout(
            height=110 + 44 * len(spending),
            barmode="group",
            bargap=0.3,
            xaxis=axis("share, %", range=[0, 1.15 * largest]),
            yaxis=axis("", type="category", autorange="reversed", ticksuffix=" "),
            dragmode=False,
        ),
    }
