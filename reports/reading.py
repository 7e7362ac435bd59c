"""Reads a stored study without leaving a trace, even while a search is writing it.

A SQLite file is read from a private copy in memory (reports/snapshot.py), a database server in one read-only
transaction. Optuna itself opens the storage and checks its schema; the trials are then fetched with four queries,
since `RDBStorage.get_all_trials` parses every distribution of every trial anew (4.2 s for 5,000 trials).
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError
from underbudget.models.files import json_value
from underbudget.models.typed import typed
from underbudget.reports.record import (
    RECORD_VERSION,
    STUDY_ATTRIBUTE,
    Epoch,
    Result,
    Stop,
    StudyRecord,
    TrialRecord,
    proposal_from_json,
    state_of,
)
from underbudget.reports.settings import AccessJson, SessionJson, SettingsJson
from underbudget.reports.snapshot import snapshot
from underbudget.reports.storage_url import parse_url, reason, shown_url

if TYPE_CHECKING:
    import optuna
    import sqlalchemy

SESSIONS_ATTRIBUTE = "sessions"
CONFIRMATION_PREFIX = "confirmation:"  # of study attributes, one per run: "confirmation:TRIAL:SEED INDEX"
TEST_SET_ACCESSES_ATTRIBUTE = "readings"

_CONSTRAINT = "constraints:"  # how Optuna's set_constraint names a system attribute
_ENQUEUED = "WAITING"  # Optuna's state of a trial that is queued, not proposed yet


def read_study(storage_url: str, name: str) -> StudyRecord:
    """The study `name` of a storage, e.g. "sqlite:///runs/demo/study.db", trials ordered by number.

    Raises UserError where there is no such storage or study, or another program or a newer version made it.
    """
    with _opened(storage_url) as (storage, where):
        try:
            study_id = storage.get_study_id_from_name(name)
        except KeyError:
            known = ", ".join(sorted(study.study_name for study in storage.get_all_studies())) or "none"
            raise UserError(f"no study {name!r} in {where}, studies there: {known}") from None
        attributes = storage.get_study_user_attrs(study_id)
        settings = attributes.get(STUDY_ATTRIBUTE)
        if not isinstance(settings, dict):
            raise UserError(f"study {name!r} in {where} was not made by underbudget: look at it with optuna-dashboard")
        _check_version(settings.get("record_version"), f"study {name!r} in {where}")
        trials = _read_trials(storage.engine, study_id, name)
    kept = sorted(key for key, value in attributes.items() if key.startswith(CONFIRMATION_PREFIX) and value is not None)
    confirmations = [attributes[key] for key in kept]  # Optuna can't remove an attribute
    try:
        return StudyRecord(
            name,
            dict(typed(SettingsJson, settings, "settings")),
            trials,
            _dicts(SessionJson, attributes.get(SESSIONS_ATTRIBUTE, []), "sessions"),
            _dicts(dict[str, Any], confirmations, "confirmation"),
            _dicts(AccessJson, attributes.get(TEST_SET_ACCESSES_ATTRIBUTE, []), "readings"),
        )
    except ValueError as error:
        raise UserError(
            f"study {name!r} in {where} is not as version {RECORD_VERSION} defines it ({error}): it was changed, or "
            "written by another program"
        ) from None


def _dicts(kind: Any, values: Any, name: str) -> tuple[dict[str, Any], ...]:
    return tuple(dict(typed(kind, value, name)) for value in typed(list[Any], values, name))


def read_settings(storage_url: str, name: str, alone: bool = False) -> dict[str, Any] | None:
    """The settings of a study, None where the storage has no such study or only one whose creation was cut short.

    Raises UserError as `read_study` does, for a study of other objectives, and where the storage should be this
    study's `alone` but holds others.
    """
    with _opened(storage_url) as (storage, where):
        studies = {study.study_name: study for study in storage.get_all_studies()}
        if name not in studies:
            if studies and alone:
                known = ", ".join(sorted(studies)[:3])
                raise UserError(f"{where} holds other studies ({known}), none named {name!r}: choose another name")
            return None
        settings = studies[name].user_attrs.get(STUDY_ATTRIBUTE)
        directions = [direction.name for direction in studies[name].directions]
        empty = not storage.get_n_trials(storage.get_study_id_from_name(name))
        if settings is None and empty and directions in (["MINIMIZE", "MAXIMIZE"], ["MAXIMIZE"]):
            return None
        if not isinstance(settings, dict):
            raise UserError(f"study {name!r} in {where} was made by another program: choose another study name")
        _check_version(settings.get("record_version"), f"study {name!r} in {where}")
        return settings


def list_studies(storage_url: str) -> tuple[str, ...]:
    """Names of the studies in a storage that underbudget made, sorted. Raises UserError as `read_study` does."""
    with _opened(storage_url) as (storage, _):
        studies = storage.get_all_studies()
        return tuple(sorted(study.study_name for study in studies if STUDY_ATTRIBUTE in study.user_attrs))


def _check_version(version: object, what: str) -> None:
    if not isinstance(version, int) or version < 1:
        raise UserError(f"{what} has no record version: it was not made by underbudget, or its settings were changed")
    if version > RECORD_VERSION:
        raise UserError(
            f"{what} was made by a newer underbudget (record version {version}, this one reads {RECORD_VERSION}): "
            "update underbudget"
        )


@contextmanager
def _opened(storage_url: str) -> Iterator[tuple["optuna.storages.RDBStorage", str]]:
    """The storage, and its name for messages, with the password left out."""
    import optuna
    import sqlalchemy

    url = parse_url(storage_url)
    where = shown_url(storage_url)
    options: dict[str, Any] = {}
    memory = None
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        where = str(path)
        memory = snapshot(path)
        storage_url = "sqlite://"
        options = {"creator": lambda: memory, "poolclass": sqlalchemy.pool.StaticPool}
        if not memory.execute("SELECT 1 FROM sqlite_master WHERE name = 'version_info'").fetchone():
            memory.close()
            raise UserError(f"{where} is a database, but no Optuna storage: name another file or move it away")
    elif url.get_backend_name() == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "execution_options": {"postgresql_readonly": True}}
    storage = None
    try:
        storage = optuna.storages.RDBStorage(storage_url, options, skip_table_creation=True)
        yield storage, where
    except UserError:
        raise
    except (RuntimeError, ValueError) as error:  # a schema that Optuna does not know; attributes that are no JSON
        raise UserError(f"{where} cannot be read as an Optuna storage ({' '.join(str(error).split())[:200]})") from None
    except ImportError as error:
        raise UserError(f"{where} needs a database driver ({error}): install it, or use sqlite:///FILE") from None
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise UserError(f"{where} cannot be read as an Optuna storage ({reason(error)})") from None
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()
        if memory is not None:
            memory.close()


def _read_trials(engine: "sqlalchemy.engine.Engine", study_id: int, study: str) -> tuple[TrialRecord, ...]:
    """All trials of a study that were proposed, by Optuna's table schema (version 12, checked by RDBStorage)."""
    import sqlalchemy as sa

    trials = sa.table(
        "trials",
        *(sa.column(name) for name in ("trial_id", "study_id", "number", "state")),
        sa.column("datetime_start", sa.DateTime()),
        sa.column("datetime_complete", sa.DateTime()),
    )

    def of_study(table: str, *columns: str) -> "sa.Select[Any]":
        other = sa.table(table, sa.column("trial_id"), *(sa.column(name) for name in columns))
        joined = other.join(trials, trials.c.trial_id == other.c.trial_id)
        return sa.select(*other.c).select_from(joined).where(trials.c.study_id == study_id)

    attributes: dict[int, dict[str, str]] = defaultdict(dict)
    broken: set[int] = set()
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(trials)
            .where(trials.c.study_id == study_id, sa.cast(trials.c.state, sa.String) != _ENQUEUED)
            .order_by(trials.c.number)
        ).all()
        for trial_id, key, text in connection.execute(of_study("trial_user_attributes", "key", "value_json")):
            attributes[trial_id][key] = text
        for trial_id, key, text in connection.execute(of_study("trial_system_attributes", "key", "value_json")):
            if key.startswith(_CONSTRAINT) and typed(float, json_value(text), key) > 0:
                broken.add(trial_id)
        query = of_study("trial_params", "param_id", "param_name", "param_value", "distribution_json")
        params = _params(connection.execute(query.order_by(sa.text("param_id"))))
    return tuple(
        _trial(study, row, attributes[row.trial_id], params.get(row.trial_id, {}), row.trial_id in broken)
        for row in rows
    )


def _params(rows: Any) -> dict[int, dict[str, Any]]:
    """Parameters by trial id; a distribution, which thousands of trials share, is parsed once."""
    from optuna.distributions import BaseDistribution, json_to_distribution

    distributions: dict[str, BaseDistribution] = {}
    params: dict[int, dict[str, Any]] = defaultdict(dict)
    for trial_id, _, name, value, text in rows:
        try:
            if text not in distributions:
                distributions[text] = json_to_distribution(text)
            params[trial_id][name] = distributions[text].to_external_repr(value)
        except (TypeError, LookupError, OverflowError, RecursionError) as error:
            raise ValueError(f"the distribution of {name} is none of Optuna's") from error
    return params


def _trial(study: str, row: Any, attributes: dict[str, str], params: dict[str, Any], over_budget: bool) -> TrialRecord:
    """A trial from its row in Optuna's table and its user attributes, which are JSON text."""

    def stored(name: str) -> Any:
        return json_value(attributes.get(name, "null"))

    try:
        state, reason = state_of(getattr(row.state, "name", row.state), stored("verdict") or "", over_budget)
        proposal, result, stop = stored("record"), stored("result"), stored("stop")
        if proposal is not None:
            _check_version(proposal.get("record_version"), f"trial {row.number} of study {study!r}")
        return TrialRecord(
            trial=row.number,
            state=state,
            reason=reason,
            proposal=None if proposal is None else proposal_from_json(proposal),
            curve=typed(tuple[Epoch, ...], stored("curve") or [], "curve"),
            result=None if result is None else typed(Result, result, "result"),
            stop=None if stop is None else typed(Stop, stop, "stop"),
            params=params,
            started=_utc(row.datetime_start),
            completed=_utc(row.datetime_complete),
        )
    except UserError:
        raise
    except (ValueError, AttributeError) as error:
        raise UserError(
            f"trial {row.number} of study {study!r} has a record that is not as version {RECORD_VERSION} defines it "
            f"({error}): it was changed, or written by another program"
        ) from None


def _utc(stored: datetime | None) -> datetime | None:
    """Optuna 5 stores naive UTC."""
    return None if stored is None else stored.replace(tzinfo=UTC)
