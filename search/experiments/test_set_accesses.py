"""The ledger of test-set accesses: how often predictions were compared with the labels of a test part, and by whom.

One line of JSON per run in `readings.jsonl` beside the prepared data set, so it counts over all studies and
folders that use these data. If it cannot be written (a read-only data folder), that is a warning; the run's own record
has its count too.
"""

import contextlib
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from underbudget.models.files import json_value

log = logging.getLogger(__name__)

FILE = "readings.jsonl"


def access(what: str, subject: str, seed: int | None, times: int, epochs: int) -> dict[str, Any]:
    """An entry about accesses that happen now; the arguments are those of `note`."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return {"when": when, "what": what, "subject": subject[:200], "seed": seed, "times": times, "epochs": epochs}


def note(dataset: Path, what: str, subject: str, seed: int | None, times: int, epochs: int) -> bool:
    """Add a line to the ledger of a prepared data set's folder; whether one was added.

    what: the command or program, e.g. "confirm"; subject: the reference, layers or trial that was evaluated; times: how
    often predictions were compared with the labels (nothing is noted for 0); epochs: whose weights were evaluated then.
    """
    if not times:
        return False
    line = (json.dumps(access(what, subject, seed, times, epochs)) + "\n").encode()
    try:
        with (dataset / FILE).open("ab", buffering=0) as file:
            file.write(line)  # in one write: lines of two processes don't mix
    except OSError as error:
        log.warning("the access to the test labels could not be recorded in %s: %s", dataset / FILE, error.strerror)
        return False
    return True


def total(dataset: Path) -> int:
    """Accesses so far to the test part of a prepared data set; unreadable lines are skipped."""
    try:
        lines = (dataset / FILE).read_bytes().splitlines()
    except OSError:
        return 0
    count = 0
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError):
            count += int(json_value(line)["times"])
    return count
