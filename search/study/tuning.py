"""Recipe search: what `--tune` adds to what a trial samples, and the recipe that follows.

Off by default: with one recipe for all trials, only networks are compared.
"""

from collections.abc import Mapping
from typing import Any

from underbudget.models.errors import UserError
from underbudget.search.space.dimensions import Choice, LogReal, Real, Sampled
from underbudget.search.training import tuning
from underbudget.search.training.recipe import Recipe

IN_SPACE = "dropout"  # a dimension of every space: accepted as a word, and always searched
WORDS = (*tuning.TUNABLE, IN_SPACE)
_STEPS = 20  # of a linear range


def parse(text: str | list[str]) -> tuple[str, ...]:
    """The parts of the recipe that are to be tuned, each once, in the order of WORDS, without IN_SPACE.

    Raises UserError for an unknown one.
    """
    words = [word.strip() for part in ([text] if isinstance(text, str) else text) for word in str(part).split(",")]
    for word in words:
        if word not in WORDS:
            raise UserError(f"--tune takes {', '.join(WORDS)}, separated by commas, not {word[:40]!r}")
    return tuple(word for word in tuning.TUNABLE if word in words)


def dimensions(tune: tuple[str, ...]) -> tuple[Sampled, ...]:
    """What a trial samples for these parts of the recipe."""
    return tuple(_dimension(name) for name in tune)


def _dimension(name: str) -> Sampled:
    match tuning.TUNABLE[name]:
        case tuning.Values(options):
            return Choice(name, tuple(str(option) for option in options))
        case tuning.Range(low, high, log):
            return LogReal(name, low, high) if log else Real(name, low, high, round((high - low) / _STEPS, 10))


def tuned(recipe: Recipe, tune: tuple[str, ...], params: Mapping[str, Any]) -> Recipe:
    """The recipe with a trial's values in place."""
    values = {name: _value(name, params[name]) for name in tune}
    return tuning.tuned(recipe, values) if values else recipe


def _value(name: str, sampled: Any) -> Any:
    """A sampled value in the type that the recipe takes: choices are sampled as text."""
    part = tuning.TUNABLE[name]
    if isinstance(part, tuning.Values):
        return next(option for option in part.options if str(option) == sampled)
    return sampled
