"""Published MNIST networks and the best published results below 10,000 parameters.

The figures are as published: one run each, best epoch, the test set served as validation. They are conditions to
reproduce and points to compare with, not measurements of this program.
"""

import csv
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from underbudget.models.architecture import Architecture
from underbudget.models.errors import UserError, nearest, quoted
from underbudget.models.language import LayerTextError, parse

INPUT_SHAPE = (1, 28, 28)  # of every reference: one MNIST image
CLASSES = 10


_READ: Mapping[object, Callable[[str], object]] = {
    str: str,
    int: int,
    float: float,
    float | None: lambda text: float(text) if text else None,
}  # type of a field -> its value from the text of a table


@dataclass(frozen=True)
class Reference:
    """A published network with its published figures."""

    name: str
    source: str  # repository and model
    published_params: int
    best_train_pct: float | None  # running accuracy in the best epoch, train mode, augmentation on; percent
    best_test_pct: float | None  # percent, best epoch
    epochs: int
    recipe: str  # name of a training recipe
    layers_text: str  # as published; `architecture` is what it says

    @functools.cached_property
    def architecture(self) -> Architecture:
        """The network, in the layer language; parsed at the first use, so that a list of names costs nothing."""
        return parse(self.layers_text)


@dataclass(frozen=True)
class PublishedPoint:
    """A published result: one run, accuracies in percent on the test set, None where it was not published."""

    params: int
    epochs: int
    best: float  # best epoch
    last: float | None  # last epoch
    mean_last5: float | None  # mean of the last five epochs
    source: str  # repository


REFERENCES: Mapping[str, Reference]  # by name, in the order of the collections; read at the first use
RECORDS: tuple[PublishedPoint, ...]  # by parameters, ascending; read at the first use


def __getattr__(name: str) -> object:
    if name == "REFERENCES":
        return _references()
    if name == "RECORDS":
        return _records()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def reference(name: str) -> Reference:
    """The reference of that name. Raises UserError, offering the nearest name, where there is none."""
    known = _references()
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else "see the names with: underbudget references"
    raise UserError(f"there is no reference {quoted(name)}: {hint}")


def find_network(what: str) -> tuple[str | None, Architecture]:
    """A reference's (name, architecture), or (None, architecture) of a layer text.

    Raises UserError: for a single word that is neither, with the nearest reference; else with the place in the text.
    """
    if what in _references():
        return what, reference(what).architecture
    try:
        return None, parse(what)
    except LayerTextError:
        if what.strip() and not any(character in what.strip() for character in "(| "):
            return what, reference(what).architecture
        raise


@functools.cache
def _references() -> Mapping[str, Reference]:
    references = [Reference(**row) for row in _rows("references.tsv", Reference)]
    return MappingProxyType({reference.name: reference for reference in references})


@functools.cache
def _records() -> tuple[PublishedPoint, ...]:
    return tuple(PublishedPoint(**row) for row in _rows("records.tsv", PublishedPoint))


def _rows(file: str, kind: type[Reference | PublishedPoint]) -> Iterator[dict[str, Any]]:
    """The lines of a table whose columns are the fields of `kind`."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    types = {field.name: field.type for field in fields(kind)}
    for row in csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        yield {name: _READ[types[name]](value) for name, value in row.items()}
