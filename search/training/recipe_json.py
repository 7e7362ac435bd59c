"""A recipe as a plain JSON object, and back."""

import dataclasses
import difflib
import typing
from collections.abc import Callable
from typing import Any

from underbudget.models.errors import UserError
from underbudget.search.training.recipe_parts import Affine, Augmentation, Erasing, Jitter, Perspective, Recipe, check
from underbudget.search.training.schedule import SCHEDULES

# Fields that the first records did not have. At their defaults they are left out, so that equal recipes have equal
# records whatever version wrote them.
_LATER = frozenset({"beta2", "label_smoothing", "ema", "perspective", "jitter", "erasing", "length"})


def to_json(recipe: Recipe) -> dict[str, Any]:
    """A plain JSON object; `from_json` reads it back to an equal recipe."""
    value: dict[str, Any] = _plain(recipe)
    return value


def from_json(value: dict[str, Any]) -> Recipe:
    """Read what `to_json` wrote. Fields that are left out have their defaults.

    Raises UserError for an unknown key, a missing name, an unknown schedule, or a value out of range.
    """
    given = dict(value)
    schedule = _table(given.pop("schedule", {"kind": "constant"}), "schedule")
    kind = schedule.get("kind")
    if kind not in SCHEDULES:
        raise UserError(f"recipe: unknown schedule {kind!r}, known: {', '.join(SCHEDULES)}")
    given["schedule"] = _fill(SCHEDULES[kind], schedule, f"{kind} schedule")
    given["augmentation"] = _augmentation(_table(given.pop("augmentation", {}), "augmentation"))
    if "name" not in given:
        raise UserError("recipe: the key 'name' is missing")
    result: Recipe = _fill(Recipe, given, "recipe")
    check(result)
    return result


def _augmentation(value: dict[str, Any]) -> Augmentation:
    warps = value.pop("warps", [])
    if not isinstance(warps, list | tuple):
        raise UserError(f"recipe: warps must be a list, not {warps!r}")
    value["warps"] = tuple(_fill(Affine, _table(warp, "warp"), "warp") for warp in warps)
    for name, kind in (("perspective", Perspective), ("jitter", Jitter), ("erasing", Erasing)):
        if value.get(name) is not None:
            value[name] = _fill(kind, _table(value[name], name), name)
    result: Augmentation = _fill(Augmentation, value, "augmentation")
    return result


def _table(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"recipe: {what} must be a table of keys and values, not {value!r}")
    return dict(value)


def _fill(kind: type[Any], value: dict[str, Any], what: str) -> Any:
    """`kind(**value)` with lists made tuples; a key that is unknown or a value of another type is named."""
    hints = typing.get_type_hints(kind)
    for key, item in value.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, 1, 0.5)
            hint = f", did you mean {near[0]}?" if near else f", known: {', '.join(hints)}"
            raise UserError(f"{what}: unknown key {key!r}{hint}")
        if hints[key] in _FORMS and not _FORMS[hints[key]][1](item):
            raise UserError(f"{what}: {key} must be {_FORMS[hints[key]][0]}, not {item!r}")
    return kind(**{key: tuple(item) if isinstance(item, list) else item for key, item in value.items()})


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)


# type of a field -> what to call it, whether a JSON value is one
_FORMS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("text", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", _is_whole),
    int | None: ("a whole number", lambda value: value is None or _is_whole(value)),
    float: ("a number", _is_number),
    tuple[float, float]: (
        "two numbers",
        lambda value: isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)),
    ),
}


def _plain(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists, as JSON has them."""
    if dataclasses.is_dataclass(value):
        items = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
        return {name: _plain(item) for name, (item, default) in items.items() if name not in _LATER or item != default}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
