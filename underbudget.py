"""The public face of the program: the command `underbudget` starts here, and `import underbudget` gives its parts.

    from underbudget import front, launch

    study = launch("fashion", dataset="digits", budget="params<8000", trials=30)
    front(study)                       # a DataFrame
    study.best.load()                  # the module in eval mode
    study.best.export("winner.py")     # one file that needs only torch

The names are imported at their first use.
"""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.errors import UnderbudgetError, UserError
    from search.api import Study, Trial, best_holding, compare, front, launch, launch_repeats, open_study

__version__ = "0.1.0"

__all__ = [
    "Study",
    "Trial",
    "UnderbudgetError",
    "UserError",
    "best_holding",
    "compare",
    "front",
    "launch",
    "launch_repeats",
    "open_study",
]

_ERRORS = ("UnderbudgetError", "UserError")

PACKAGES = ("models", "budget", "reports", "search")


class ShadowedError(ImportError):
    """Another package stands where one of ours should be found."""


def check_not_shadowed() -> None:
    """Raise ShadowedError when another package or file of the same name is found before one of PACKAGES.

    Their names are general ones: a `models.py` in the working folder, on PYTHONPATH or of another distribution would
    otherwise be imported instead, and fail far from the cause. Imports none of them.
    """
    root = Path(__file__).resolve().parent
    for name in PACKAGES:
        try:
            spec = importlib.util.find_spec(name)
        except ValueError:  # imported already, by something that set no spec
            spec = None
        places = [] if spec is None else list(spec.submodule_search_locations or [spec.origin or "nothing"])
        if not any(Path(place).resolve() == root / name for place in places):
            found = places[0] if places else "nothing"
            raise ShadowedError(
                f"underbudget needs its own package {name!r} of {root}, but Python finds {found} first: rename or "
                "remove that, start from another folder, or install underbudget into an environment of its own"
            )


def __getattr__(name: str) -> Any:
    """The public names, imported at their first use: `import underbudget` itself stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'underbudget' has no attribute {name!r}")
    check_not_shadowed()
    return getattr(importlib.import_module("models.errors" if name in _ERRORS else "search.api"), name)


def __dir__() -> list[str]:
    """The public names only."""
    return ["__version__", *__all__]


def main() -> int:
    """The command line; returns the exit code."""
    try:
        check_not_shadowed()
    except ShadowedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    try:
        from search.commands.main import run

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
