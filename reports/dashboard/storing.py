"""Brings the additions of a study up to date in its database: what changed, and only that, in one transaction."""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from underbudget.reports.dashboard import attributes
from underbudget.reports.dashboard.attributes import Addition
from underbudget.reports.storage_url import parse_url, sqlite_file

if TYPE_CHECKING:
    import sqlalchemy

MEMORY = "underbudget:dashboard"  # system attribute of the study: what was written, {"notes": {...}, "files": {...}}
_STUDY = "study"  # the key of the study's own note there


@dataclass(frozen=True)
class File:
    """A file of a trial in the artifact store."""

    identity: str  # its name in the store: hexadecimal digits and hyphens
    filename: str
    mimetype: str


@dataclass(frozen=True)
class DashboardContent:
    """What a study shall bring to the dashboard. Trials by number."""

    figures: Mapping[str, dict[str, Any] | None]  # None: not there
    study_note: str
    trial_notes: Mapping[int, str]
    files: Mapping[int, Sequence[File]] | None = None  # None: files stay as they are


@dataclass(frozen=True)
class Stored:
    """What an update came to."""

    changed: int  # attributes written or taken away
    dropped: tuple[str, ...]  # identities of files that no trial has any more
    study_id: int  # Optuna's, as in the dashboard's addresses


def store(url: str, name: str, wanted: DashboardContent, patience: float) -> Stored:
    """Write `wanted` into the study `name` of a storage; what is there already is not written again.

    A note that a person has changed in the dashboard stays as it is, and a file that a person took away stays away.
    Notes and files of trials that are not wanted any more are taken away. `patience`: seconds that a locked SQLite file
    is waited for.

    Raises sqlalchemy.exc.SQLAlchemyError where the database can't be written, KeyError where it has no such study or
    trial.
    """
    import sqlalchemy as sa

    with _connected(url, patience) as connection:
        study_id = _study_id(connection, name)
        numbers = {*wanted.trial_notes, *(wanted.files or {})}
        table = sa.table("study_system_attributes", *map(sa.column, ("study_id", "key", "value_json")))
        rows = connection.execute(sa.select(table.c.key, table.c.value_json).where(table.c.study_id == study_id)).all()
        stored = {key: json.loads(text) for key, text in rows}
        memory: dict[str, dict[str, Any]] = {"notes": {}, "files": {}, **(stored.get(MEMORY) or {})}
        numbers |= {int(number) for kind in memory.values() for number in kind if number != _STUDY}
        trials = _trial_ids(connection, study_id, sorted(numbers))

        additions = [attributes.figure(id_, content) for id_, content in wanted.figures.items()]
        bodies = {_STUDY: wanted.study_note, **{str(number): text for number, text in wanted.trial_notes.items()}}
        notes, kept_notes = _notes(bodies, memory["notes"], trials, stored)
        files, kept_files, dropped = _files(wanted.files, memory["files"], trials, stored)
        additions += [*notes, *files]
        kept = {"notes": kept_notes, "files": kept_files}
        additions.append(Addition({MEMORY: kept}, MEMORY, (MEMORY,)))

        changed: dict[str, Any] = {}  # attributes that go or come; a group is replaced as a whole, whoever else writes
        for one in additions:
            there = {key: value for key, value in stored.items() if one.owns(key)}
            if there != one.values:
                changed |= dict.fromkeys(there, None) | one.values
        for key in changed:
            connection.execute(sa.delete(table).where(table.c.study_id == study_id, table.c.key == key))
        new = [
            {"study_id": study_id, "key": key, "value_json": json.dumps(value)}
            for key, value in changed.items()
            if value is not None
        ]
        if new:
            connection.execute(sa.insert(table), new)
    return Stored(len(changed), dropped, study_id)


def _notes(
    bodies: Mapping[str, str], memory: Mapping[str, str], trials: Mapping[str, int | None], stored: dict[str, Any]
) -> tuple[list[Addition], dict[str, str]]:
    """The notes to write, and the memory of those that are ours: a digest each."""
    found, kept = [], {}
    for whose in {**memory, **bodies}:
        trial_id = trials[whose]
        before = attributes.note(trial_id, "").text(stored)
        if (before and _digest(before) != memory.get(whose)) or (whose in memory and not before):
            if whose in memory:
                kept[whose] = memory[whose]  # a person has changed it: it stays
            continue
        body = bodies.get(whose, "")
        if body:
            kept[whose] = _digest(body)
        if body != before:
            counter = attributes.note(trial_id, "").names[0]
            found.append(attributes.note(trial_id, body, int(stored.get(counter, 0)) + 1))
    return found, kept


def _files(
    wanted: Mapping[int, Sequence[File]] | None,
    memory: Mapping[str, list[str]],
    trials: Mapping[str, int | None],
    stored: dict[str, Any],
) -> tuple[list[Addition], dict[str, list[str]], tuple[str, ...]]:
    """The files to enter, the memory of those that are ours, and the identities of those that are not wanted."""
    if wanted is None:
        return [], dict(memory), ()
    found, dropped = [], []
    for number, files in wanted.items():
        for file in files:
            addition = attributes.file(_known(trials, number), file.identity, file.filename, file.mimetype)
            if stored.get(addition.prefix) != "null":  # what a person deleted in the dashboard
                found.append(addition)
    kept = {str(number): [file.identity for file in files] for number, files in wanted.items() if files}
    for whose, identities in memory.items():
        for identity in set(identities) - set(kept.get(whose, ())):
            dropped.append(identity)
            key = attributes.file(_known(trials, int(whose)), identity, "", "").prefix
            found.append(Addition({}, key, (key,)))
    return found, kept, tuple(sorted(dropped))


def _known(trials: Mapping[str, int | None], number: int) -> int:
    trial_id = trials[str(number)]
    assert trial_id is not None, "only the study itself has none"
    return trial_id


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _study_id(connection: "sqlalchemy.Connection", name: str) -> int:
    import sqlalchemy as sa

    studies = sa.table("studies", sa.column("study_id"), sa.column("study_name"))
    found = connection.scalar(sa.select(studies.c.study_id).where(studies.c.study_name == name))
    if found is None:
        raise KeyError(f"no study {name!r}")
    return int(found)


def _trial_ids(connection: "sqlalchemy.Connection", study_id: int, numbers: list[int]) -> dict[str, int | None]:
    """Optuna's trial ids by number, as text; None for the study itself."""
    import sqlalchemy as sa

    trials = sa.table("trials", *map(sa.column, ("trial_id", "study_id", "number")))
    query = sa.select(trials.c.number, trials.c.trial_id).where(trials.c.study_id == study_id)
    rows = connection.execute(query.where(trials.c.number.in_(numbers))).all() if numbers else []
    return {_STUDY: None, **{str(number): int(trial_id) for number, trial_id in rows}}


@contextlib.contextmanager
def _connected(url: str, patience: float) -> "Iterator[sqlalchemy.Connection]":
    """One connection in one transaction, closed for good at the end. A SQLite file is never made."""
    import sqlalchemy as sa

    options: dict[str, Any] = {}
    file = sqlite_file(url)
    if file is not None:
        address = f"{file.resolve().as_uri()}?mode=rw"
        options["creator"] = lambda: sqlite3.connect(address, uri=True, timeout=patience)
    engine = sa.create_engine(parse_url(url), poolclass=sa.pool.NullPool, **options)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
