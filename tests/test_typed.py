"""JSON values as types: what fits comes back equal, anything else is refused by the name of its place."""

import re
from dataclasses import dataclass, field
from typing import Any, TypedDict

import pytest

from underbudget.models.typed import typed


@dataclass(frozen=True)
class Inner:
    number: float
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    counts: dict[str, int]
    table: list[list[int]]
    extra: dict[str, Any] = field(default_factory=dict)
    maybe: int | None = None
    flag: bool = False


class Loose(TypedDict, total=False):
    name: str
    inner: Inner


WHOLE: dict[str, Any] = {
    "name": "a",
    "inner": {"number": 1, "words": ["x", "y"]},
    "counts": {"train": 5},
    "table": [[1, 2], [3]],
    "extra": {"any": [None, {}]},
    "maybe": None,
    "flag": True,
}


def test_what_fits_has_its_types() -> None:
    expected = Outer("a", Inner(1, ("x", "y")), {"train": 5}, [[1, 2], [3]], {"any": [None, {}]}, None, True)
    assert typed(Outer, WHOLE, "it") == expected
    least = {name: WHOLE[name] for name in ("name", "counts", "table")} | {"inner": {"number": 0.5}}
    assert typed(Outer, least, "it") == Outer("a", Inner(0.5), {"train": 5}, [[1, 2], [3]])
    assert typed(Loose, {"name": "b", "other": 3}, "it") == {"name": "b", "other": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 5}, "it.name is int, not str"),
        ({"inner": []}, "it.inner is list, not dict"),
        ({"inner": {}}, "it.inner lacks number"),
        ({"inner": {"number": "1"}}, "it.inner.number is str, not float"),
        ({"inner": {"number": True}}, "it.inner.number is bool, not float"),
        ({"inner": {"number": 10**400}}, "it.inner.number is int, not float"),
        ({"inner": {"number": 1, "words": [1]}}, "it.inner.words[0] is int, not str"),
        ({"counts": {"train": 1.5}}, "it.counts.train is float, not int"),
        ({"table": [[1], [None]]}, "it.table[1][0] is NoneType, not int"),
        ({"maybe": "x"}, "it.maybe is str, not int"),
        ({"flag": 1}, "it.flag is int, not bool"),
        ({"more": 1}, "it has the unknown field 'more'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_anything_else_is_refused_by_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        typed(Outer, {**WHOLE, **change}, "it")
    with pytest.raises(ValueError, match="it is list, not dict"):
        typed(Outer, [], "it")
