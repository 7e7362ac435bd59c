"""The ledger of readings: how often predictions were compared with the labels of a data set's test part, and by whom.

One line of JSON per run in `readings.jsonl` beside the prepared data set, so that it counts over all studies and
folders that use these data. A ledger that cannot be written (a read-only data folder) costs a warning, not the run; a
run's own record has its count too.
"""

import json
import logging
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FILE = "readings.jsonl"


@dataclass(frozen=True)
class TestSetAccess:
    """What was read, as one line of the ledger."""

    when: str  # ISO 8601, UTC
    what: str  # the command or program, e.g. "confirm"
    subject: str  # what was judged: a reference, layers, a trial
    seed: int | None
    times: int  # readings: comparisons with the labels, at different times
    epochs: int  # epochs whose weights were judged in them


def note(dataset: Path, what: str, subject: str, seed: int | None, times: int, epochs: int) -> TestSetAccess | None:
    """Add a line to the ledger of a prepared data set's folder; nothing where `times` is 0. What was noted,
    None where nothing was or could be."""
    if not times:
        return None
    reading = TestSetAccess(datetime.now(UTC).isoformat(timespec="seconds"), what, subject[:200], seed, times, epochs)
    line = (json.dumps(asdict(reading)) + "\n").encode()
    try:
        # One write to a file opened for appending: lines of two processes don't mix.
        handle = os.open(dataset / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)
    except OSError as error:
        log.warning("the reading of the test labels could not be noted in %s: %s", dataset / FILE, error.strerror)
        return None
    return reading


def total(dataset: Path) -> int:
    """Readings so far of a prepared data set's test part; lines that cannot be read are passed over."""
    try:
        lines = (dataset / FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    count = 0
    for line in lines:
        try:
            entry: dict[str, Any] = json.loads(line)
            count += int(entry["times"])
        except (ValueError, KeyError, TypeError):
            continue
    return count
