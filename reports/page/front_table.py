"""The front as a table."""

from dataclasses import dataclass

from underbudget.reports.page.numbers import duration, percent, span, whole
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import front_rows


@dataclass(frozen=True)
class FrontRow:
    trial: int
    params: str
    accuracy: str
    span: str
    last_epoch: str
    macs: str
    peak_bytes: str
    seconds: str
    layers_text: str


def front_table(study: StudyRecord) -> list[FrontRow]:
    """One row per trial of the front, the winner (highest cost) first."""
    return [
        FrontRow(
            trial=row["trial"],
            params=whole(row["params"]),
            accuracy=percent(row["score"]),
            span=span(None if row["low"] is None else (row["low"], row["high"])),
            last_epoch=percent(row["last_accuracy"]),
            macs=whole(row["macs"]),
            peak_bytes=whole(row["peak_bytes"]),
            seconds=duration(row["seconds"]),
            layers_text=row["layers_text"],
        )
        for row in reversed(front_rows(study))
    ]
