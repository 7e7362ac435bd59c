"""The command line: `underbudget`, or `python -m underbudget`."""

import os
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        from underbudget.search.commands.main import run

        code = run()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as head, has seen enough: nothing more is written, not at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:  # while the program was still being loaded
        print("error: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
