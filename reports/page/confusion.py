"""A confusion matrix as rows for a template."""

from collections.abc import Sequence
from typing import Any

from underbudget.reports.page.numbers import percent


def confusion_rows(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> list[dict[str, Any]]:
    """A row per true class: `name`, `cells` with `count`, `right` and `shade` (0 to 1), and `accuracy`.

    counts: [true][predicted], images. Shades are by the largest number of wrong ones in a cell.
    """
    most = max(
        (count for true, row in enumerate(counts) for guess, count in enumerate(row) if guess != true), default=1
    )
    rows = []
    for true, row in enumerate(counts):
        cells = [
            {"count": count, "right": guess == true, "shade": 0.12 + 0.5 * count / max(1, most)}
            for guess, count in enumerate(row)
        ]
        images = sum(row)
        accuracy = percent(100 * row[true] / images if images else None)
        rows.append({"name": classes[true], "cells": cells, "accuracy": accuracy})
    return rows
