"""Ctrl-C, SIGTERM and SIGHUP: a clean stop of a search, and the end of trainings."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from underbudget.models.errors import UnderbudgetError
from underbudget.search.session.coordinator import Coordinator

STOPPED = 130  # exit code after a stop by a signal


class StoppedError(UnderbudgetError):
    """The user ended the program before it could end cleanly."""

    exit_code = STOPPED


class Stopper:
    """Turns the first Ctrl-C, SIGTERM or SIGHUP into a clean stop of the coordinator, which takes a second or two.

    Before there is a coordinator it interrupts at once. Further signals are ignored: an interrupt in the middle of a
    write would leave a connection open that holds the database's lock.
    """

    def __init__(self) -> None:
        self.signalled = False
        self.coordinator: Coordinator | None = None  # the one to be stopped from now on

    def _handle(self, number: int, frame: object) -> None:
        if self.signalled:
            return
        self.signalled = True
        if self.coordinator is None:
            # SQLAlchemy logs a traceback where an interrupt meets a connection that is being closed.
            logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL + 1)
            raise KeyboardInterrupt
        self.coordinator.limits.stop = f"stopped by {signal.Signals(number).name}"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle signals for as long as the block lasts."""
        with handled(self._handle, *stopping_signals()):
            try:
                yield
            except KeyboardInterrupt as stop:
                raise StoppedError("stopped before the search began, nothing is lost") from stop


def stopping_signals() -> list[signal.Signals]:
    """The signals that end a program cleanly: a closed terminal's too, unless it was ignored at the start (nohup)."""
    hangs_up = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])]


@contextmanager
def handled(handler: Callable[[int, Any], None], *numbers: signal.Signals) -> Iterator[None]:
    """Handle signals in the main thread, which alone may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
