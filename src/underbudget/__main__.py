"""The command line: `underbudget`, or `python -m underbudget`."""

import sys

from underbudget.models.output import exit_code, protect_streams


def main() -> int:
    """Run the command line; returns the exit code, 1 where it ended well but not all of its output could be written."""
    protect_streams()
    try:
        from underbudget.search.commands.main import run

        return exit_code(run())
    except KeyboardInterrupt:  # while the program was still being loaded
        print("error: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
