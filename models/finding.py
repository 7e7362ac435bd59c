"""A network by what a person calls it: a reference's name or a layer text."""

from underbudget.models.architecture import Architecture
from underbudget.models.language import LayerTextError, parse
from underbudget.models.references import REFERENCES, reference


def find_network(what: str) -> tuple[str | None, Architecture]:
    """A reference's (name, architecture), or (None, architecture) of a layer text.

    Raises UserError: for a single word that is neither, with the nearest reference; else with the place in the text.
    """
    if what in REFERENCES:
        return what, reference(what).architecture
    try:
        return None, parse(what)
    except LayerTextError:
        if what.strip() and not any(character in what.strip() for character in "(| "):
            return what, reference(what).architecture
        raise
