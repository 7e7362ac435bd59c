"""The command line: `underbudget`, or `python -m underbudget`."""

import contextlib
import os
import signal
import sys

from underbudget.models.output import exit_code, protect_streams


def main() -> int:
    """Run the command line; returns the exit code, 1 where it ended well but not all of its output could be written."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, signal.SIGINT)
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stopped)
    protect_streams()
    from underbudget.search.session import signals

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


def _stopped(number: int, frame: object) -> None:
    """While the program is still being loaded: nothing is begun, and an import might swallow an interrupt."""
    os.write(2, b"error: stopped\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
