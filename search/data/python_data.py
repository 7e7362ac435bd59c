"""Data from Python as named arrays: (x, y), a mapping of parts or arrays, or a map-style data set of torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from underbudget.models.errors import UserError
from underbudget.search.data.arrays import Array, place_of
from underbudget.search.data.examples import part_of


def arrays_of(data: object) -> dict[str, Array]:
    """The arrays in what a user gives as a data set, by names that `arrays.examples_of` reads.

    data: a pair (x, y); a map-style data set, whose items are pairs; a mapping from names of parts to those; or a
    mapping from the names of an .npz file to arrays. Arrays are NumPy's or whatever it can read, or tensors.
    Raises UserError for anything else.
    """
    if not isinstance(data, Mapping):
        return _of_part(data, "")
    found: dict[str, Array] = {}
    for name, value in data.items():
        if part_of(str(name)) is not None:
            found = _of_part(value, f"_{name}") | found
        elif place_of(str(name)) is not None or name == "classes":
            found[str(name)] = _array(value, str(name))
        else:
            raise UserError(f"dataset has {name!r}: its names are train, validation, test, or x, y, x_train and so on")
    return found


def _of_part(value: object, ending: str) -> dict[str, Array]:
    names = f"x{ending}", f"y{ending}"
    if isinstance(value, tuple | list) and len(value) == 2:
        return {name: _array(array, name) for name, array in zip(names, value, strict=True)}
    is_array = isinstance(value, str | bytes | tuple | list | np.ndarray) or hasattr(value, "numpy")
    if is_array or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        raise UserError(
            f"dataset is a name, a path or, from Python, (x, y), a mapping of parts to those, or a map-style data set "
            f"with __len__ and __getitem__ (of a loader its .dataset), not {type(value).__name__}"
        )
    return _of_items(value, *names)


def _of_items(items: Any, x: str, y: str) -> dict[str, Array]:
    """Every item of a map-style data set: its first value is the example, its second the label."""
    count, examples, labels = len(items), np.empty(0), []
    for index in range(count):
        item = items[index]
        if not isinstance(item, tuple | list) or len(item) < 2:
            raise UserError(f"item {index} of the data set is {type(item).__name__}: items are (example, label)")
        example = _array(item[0], f"item {index}")
        if index == 0:
            examples = np.empty((count, *example.shape), example.dtype)
        elif example.shape != examples.shape[1:]:
            raise UserError(
                f"item {index} has the shape {example.shape}, item 0 {examples.shape[1:]}: bring all to one size, "
                "by the data set's transform"
            )
        examples[index] = example
        labels.append(item[1] if isinstance(item[1], str) else _array(item[1], f"the label of item {index}")[()])
    found = {x: examples, y: _array(labels, y)}
    if (names := _class_names(items)) is not None and found[y].dtype.kind in "iu" and found[y].ndim == 1:
        found |= {"classes": np.array(names)} if found[y].min() >= 0 and found[y].max() < len(names) else {}
    return found


def _class_names(items: Any) -> list[str] | None:
    """The names of the classes that a data set, or the one that it is a part of, says."""
    while items is not None:
        names = getattr(items, "classes", None)
        if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
            return list(names)
        items = getattr(items, "dataset", None)
    return None


def _array(value: Any, name: str) -> Array:
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    elif hasattr(value, "convert") and hasattr(value, "mode"):  # a picture of Pillow
        grey = value.mode in ("L", "1") or value.mode[0] in "IF"
        value = value.convert("L") if value.mode == "1" else value if grey else value.convert("RGB")
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{name} is no array ({' '.join(str(error).split())[:120]}): give one of one shape") from error
