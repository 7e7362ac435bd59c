"""How notes, figures and files lie in a study's system attributes, where Optuna Dashboard looks for them.

The format is that of optuna-dashboard 0.21 (`_note.py`, `_custom_plot_data.py`, `artifact/_backend.py`), which reads
what is written here (tests/test_dashboard.py). Its own functions are not called for two reasons: importing the package
takes a search 120 MB more, and they store a text in chunks of a transaction each, so that a browser that asks in
between gets half a figure.

An addition is a group of attributes with one prefix or key, replaced as a whole.
"""

import json
from dataclasses import dataclass
from typing import Any

CHUNK = 2045  # characters of one attribute, as in optuna_dashboard


@dataclass(frozen=True)
class Addition:
    """A note, figure or file: `keys` that it owns (names, and a prefix for numbered ones) and what they shall hold."""

    values: dict[str, Any]  # attribute -> JSON value; empty: none of its attributes shall be there
    prefix: str  # of its numbered attributes, or the name of its only one
    names: tuple[str, ...] = ()  # attributes beside those

    def owns(self, key: str) -> bool:
        """Whether a stored attribute belongs to it."""
        return key in self.names or (key.startswith(self.prefix) and key[len(self.prefix) :].isdigit())

    def text(self, stored: dict[str, Any]) -> str:
        """The text that is stored in numbered attributes; "" where there is none."""
        count = sum(key.startswith(self.prefix) and key[len(self.prefix) :].isdigit() for key in stored)
        return "".join(str(stored.get(f"{self.prefix}{index}", "")) for index in range(count))


def figure(name: str, content: dict[str, Any] | None) -> Addition:
    """A Plotly figure on the study's page; `name` is a valid HTML id. None takes it away."""
    prefix = f"dashboard:plot_data:{name}:"
    if content is None:
        return Addition({}, prefix)
    return Addition(_chunks(prefix, json.dumps(content, allow_nan=False, separators=(",", ":"))), prefix)


def note(trial_id: int | None, body: str, version: int = 1) -> Addition:
    """The note of a trial, or of the study, in Markdown; "" takes it away. `version` rises with each change, so that
    the dashboard refuses a person's edit of an older one."""
    whose = "" if trial_id is None else f"{trial_id}:"
    prefix, counter = f"dashboard:{whose}note_str:", f"dashboard:{whose}note_ver"
    values = {counter: version, **_chunks(prefix, body)} if body else {}
    return Addition(values, prefix, (counter,))


def file(trial_id: int, identity: str, filename: str, mimetype: str) -> Addition:
    """A file of a finished trial: an attribute of the study, since a finished trial takes no more."""
    key = f"dashboard:artifacts:{trial_id}:{identity}"
    meta = {"artifact_id": identity, "filename": filename, "mimetype": mimetype, "encoding": None}
    return Addition({key: json.dumps(meta)}, key, (key,))


def _chunks(prefix: str, text: str) -> dict[str, Any]:
    return {f"{prefix}{start // CHUNK}": text[start : start + CHUNK] for start in range(0, len(text), CHUNK)}
