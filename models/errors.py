"""The errors that a person may see. Each message says the rule, the value and the way out, on one line."""


class UnderbudgetError(Exception):
    """Base of every error this program raises on purpose.

    `exit_code` is what the command line ends with: 1 for a failure that is not the user's.
    """

    exit_code = 1


class UserError(UnderbudgetError, ValueError):
    """A mistake in what the user gave: an option, a name, a file. Exit code 2."""

    exit_code = 2


class UnavailableError(UserError):
    """Something that this machine lacks (a package, a compiler) or that a format has no means for: others will do."""
