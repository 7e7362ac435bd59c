"""Brings figures, notes and files of a study to Optuna Dashboard: what changed, and only that, in one transaction.

optuna_dashboard's own functions write the figures and the study's note, into a copy in memory of the study's
attributes; where the copy then differs, the study is changed at once, so that a browser never gets half a figure. These
functions know no finished trials and take nothing away. That is done here, and only this file relies on formats that
optuna-dashboard 0.21 and Optuna 5 keep to themselves (tests/test_dashboard.py fails where they change):

    dashboard:ID:note_str:0, :1, ...   the note of the trial with this id, in pieces of 2,045 characters; `_note.py`
    dashboard:ID:note_ver              its version, one more with each change; without "ID:" both are the study's
    dashboard:artifacts:ID:IDENTITY    a file of the trial, "null" once a person deleted it; `artifact/_backend.py`
    study_system_attributes            the table of all these, values as JSON; `optuna/storages/_rdb/models.py`
"""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from underbudget.reports.optuna_logging import quiet_optuna
from underbudget.reports.storage_url import connected, sqlite_file

if TYPE_CHECKING:
    import sqlalchemy

# An attribute of ours: {"notes": {trial or _STUDY: digest}, "files": {trial: identities}}
MEMORY = "underbudget:dashboard"
_STUDY = "study"
_TABLE = "study_system_attributes"
_PIECE = 2045  # characters


@dataclass(frozen=True)
class File:
    """A file of a trial in the artifact store."""

    identity: str  # its name in the store: hexadecimal digits and hyphens
    filename: str
    mimetype: str


@dataclass(frozen=True)
class DashboardContent:
    """What the dashboard is to show of a study. Trials by number."""

    figures: Mapping[str, dict[str, Any]]  # Plotly figures by valid HTML ids
    study_note: str  # Markdown, as the others; "" for none
    trial_notes: Mapping[int, str]
    files: Mapping[int, Sequence[File]] | None = None  # None: files stay as they are


def store(url: str, name: str, content: DashboardContent, patience: float) -> list[str]:
    """Write `content` into the study `name` of a storage; returns the identities of files that no trial has any more.

    A note that a person edited in the dashboard stays, a file that a person deleted there stays away. Notes and files
    of trials that `content` does not name are taken away. `patience`: seconds to wait for a locked SQLite file.

    Raises sqlalchemy.exc.SQLAlchemyError where the database can't be written, KeyError where it has no such study or
    trial.
    """
    import optuna
    import optuna_dashboard
    import plotly.graph_objects as go

    options: dict[str, Any] = {}
    if file := sqlite_file(url):  # it is waited for, and never made
        address = f"{file.resolve().as_uri()}?mode=rw"
        options["creator"] = lambda: sqlite3.connect(address, uri=True, timeout=patience)
    with quiet_optuna(), connected(url, **options) as connection, connection.begin():
        study_id, stored, ids = _read(connection, name)
        storage = optuna.storages.InMemoryStorage()
        draft = optuna.create_study(storage=storage)
        draft_id = storage.get_study_id_from_name(draft.study_name)
        for key, value in stored.items():
            storage.set_study_system_attr(draft_id, key, value)

        memory = {"notes": {}, "files": {}} | (stored.get(MEMORY) or {})
        bodies = {_STUDY: content.study_note, **{str(number): body for number, body in content.trial_notes.items()}}
        texts = {whose: _note(stored, ids[whose]) for whose in {**memory["notes"], **bodies} if whose != _STUDY}
        changed, notes = _changed_notes(bodies, texts | {_STUDY: optuna_dashboard.get_note(draft)}, memory["notes"])

        for identity, figure in content.figures.items():
            optuna_dashboard.save_plotly_graph_object(draft, go.Figure(figure), graph_object_id=identity)
        if _STUDY in changed:
            optuna_dashboard.save_note(draft, changed.pop(_STUDY))
        shown = storage.get_study_system_attrs(draft_id)
        for key in [key for key, value in shown.items() if value == "" and stored.get(key) != ""]:
            del shown[key]  # what remains of a text that became shorter
        for whose, body in changed.items():
            _set_note(shown, ids[whose], body)
        files, dropped = memory["files"], list[str]()
        if content.files is not None:
            files, dropped = _set_files(shown, content.files, memory["files"], ids)
        shown[MEMORY] = {"notes": notes, "files": files}
        _write(connection, study_id, stored, shown)
    return dropped


def _changed_notes(
    bodies: Mapping[str, str], texts: Mapping[str, str], memory: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The notes to write over `texts`, "" for one to take away, and the memory of those that are ours."""
    changed, kept = {}, {}
    for whose, text in texts.items():
        if (_digest(text) if text else None) != memory.get(whose):
            if whose in memory:
                kept[whose] = memory[whose]  # a person has edited it: it stays
            continue
        body = bodies.get(whose, "")
        if body:
            kept[whose] = _digest(body)
        if body != text:
            changed[whose] = body
    return changed, kept


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _note(stored: Mapping[str, Any], trial_id: int) -> str:
    prefix = f"dashboard:{trial_id}:note_str:"
    pieces = {int(key[len(prefix) :]): text for key, text in stored.items() if key.startswith(prefix)}
    return "".join(pieces[index] for index in sorted(pieces))


def _set_note(shown: dict[str, Any], trial_id: int, body: str) -> None:
    text, counter = f"dashboard:{trial_id}:note_str:", f"dashboard:{trial_id}:note_ver"
    version = shown.pop(counter, 0) + 1
    for key in [key for key in shown if key.startswith(text)]:
        del shown[key]
    if body:
        shown[counter] = version
        shown |= {f"{text}{at // _PIECE}": body[at : at + _PIECE] for at in range(0, len(body), _PIECE)}


def _set_files(
    shown: dict[str, Any], wanted: Mapping[int, Sequence[File]], memory: Mapping[str, list[str]], ids: Mapping[str, int]
) -> tuple[dict[str, list[str]], list[str]]:
    """Enter the files; the memory of those that are ours, and the identities of those taken away."""
    kept = {str(number): [file.identity for file in files] for number, files in wanted.items() if files}
    for number, files in wanted.items():
        for file in files:
            key = f"dashboard:artifacts:{ids[str(number)]}:{file.identity}"
            meta = {"artifact_id": file.identity, "filename": file.filename, "mimetype": file.mimetype}
            if shown.get(key) != "null":
                shown[key] = json.dumps({**meta, "encoding": None})
    dropped = [(whose, identity) for whose, files in memory.items() for identity in {*files} - {*kept.get(whose, ())}]
    for whose, identity in dropped:
        shown.pop(f"dashboard:artifacts:{ids[whose]}:{identity}", None)
    return kept, sorted(identity for _, identity in dropped)


def _read(connection: "sqlalchemy.Connection", name: str) -> tuple[int, dict[str, Any], dict[str, int]]:
    """Optuna's id of a study, its system attributes, and Optuna's ids of its trials by their numbers."""
    from sqlalchemy import text

    study_id = connection.scalar(text("SELECT study_id FROM studies WHERE study_name = :name"), {"name": name})
    if study_id is None:
        raise KeyError(f"no study {name!r}")
    here = {"study_id": study_id}
    rows = connection.execute(text(f"SELECT key, value_json FROM {_TABLE} WHERE study_id = :study_id"), here)
    ids = connection.execute(text("SELECT number, trial_id FROM trials WHERE study_id = :study_id"), here)
    return study_id, {key: json.loads(value) for key, value in rows}, {str(number): id_ for number, id_ in ids}


def _write(connection: "sqlalchemy.Connection", study_id: int, stored: dict[str, Any], shown: dict[str, Any]) -> None:
    """Make the system attributes of a study those of `shown`; touches those that differ."""
    from sqlalchemy import text

    missing = object()
    changed = [key for key in stored | shown if stored.get(key, missing) != shown.get(key, missing)]
    rows = [{"study_id": study_id, "key": key, "value": json.dumps(shown.get(key))} for key in changed]
    new = [row for row in rows if row["key"] in shown]
    if rows:
        connection.execute(text(f"DELETE FROM {_TABLE} WHERE study_id = :study_id AND key = :key"), rows)
    if new:
        values = "(:study_id, :key, :value)"
        connection.execute(text(f"INSERT INTO {_TABLE} (study_id, key, value_json) VALUES {values}"), new)
