"""JSON values from outside as what a type says: dataclasses, typed dictionaries, and all that is in them.

So that whatever reads them later may rely on their types, however a database or a file was changed.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, cast

_T = TypeVar("_T")


def typed(kind: type[_T], value: Any, name: str) -> _T:
    """The value as `kind`; lists become tuples where it says so, a typed dictionary keeps keys that are not its own.

    Raises ValueError, which says by `name` where it is something else.
    """
    return cast(_T, _typed(kind, value, name))


def _typed(kind: Any, value: Any, name: str) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        return _typed(next(one for one in inner if one is not type(None)), value, name)
    if origin in (list, tuple):
        items = [_typed(inner[0], one, f"{name}[{at}]") for at, one in enumerate(_of(list, value, name))]
        return items if origin is list else tuple(items)
    if origin is dict:
        return {key: _typed(inner[1], one, f"{name}.{key}") for key, one in _of(dict, value, name).items()}
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        return _fields(kind, _of(dict, value, name), name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e300:
        return value
    return _of(kind, value, name)


def _fields(kind: Any, value: Mapping[str, Any], name: str) -> Any:
    hints = typing.get_type_hints(kind)
    if typing.is_typeddict(kind):
        return {**value, **{key: _typed(hints[key], value[key], f"{name}.{key}") for key in hints if key in value}}
    needed = [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing := [key for key in needed if key not in value]:
        raise ValueError(f"{name} lacks {missing[0]}")
    if unknown := [key for key in value if key not in hints]:
        raise ValueError(f"{name} has the unknown field {unknown[0][:40]!r}")
    return kind(**{key: _typed(hints[key], one, f"{name}.{key}") for key, one in value.items()})


def _of(kind: type, value: Any, name: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name} is {type(value).__name__}, not {kind.__name__}")
    return value
