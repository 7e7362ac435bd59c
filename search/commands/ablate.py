"""`underbudget ablate`: each ingredient of a network taken away or swapped, and what that changes."""

from typing import Any

from underbudget.search.commands.options import Json, taking
from underbudget.search.commands.terminal import number, print_result, table
from underbudget.search.experiments.options import NetworkOptions


@taking(NetworkOptions)
def ablate(as_json: Json = False, **given: Any) -> None:
    """Take away or swap each ingredient of a network: batch norm, dropout, GAP head, 1x1 transition, pool position,
    augmentation, schedule. Reports the change in accuracy and in cost.

    The same command goes on where it was stopped.
    """
    from underbudget.reports.ablation import rows, to_json
    from underbudget.search.commands.training_display import showing
    from underbudget.search.experiments import ablation

    with showing(as_json) as notify:
        result, paths = ablation.ablate(NetworkOptions(**given), notify)
    if as_json:
        print_result(to_json(result), paths)
        return
    shown = []
    for row in rows(result):
        if row["accuracy"] is None:
            continue
        low, seeds, seconds = row["low"], row["seeds"], f"{row['seconds']:.0f}"
        lost = f", {seeds} of {seeds + row['failed']} seeds" if row["failed"] else ""  # a column would not fit 80
        interval = "" if low is None else f"{low:+.2f} .. {row['high']:+.2f}"
        points = number(row["accuracy_change"], "+.2f")
        shown.append((row["change"] + lost, row["accuracy"], points, interval, row["params"], row["macs"], seconds))
    part = result.base.runs[0].data.part
    lines = [
        table(("change", "accuracy", "points", "95 % interval", "params", "MACs", "s"), shown, folded=("change",)),
        "",
        *(f"{each.ingredient}: nothing to compare, {each.reason}" for each in result.missing),
        f"{part} accuracy, mean of the last three epochs, percent; change in points, Welch's 95 % interval over seeds",
        "",
    ]
    print_result(lines, paths)
