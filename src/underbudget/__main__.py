"""The command line: `underbudget`, or `python -m underbudget`."""

import sys

from underbudget.models.output import Stream, protect_streams


def main() -> int:
    """Run the command line; returns the exit code, 1 where it ended well but not all of its output could be written."""
    protect_streams()
    try:
        from underbudget.search.commands.main import run

        code = run()
    except KeyboardInterrupt:  # while the program was still being loaded
        print("error: stopped", file=sys.stderr)
        return 130
    sys.stdout.flush()
    lost = sys.stdout.lost if isinstance(sys.stdout, Stream) else None
    if lost is not None and not isinstance(lost, BrokenPipeError):  # a reader such as head has seen enough
        print(f"error: standard output was lost ({lost.strerror}): all but what is shown was done", file=sys.stderr)
    return code or int(lost is not None)


if __name__ == "__main__":
    sys.exit(main())
