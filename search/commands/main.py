"""The command line: one file per command, errors on one line."""

import importlib
import itertools
import logging
import re
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from underbudget.models.errors import UnderbudgetError
from underbudget.search.commands import data

# Each is a function of a module of the same name.
COMMANDS = (
    *("launch", "status", "report", "dashboard", "show"),
    *("train", "confirm", "series", "ablate"),
    *("export", "predict", "evaluate", "references", "demo"),
)

app = typer.Typer(
    name="underbudget",
    help="Search for the most accurate convolutional network under a hard resource budget.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name in COMMANDS:
    app.command()(getattr(importlib.import_module(f"underbudget.search.commands.{name}"), name))
app.add_typer(data.app, name="data")

_DEBUG = "--debug"


def _version(wanted: bool) -> None:
    if wanted:
        from underbudget.version import __version__

        print(f"underbudget {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Search for the most accurate convolutional network under a hard resource budget."""


def run(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, 2 for a user's mistake, 1 for a failure, 130 after a stop."""
    given = sys.argv[1:] if arguments is None else arguments
    given = given or ["--help"]
    debug = _DEBUG in given
    given = [_DEBUG] * debug + [word for word in given if word != _DEBUG]
    logging.getLogger("underbudget").addHandler(logging.NullHandler())
    try:
        result = app(given, prog_name="underbudget", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.Exit as stop:
        return _fail("stopped", 130) if stop.exit_code == 130 else stop.exit_code  # typer's word for Ctrl-C
    except UnderbudgetError as error:
        if debug:
            raise
        return _fail(str(error), error.exit_code)
    except TyperException as error:
        if not error.format_message():
            return error.exit_code
        return _fail(f"{_with_value(error.format_message(), given)} (see underbudget COMMAND --help)", 2)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("stopped", 130)
    except Exception as error:
        if debug:
            raise
        return _fail(
            f"{type(error).__name__}: {error} (a fault of the program: run again with --debug and report it)", 1
        )


def _with_value(message: str, given: list[str]) -> str:
    """A usage error with the given value, which the parser leaves out."""
    match = re.match(r"Invalid value for '(--[a-z-]+)': Input should be (?:a valid )?(\w+)", message)
    if match is None:
        return message
    option, kind = match.groups()
    values = [word.partition("=")[2] for word in given if word.startswith(f"{option}=")]
    values += [after for word, after in itertools.pairwise(given) if word == option]
    words = {"integer": "a whole number", "number": "a number"}
    return f"{option} is {words.get(kind, kind)}" + (f", not {values[0]!r}" if values else "")


def _fail(message: str, code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code
