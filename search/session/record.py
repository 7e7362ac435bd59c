"""The record of a session: an entry in the study's attribute `sessions`, and a log file."""

import contextlib
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.output import visible
from underbudget.reports.reading import SESSIONS_ATTRIBUTE
from underbudget.reports.storage_url import shown_url
from underbudget.search.training.environment import installed, processor

if TYPE_CHECKING:
    import optuna

    from underbudget.search.session.resolving import Session

log = logging.getLogger(__name__)


@contextlib.contextmanager
def recorded(study: "optuna.Study", session: "Session") -> Iterator[dict[str, Any]]:
    """Add an entry about this session to the study attribute `sessions`, completed even when the search raises."""
    earlier = list(study.user_attrs.get(SESSIONS_ATTRIBUTE, []))
    begun = time.monotonic()
    entry: dict[str, Any] = {
        "started": _now(),
        "ended": None,
        "trials_asked": session.trials,
        "workers": session.workers,
        "device": session.device,
        "sampler": session.sampler,
        "stopping": session.early.method,
        "first_rung": session.early.first_rung,
        "reduction_factor": session.early.reduction_factor,
        "target": session.options.target,
        "command": shown_command(sys.argv),
        "versions": installed("underbudget", "torch", "torchvision", "optuna", "numpy"),
        "hardware": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
    }
    study.set_user_attr(SESSIONS_ATTRIBUTE, [*earlier, entry])
    closing: dict[str, Any] = {"outcome": "interrupted"}
    try:
        yield closing
    finally:
        closed = {**entry, **closing, "ended": _now(), "seconds": round(time.monotonic() - begun, 3)}
        try:
            study.set_user_attr(SESSIONS_ATTRIBUTE, [*earlier, closed])
        except Exception as error:  # the reason for the end matters more than its record
            log.warning("the end of the session could not be stored: %s", error)


def shown_command(argv: list[str]) -> str:
    """The command line as it may be stored: a database password is left out."""
    program = Path(argv[0]).name if argv else ""
    if program.removesuffix(".exe").removesuffix(".py") not in ("underbudget", "__main__"):
        return program  # somebody's own script: its arguments are not ours to keep
    return " ".join(shown_url(word) if "://" in word else word for word in [program, *argv[1:]])


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


class _LogFile(logging.FileHandler):
    """A log file that stays incomplete when the disk is full: the search itself reports that, once."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, logging's own name
        return None

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it tries to write the rest once more
            super().close()


@contextlib.contextmanager
def launch_log(path: Path) -> Iterator[None]:
    """Append what our packages log to a file, for as long as a session lasts."""
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    root = logging.getLogger("underbudget")
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()
