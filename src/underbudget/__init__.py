"""Search for the most accurate convolutional network under a hard resource budget.

    from underbudget import front, launch

    study = launch("fashion", dataset="digits", budget="params<8000", trials=30)
    front(study)                       # a DataFrame
    study.best.load()                  # the module in eval mode
    study.best.export("winner.py")     # one file that needs only torch

The names are imported at their first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from underbudget.version import __version__

if TYPE_CHECKING:
    from underbudget.models.errors import UnderbudgetError, UserError
    from underbudget.search.api import Study, Trial, best_holding, compare, front, launch, launch_repeats, open_study

__all__ = [
    "Study",
    "Trial",
    "UnderbudgetError",
    "UserError",
    "__version__",
    "best_holding",
    "compare",
    "front",
    "launch",
    "launch_repeats",
    "open_study",
]

_ERRORS = ("UnderbudgetError", "UserError")


def __getattr__(name: str) -> Any:
    """The public names, imported at their first use: `import underbudget` itself stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'underbudget' has no attribute {name!r}")
    return getattr(importlib.import_module(f"underbudget.{'models.errors' if name in _ERRORS else 'search.api'}"), name)


def __dir__() -> list[str]:
    """The public names only."""
    return __all__
