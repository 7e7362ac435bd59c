"""Arrays by name as examples: `x`, `y`, or a pair for each part, `x_train`, `y_train`, `x_val`, ...; also `groups`, and
`classes` with the names of the classes. What an .npz file holds, and what Python hands over."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.architecture import size_text
from underbudget.models.errors import UserError
from underbudget.search.data import pictures
from underbudget.search.data.array_labels import class_labels
from underbudget.search.data.examples import PART_NAMES, Examples, part_of
from underbudget.search.data.grouping import check_groups
from underbudget.search.data.layouts import SIGNALS, as_images, layout_of
from underbudget.search.data.store import PartName

_ROLES = {
    **dict.fromkeys(("x", "images", "image", "data"), "x"),
    **dict.fromkeys(("y", "labels", "label", "targets"), "y"),
    **dict.fromkeys(("groups", "group"), "groups"),
}
_BLOCK = 1024  # examples that are looked at together

Array = npt.NDArray[Any]
Place = tuple[str, PartName | None]


def place_of(name: str) -> Place | None:
    """What an array's name says: ("x", "y" or "groups", the part); None where it says neither."""
    words = name.lower().split("_")
    roles = [_ROLES[word] for word in words if word in _ROLES]
    parts = [part for word in words if (part := part_of(word))]
    if len(roles) != 1 or len(parts) > 1 or len(words) != 1 + len(parts):
        return None
    return roles[0], parts[0] if parts else None


def examples_of(arrays: Mapping[str, Array], layout: str | None, source: str) -> Examples:
    """The examples in arrays, whose names `place_of` reads; `classes` holds names. The images share the arrays' memory
    where they can.

    Raises UserError for names that make no pairs, lengths and shapes that do not agree, values and labels
    that are none.
    """
    places: dict[Place, str] = {}
    for name in arrays:
        if (place := place_of(name)) is not None:
            if place in places:
                raise UserError(f"{source} has both {places[place]} and {name}: leave one out")
            places[place] = name
    parts = [part for role, part in places if role == "x"]
    if not parts or (None in parts and len(parts) > 1):
        raise UserError(
            f"{source} has {', '.join(list(arrays)[:8]) or 'no arrays'}: it must have x and y, or "
            f"x_train, y_train and so on for the parts {', '.join(PART_NAMES)}"
        )
    parts = [part for part in (None, *dict.fromkeys(PART_NAMES.values())) if part in parts]
    names = [places["x", part] for part in parts]
    for part, name in zip(parts, names, strict=True):
        _check_lengths(arrays, places, part, name)
    read_as = [layout_of(name, arrays[name], layout) for name in names]
    if len({each in SIGNALS for each in read_as}) > 1:
        raise UserError(f"{source}: its parts look like {' and '.join(sorted(set(read_as)))}: say which by --layout")
    views = [as_images(arrays[name], each) for name, each in zip(names, read_as, strict=True)]
    shapes = {name: size_text(view.shape[1:]) for name, view in zip(names, views, strict=True)}
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise UserError(f"{source}: examples must have one shape (channels x height x width), not {found}")
    images, about = _values(dict(zip(names, views, strict=True)))
    labels, classes, notes = class_labels(
        {places["y", part]: arrays[places["y", part]] for part in parts}, arrays.get("classes"), source
    )
    lengths = [len(view) for view in views]
    counted = list(zip(parts, names, lengths, strict=True))
    unused = [name for name in arrays if name not in places.values() and name != "classes"]
    if unused:
        notes.append(f"the arrays {', '.join(unused[:5])} were left alone")
    return Examples(
        images,
        labels,
        classes,
        [f"{name}[{index}]" for _, name, length in counted for index in range(length)],
        _frontend(read_as[0], about, images.shape[1]),
        parts=None if parts == [None] else [part for part, _, length in counted if part for _ in range(length)],
        groups=_groups(arrays, places, counted, source),
        notes=(_how_read(names[0], arrays[names[0]], read_as[0], images, about), *notes),
    )


def _check_lengths(arrays: Mapping[str, Array], places: Mapping[Place, str], part: PartName | None, name: str) -> None:
    count = arrays[name].shape[0] if arrays[name].ndim else 0
    if not arrays[name].size:
        raise UserError(f"{name} has the shape {size_text(arrays[name].shape) or '()'}: it holds no examples")
    if ("y", part) not in places:
        raise UserError(f"{name} has no labels: there must be an array y{(part and '_' + part) or ''}, one per example")
    for role in ("y", "groups"):
        other = places.get((role, part))
        if other is not None and (arrays[other].shape or (0,))[0] != count:
            raise UserError(
                f"{other} has the shape {size_text(arrays[other].shape) or '()'} and {name} {count:,} examples: "
                "both must be of one length"
            )


def _groups(
    arrays: Mapping[str, Array], places: Mapping[Place, str], counted: list[tuple[Any, str, int]], source: str
) -> list[str] | None:
    if not any(role == "groups" for role, _ in places):
        return None
    found: list[str] = []
    for part, _, length in counted:
        name = places.get(("groups", part))
        found += [""] * length if name is None else [str(group) for group in arrays[name].reshape(length, -1)[:, 0]]
    return check_groups(found, f"groups of {source}", any(part is None for part, _, _ in counted))


def _values(views: Mapping[str, Array]) -> tuple[Array, str]:
    """The examples of all parts as uint8, or as float32 that is still to be made 8 bits; and what they were."""
    forms = {name: _form(name, view) for name, view in views.items()}
    form = forms.popitem()[1] if len(set(forms.values())) == 1 else "values"
    target = np.float32 if form == "values" else np.uint8
    converted = [view if view.dtype == target else _converted(view, form) for view in views.values()]
    return converted[0] if len(converted) == 1 else np.concatenate(converted), form


def _form(name: str, view: Array) -> str:
    """What the values of an array are: "bytes", whole numbers from 0 to 255 of any type; "bits"; "steps", of 1/255 from
    0 to 1, as bytes are that a library has scaled; or other "values".

    Raises UserError for values that are no real numbers, or not finite.
    """
    if view.dtype == np.uint8:
        return "bytes"
    if view.dtype.kind not in "biuf":
        raise UserError(f"{name} holds {view.dtype}: examples are numbers")
    if view.dtype.kind == "b":
        return "bits"
    bad, first, whole, steps = 0, -1, True, True
    low, high = np.inf, -np.inf
    for start, block in _blocks(view):
        with np.errstate(over="ignore"):
            found = block.astype(np.float32)
        finite = np.isfinite(found).reshape(len(found), -1).all(1)
        if not finite.all():
            bad += int((~finite).sum())
            first = start + int(finite.argmin()) if first < 0 else first
            continue
        low, high = min(low, float(found.min())), max(high, float(found.max()))
        whole = whole and bool((found == np.rint(found)).all())
        steps = steps and high <= 1 and bool((np.abs(found * 255 - np.rint(found * 255)) < 1e-3).all())
    if bad:
        raise UserError(
            f"{name} has NaN, infinity or a number beyond float32 in {bad:,} of {len(view):,} examples (the first is "
            f"{name}[{first}]): mend them or leave them out"
        )
    if low >= 0 and whole and high <= 255 and (view.dtype.kind != "f" or high > 1):
        return "bytes"
    return "steps" if low >= 0 and view.dtype.kind == "f" and steps else "values"


def _converted(view: Array, form: str) -> Array:
    result = np.empty(view.shape, np.float32 if form == "values" else np.uint8)
    for start, block in _blocks(view):
        if form == "steps":
            block = np.rint(block * np.float32(255))
        elif form == "bits":
            block = block.astype(np.uint8) * 255
        result[start : start + len(block)] = block
    return result


def _blocks(view: Array) -> Iterator[tuple[int, Array]]:
    for start in range(0, len(view), _BLOCK):
        yield start, view[start : start + _BLOCK]


def _frontend(layout: str, form: str, channels: int) -> dict[str, Any]:
    if layout in SIGNALS:
        return {"kind": "signal"}
    return dict(pictures.FRONTEND) if form != "values" and channels in (1, 3) else {"kind": "values"}


_FORMS: dict[str, Callable[[Array], str]] = {
    "bytes": lambda array: "" if array.dtype == np.uint8 else f"; {array.dtype} from 0 to 255, taken as bytes",
    "bits": lambda array: "; true is 255",
    "steps": lambda array: f"; {array.dtype} in steps of 1/255, taken as the bytes that they were",
    "values": lambda array: f"; {array.dtype}, kept as 8 bits with an offset and a scale per channel",
}


def _how_read(name: str, array: Array, layout: str, images: Array, form: str) -> str:
    _, channels, height, width = images.shape
    what = f"windows of {height} values" if layout in SIGNALS else f"images of {height}x{width}"
    return (
        f"{name} ({size_text(array.shape)}) is read as {layout}: {what}, {channels} channel{'s' * (channels > 1)}"
        f"{_FORMS[form](array)}; --layout says otherwise"
    )
