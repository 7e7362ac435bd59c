"""The errors that a person may see, and parts of their messages. Each message says the rule, the value and the way out,
on one line."""

import difflib
from collections.abc import Iterable


class UnderbudgetError(Exception):
    """Base of every error this program raises on purpose; the command line ends with its `exit_code`."""

    exit_code = 1  # a failure that is not the user's


class UserError(UnderbudgetError, ValueError):
    """A mistake in what the user gave: an option, a name, a file. Exit code 2."""

    exit_code = 2


class UnavailableError(UserError):
    """This machine lacks something (a package, a compiler), or a format cannot express a network: others will do."""


def quoted(text: str, most: int = 40) -> str:
    """A user's text in quotes on one line, cut to `most` characters."""
    return repr(text if len(text) <= most else text[: most - 3] + "...")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a mistyped one probably means, None where none is near."""
    return next(iter(difflib.get_close_matches(name.strip().lower(), list(known), 1, 0.5)), None)
