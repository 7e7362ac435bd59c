"""A recipe as plain JSON, as every trial's record stores it."""

import dataclasses
import typing
from collections.abc import Callable
from typing import Any

from underbudget.models.errors import UserError, nearest
from underbudget.search.training.recipe import Recipe, check
from underbudget.search.training.schedule import SCHEDULES, Schedule

# Fields that the first records did not have. At their defaults they are left out, so that equal recipes have equal
# records whatever version wrote them.
_LATER = {
    *("beta2", "label_smoothing", "ema", "class_weights", "metric", "perspective", "jitter", "erasing", "length"),
    *("translation_y", "mirror", "masks", "fill"),
    "name",  # an augmentation's; a recipe's has no default
}


def to_json(recipe: Recipe) -> dict[str, Any]:
    """A plain JSON object; `from_json` reads it back to an equal recipe."""
    return typing.cast(dict[str, Any], _plain(recipe))


def _plain(value: Any) -> Any:
    """Dataclasses as objects, tuples as lists, as JSON has them."""
    if dataclasses.is_dataclass(value):
        items = {field.name: (getattr(value, field.name), field.default) for field in dataclasses.fields(value)}
        return {name: _plain(item) for name, (item, default) in items.items() if name not in _LATER or item != default}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def from_json(value: dict[str, Any]) -> Recipe:
    """Read what `to_json` wrote. Fields that are left out have their defaults.

    Raises UserError for an unknown key, a missing name, an unknown schedule, or a value out of range.
    """
    if "name" not in value:
        raise UserError("recipe: the key 'name' is missing")
    result: Recipe = _read(Recipe, value, "recipe", "")
    check(result)
    return result


def _read(kind: Any, value: Any, name: str, owner: str) -> Any:
    """A JSON value as the type `kind` of the field `name`; a mistake is named with the object that has the field."""
    parts = typing.get_args(kind)
    if kind in _FORMS:
        form, fits = _FORMS[kind]
        if not fits(value):
            raise UserError(f"{owner}: {name} must be {form}, not {value!r}")
        return tuple(value) if isinstance(value, list) else value
    if type(None) in parts:
        return None if value is None else _read(parts[0], value, name, owner)
    if Ellipsis in parts:
        if not isinstance(value, list | tuple):
            raise UserError(f"recipe: {name} must be a list, not {value!r}")
        return tuple(_read(parts[0], item, name.removesuffix("s"), owner) for item in value)
    if not isinstance(value, dict):
        raise UserError(f"recipe: {name} must be a table of keys and values, not {value!r}")
    if kind == Schedule:
        if value.get("kind") not in SCHEDULES:
            raise UserError(f"recipe: unknown schedule {value.get('kind')!r}, known: {', '.join(SCHEDULES)}")
        kind, name = SCHEDULES[value["kind"]], f"{value['kind']} schedule"
    hints = typing.get_type_hints(kind)
    for key in value:
        if key not in hints:
            near = nearest(key, hints)
            hint = f", did you mean {near}?" if near else f", known: {', '.join(hints)}"
            raise UserError(f"{name}: unknown key {key!r}{hint}")
    return kind(**{key: _read(hints[key], item, key, name) for key, item in value.items()})


def _is_number(value: object, kind: Any = int | float) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


# type of a field -> what to call it, whether a JSON value is one
_FORMS: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("text", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: _is_number(value, int)),
    int | None: ("a whole number", lambda value: value is None or _is_number(value, int)),
    float: ("a number", _is_number),
    float | None: ("a number", lambda value: value is None or _is_number(value)),
    tuple[float, float]: (
        "two numbers",
        lambda value: isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)),
    ),
}
