"""The command line with trainings that take no time: python instant.py launch ... --engine in-process.

The text in the variable FAULT is run first, among the names of this file: what shall go wrong.
"""

import datetime
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import simulated

from underbudget.__main__ import main
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import Job, Message

pause = 0.0  # seconds that each message takes
shifts: dict[int, float] = {}  # after so many messages, the clock is set by so many seconds
said = 0


class _Any(type):
    """Every point in time is an instance of the class that stands for datetime."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, real)


real, real_time = datetime.datetime, time.time


class Clock(real, metaclass=_Any):
    """Stands for datetime: its `now` is set with the clock."""

    shift = datetime.timedelta()

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return real.now(tz) + cls.shift


def set_clock(seconds: float) -> None:
    """Whoever asks for the time in this process, as Optuna, we and logging do, gets another one from now on."""
    Clock.shift = datetime.timedelta(seconds=seconds)
    time.time = lambda: real_time() + seconds
    datetime.datetime = Clock  # type: ignore[misc]
    for name, module in list(sys.modules.items()):
        if name.startswith(("optuna.", "search.", "reports.")) and getattr(module, "datetime", None) is real:
            module.datetime = Clock  # type: ignore[attr-defined]


def messages(job: Job) -> Iterator[Message]:
    """What a worker would say."""
    global said
    for message in simulated.messages(job):
        time.sleep(pause)
        said += 1
        if said in shifts:
            set_clock(shifts[said])
        yield message


InProcessEngine.__init__.__defaults__ = (messages,)  # type: ignore[attr-defined]

if __name__ == "__main__":
    exec(os.environ.get("FAULT", ""))
    sys.exit(main())
