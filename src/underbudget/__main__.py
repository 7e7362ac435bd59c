"""The command line: `underbudget`, or `python -m underbudget`."""

import contextlib
import os
import signal
import sys

from underbudget.models.output import exit_code, protect_streams
from underbudget.search.session import signals


def main() -> int:
    """Run the command line; returns the exit code, 1 where it ended well but not all of its output could be written."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, signal.SIGINT)
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signals.end)  # nothing is begun, and an import might swallow an interrupt
    protect_streams()
    try:
        from underbudget.search.commands.main import run

        signals.end_at_the_first()
        code = exit_code(run())
    except KeyboardInterrupt:  # outside of any command
        print("error: stopped", file=sys.stderr)
        code = 130
    if signals.has_come():  # what Python does at its end takes time, and is not deaf
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)
    signals.ignore()
    return code


if __name__ == "__main__":
    sys.exit(main())
