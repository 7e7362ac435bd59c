"""What kind of search a study is, but for its seed: two studies of one kind are two samples of one method."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from underbudget.reports.record import StudyRecord

# Of the settings: what differs between seeds, what is compared by itself, and what says the same as another.
_APART = frozenset(("record_version", "seed", "dataset", "space", "hypervolume_reference", "recipe"))
_DEFAULTS: dict[str, Any] = {"objective": "front", "minimize": "params", "tune": []}  # of studies made before these
_METHOD = ("sampler", "stopping", "first_rung", "reduction_factor")  # of a session: how it searched
_SURROUNDINGS = ("workers", "device", "hardware")  # of a session: they change the order and the time, not the method


def method(study: StudyRecord) -> dict[str, str]:
    """All that makes two studies searches of one kind, but for the seed: names and values for people."""
    settings = {**_DEFAULTS, **study.settings}
    found = {name.replace("_", " "): _word(value) for name, value in settings.items() if name not in _APART}
    if limits := study.stored.limits:
        found["budget"] = ", ".join(f"{limit.metric} at most {limit.largest:,}" for limit in limits)
    if recipe := study.stored.recipe:
        found["recipe"] = _word(recipe.get("name"))
        found |= {f"recipe: {name}": text for name, text in _flat(recipe).items() if name not in ("name", "epochs")}
    return found | {name.replace("_", " "): _sessions(study, name) for name in _METHOD}


def differences(groups: Sequence[Sequence[StudyRecord]]) -> list[tuple[str, tuple[str, ...]]]:
    """What differs between groups of studies of one kind each, and between the machines that they ran on: names, and
    the value of each group."""
    methods = [method(studies[0]) for studies in groups]
    names = list(dict.fromkeys(name for found in methods for name in found))
    if len({found.get("recipe") for found in methods}) > 1:
        names = [name for name in names if not name.startswith("recipe: ")]  # another name says it
    rows = [(name, tuple(found.get(name, "-") for found in methods)) for name in names]
    for name in _SURROUNDINGS:
        found = [dict.fromkeys(_sessions(study, name) for study in studies) for studies in groups]
        rows.append((name, tuple(" and ".join(values) for values in found)))
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _sessions(study: StudyRecord, name: str) -> str:
    """A value of a study's sessions, one after the other where it changed."""
    values = [_word(session.get(name)) for session in study.sessions]
    return ", then ".join(value for place, value in enumerate(values) if not place or value != values[place - 1]) or "-"


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, str]:
    result: dict[str, str] = {}
    for name, item in value.items():
        words = f"{before}{name}".replace("_", " ")
        result |= _flat(item, f"{words} ") if isinstance(item, Mapping) else {words: _word(item)}
    return result


def _word(value: Any) -> str:
    if value is None or value == []:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, default=str)
