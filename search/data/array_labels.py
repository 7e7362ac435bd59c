"""The labels in arrays: whole numbers, texts, or one-hot rows. The classes are the labels found."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.architecture import size_text
from underbudget.models.errors import UserError
from underbudget.search.data.examples import labels_of

Array = npt.NDArray[Any]


def class_labels(
    arrays: Mapping[str, Array], names: Array | None, source: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...], list[str]]:
    """Labels (n,) of all arrays together, the classes, and notes.

    names: of the classes, by number. Raises UserError for labels that are no classes, and for fewer than two.
    """
    found = [_labels(name, array) for name, array in arrays.items()]
    if len({labels.dtype.kind == "U" for labels in found}) > 1:
        raise UserError(f"{source}: labels are numbers in one part and text in another: they must be alike")
    labels = np.concatenate(found)
    notes: list[str] = []
    if labels.dtype.kind == "U":
        numbers, classes = labels_of(labels.tolist(), source)
    else:
        values, numbers = np.unique(labels, return_inverse=True)
        labels_of([str(value) for value in values[:2].tolist()], source)  # for its error
        classes = tuple(str(value) for value in values.tolist())
        if names is not None:
            classes = _named(values, names, source)
        if values[-1] - values[0] >= len(values):
            shown = ", ".join(map(str, values[:12].tolist())) + ", ..." * (len(values) > 12)
            notes.append(f"the labels skip numbers: the classes are the {len(values)} that were found ({shown})")
    if 2 * len(classes) > len(labels):
        raise UserError(
            f"{source} has {len(classes):,} different labels for {len(labels):,} examples: "
            "a label is a class that several examples share"
        )
    return numbers.reshape(-1).astype(np.int64), classes, notes


def _named(values: Array, names: Array, source: str) -> tuple[str, ...]:
    texts = [_text(name) for name in names.reshape(-1).tolist()]
    if values[0] < 0 or values[-1] >= len(texts):
        raise UserError(
            f"{source}: classes has {len(texts)} names, the labels are from {values[0]} to {values[-1]}: it must name "
            "each of them, from 0 on"
        )
    if len(set(texts)) < len(texts):
        raise UserError(f"{source}: classes has a name twice: each must be another one")
    return tuple(texts[value] for value in values.tolist())


def _labels(name: str, array: Array) -> Array:
    """The labels of one array: int64 (n,) or texts (n,)."""
    if array.ndim == 2 and array.shape[1] > 1:
        is_number = array.dtype.kind in "biuf"
        if not is_number or not ((array == 0) | (array == 1)).all() or not (array.sum(1) == 1).all():
            raise UserError(
                f"{name} has the shape {size_text(array.shape)}: labels are one per example, or one-hot rows"
            )
        return np.asarray(array.argmax(1), np.int64)
    if array.ndim not in (1, 2):
        raise UserError(f"{name} has the shape {size_text(array.shape) or '()'}: labels are one per example")
    array = array.reshape(-1)
    if array.dtype.kind in "biu":
        if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
            raise UserError(f"{name} has the label {array.max()}: labels are whole numbers of 64 bits, or text")
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        odd = np.flatnonzero(~(np.abs(array) < 2**53) | (array != np.rint(array)))
        if len(odd):
            raise UserError(
                f"{name} has {array[odd[0]]} at {odd[0]}: labels are whole numbers or text, one for each class"
            )
        return array.astype(np.int64)
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and all(isinstance(one, str) for one in array.tolist())):
        return np.array([_text(one) for one in array.tolist()], dtype=np.str_)
    raise UserError(f"{name} holds {array.dtype}: labels are whole numbers or text")


def _text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
