"""Ctrl-C, SIGTERM and SIGHUP: the first one stops what is done, the rest of the way is deaf to further ones."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UnderbudgetError

if TYPE_CHECKING:
    from underbudget.search.session.coordinator import Limits

STOPPED = 130  # exit code after a stop by a signal
_PATIENCE = 2.5  # seconds for the way out, which may be stuck


class StoppedError(UnderbudgetError):
    """The user ended the program before it could end cleanly."""

    exit_code = STOPPED


class Stopper:
    """Turns the first signal into a clean stop of a search, which takes a second or two.

    Before the study is opened it interrupts at once; from then on it asks for the stop: an interrupt in the middle of a
    write would leave a connection open that holds the database's lock. Further signals are ignored.
    """

    def __init__(self) -> None:
        self.signalled: signal.Signals | None = None  # the first one
        self._limits: Limits | None = None

    def begins(self, limits: "Limits") -> None:
        """A study is opened now, whose search these limits end."""
        self._limits = limits
        if self.signalled:  # its interrupt was lost: an import may swallow one
            limits.stop = f"stopped by {self.signalled.name}"

    def _handle(self, number: int, frame: object) -> None:
        if self.signalled:
            return
        self.signalled = signal.Signals(number)
        if self._limits is None or self._limits.at_once:
            raise KeyboardInterrupt
        self._limits.stop = f"stopped by {self.signalled.name}"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle signals for as long as the block lasts."""
        with handled(self._handle, stopping_signals()) as afterwards:
            try:
                yield
            except KeyboardInterrupt as stop:
                raise StoppedError("stopped before the search began, nothing is lost") from stop
            finally:
                if self.signalled:
                    afterwards.update(dict.fromkeys(afterwards, deaf))

    @contextmanager
    def listening_to_ctrl_c(self) -> Iterator[None]:
        """The same in a program of the user's: it handles Ctrl-C alone, unless that program does, and passes it on at
        the end as KeyboardInterrupt."""
        own = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        with handled(self._handle, [] if own else [signal.SIGINT]):
            yield
        if self.signalled:
            raise KeyboardInterrupt


def stopping_signals() -> list[signal.Signals]:
    """The signals that end a program cleanly: a closed terminal's too, unless it was ignored at the start (nohup)."""
    hangs_up = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])]


@contextmanager
def handled(handler: Callable[[int, Any], None], numbers: Sequence[signal.Signals]) -> Iterator[dict[int, Any]]:
    """Handle signals in the main thread, which alone may; who handles them afterwards, by default as before."""
    if threading.current_thread() is not threading.main_thread():
        yield {}
        return
    afterwards: dict[int, Any] = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield afterwards
    finally:
        for number, after in afterwards.items():
            signal.signal(number, after)


def end_at_the_first() -> None:
    """For a program's whole life: the first signal is a KeyboardInterrupt, further ones are ignored, and where the way
    out is stuck, or something swallowed the interrupt, the program ends without it."""

    def interrupt(number: int, frame: object) -> None:
        ignore()
        way_out = threading.Timer(_PATIENCE, end)
        way_out.daemon = True
        way_out.start()
        raise KeyboardInterrupt

    def unraisable(error: "sys.UnraisableHookArgs") -> None:
        if error.exc_type is KeyboardInterrupt:  # it came in a destructor or a callback, which may raise nothing
            end()
        sys.__unraisablehook__(error)

    sys.unraisablehook = unraisable
    for each in stopping_signals():
        signal.signal(each, interrupt)


def ignore() -> None:
    """Be deaf to further signals until this process ends."""
    for each in stopping_signals():
        signal.signal(each, deaf)


def deaf(number: int, frame: object) -> None:
    """A handler that does nothing. Python complains where a signal that came a moment ago has none (SIG_IGN)."""


def has_come() -> bool:
    """Whether this process is deaf, as it is from the first signal on."""
    return signal.getsignal(signal.SIGINT) is deaf


def end(*_: object) -> None:
    """End this process at once; a handler, too."""
    os.write(2, b"error: stopped\n")
    os._exit(STOPPED)
