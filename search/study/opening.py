"""Opens, creates, locks and closes a study: one folder, one database, one coordinator.

While a search runs, the SQLite database is in WAL mode, which halves the cost per trial; at a clean end the log is
folded back, so that study.db alone is the complete study.
"""

import contextlib
import itertools
import logging
import os
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from underbudget.models.errors import UserError
from underbudget.reports import reading
from underbudget.reports.optuna_logging import quiet_optuna
from underbudget.reports.record import STUDY_ATTRIBUTE
from underbudget.reports.storage_url import reason, shown_url, sqlite_file, sqlite_url
from underbudget.search.study import locks
from underbudget.search.study import settings as study_settings
from underbudget.search.study.guard import BrokenOffError, Guard
from underbudget.search.study.location import StudyLocation
from underbudget.search.study.settings import Settings

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

BUSY_SECONDS = 60.0  # to wait for another program that has a SQLite file locked
FOLD_SECONDS = 2.0  # the same at the end, where nothing is lost if the log stays


class OpenStudy(NamedTuple):
    """A study that this process alone may write."""

    study: "optuna.Study"
    guard: Guard  # to be asked before a file is written into the study's folder; the database asks it by itself


def stored_settings(where: StudyLocation) -> Settings | None:
    """Settings of an existing study, None where there is none yet. Raises UserError for a database that is not ours, or
    a newer version's. Writes nothing but the tables of a new PostgreSQL database."""
    if where.database is not None and not _has_content(where.database):
        _check_no_leftover(where.database)
        return None
    if where.database is None:
        _connect(where.url).engine.dispose()
    value = reading.read_settings(where.url, where.name, alone=where.storage is None)
    return None if value is None else study_settings.from_json(value)


def _has_content(path: Path) -> bool:
    """Whether there is a database; an empty file was left by a creation that was cut short."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): check its rights, or choose another --runs"
        ) from error


def _check_no_leftover(database: Path) -> None:
    """Refuse a new database beside the log of one that is gone: SQLite would take the log for the new one's and break
    it (https://www.sqlite.org/howtocorrupt.html#_mispairing_database_files_and_hot_journals_)."""
    for suffix in ("-wal", "-journal"):
        leftover = database.with_name(database.name + suffix)
        with contextlib.suppress(OSError):
            if leftover.stat().st_size:
                raise UserError(
                    f"{database} is gone, but {leftover.name} is there, which holds its latest trials: "
                    f"put {database.name} back, or delete {leftover}"
                )


def _connect(url: str, fast: bool = True) -> "optuna.storages.RDBStorage":
    """The storage for writing; `fast` puts a SQLite file into WAL mode."""
    import optuna
    import sqlalchemy

    sqlite = sqlite_file(url) is not None
    arguments = {"connect_args": {"timeout": BUSY_SECONDS}} if sqlite else {}
    try:
        storage = optuna.storages.RDBStorage(url, engine_kwargs=arguments)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError, RuntimeError) as error:
        match error:
            case RuntimeError():
                what = f"is of another Optuna version ({reason(error)})"
            case sqlalchemy.exc.ArgumentError() | ImportError() | ValueError():
                what = f"cannot be used ({reason(error)}): check the URL"
            case _ if "locked" in reason(error):
                what = "is locked by another program: end that one, or wait"
            case _:
                what = f"cannot be opened ({reason(error)}): check path and rights"
        raise UserError(f"the storage {shown_url(url)} {what}") from error
    if sqlite and fast:

        def speed_up(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

        sqlalchemy.event.listen(storage.engine, "connect", speed_up)
        storage.engine.dispose()  # connections made before this are not fast
    return storage


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"the runs folder {folder} cannot be written ({error.strerror}): choose another with --runs"
        ) from error


@contextlib.contextmanager
def open_study(where: StudyLocation, settings: Settings) -> Iterator[OpenStudy]:
    """Open a study for searching, created if it isn't there, and close it cleanly. Raises UserError where another
    coordinator has it, its settings differ, or the place can't be used; BrokenOffError where it was moved, deleted or
    replaced in between."""
    import optuna
    import sqlalchemy

    _make_folder(where.folder)
    with quiet_optuna(), locks.held(where) as locked:
        stored = stored_settings(where)
        if stored is not None and (different := study_settings.differences(stored, settings)):
            raise different_study(where, different)
        if where.database is not None:
            locks.check_one_name(where.database)
        if stored is None:
            _create(where, settings)
        storage = _connect(where.url)
        guard = None
        try:
            study = optuna.load_study(study_name=where.name, storage=storage)
            guard = Guard(where, locked)
            sqlalchemy.event.listen(storage.engine, "begin", lambda connection: guard.check())
            yield OpenStudy(study, guard)
        except Exception as error:
            _explain(error, guard, storage, where)
            raise
        finally:
            _close(storage, where.database, guard)


def _explain(
    error: Exception, guard: Guard | None, storage: "optuna.storages.RDBStorage", where: StudyLocation
) -> None:
    """Raises BrokenOffError where an error comes from a study that is not there any more."""
    if guard is not None:
        guard.check()
    try:
        storage.get_study_id_from_name(where.name)
    except KeyError:
        raise BrokenOffError(
            f"the search was broken off (the study {where.name} was deleted from its database): the weights of its "
            f"trials are still in {where.folder / 'models'}, delete them to begin anew, or use another study name"
        ) from error
    except Exception as unknown:  # the first error matters more
        log.info("whether the study is still there could not be found out: %s", unknown)


def _close(storage: "optuna.storages.RDBStorage", database: Path | None, guard: Guard | None) -> None:
    """Close a study's database as one complete file. Raises BrokenOffError where it is not in its place any more."""
    try:
        if guard is not None:
            guard.check()
    except BrokenOffError:
        _write_log_back(storage)
        raise
    else:
        if database is not None:
            storage.engine.dispose()
            _fold_log(database)
    finally:
        storage.engine.dispose()


def _create(where: StudyLocation, settings: Settings) -> None:
    """Make a study with its attributes. A new SQLite file appears under its name only once it is complete."""
    import optuna

    models = where.folder / "models"
    if any(models.glob("trial-*.safetensors")):  # they would be overwritten, trial by trial
        raise UserError(
            f"{models} has the weights of another study, or of one that was deleted from its database: use another "
            "study name or --runs, or move that folder away"
        )
    database = where.database
    draft = None if database is None or _has_content(database) else database.with_name(f"{database.name}.new")
    if draft is not None:
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
    storage = _connect(where.url if draft is None else sqlite_url(draft), fast=False)
    try:
        if where.name in optuna.get_all_study_names(storage):  # empty: its creation was cut short
            optuna.delete_study(study_name=where.name, storage=storage)
        study = optuna.create_study(study_name=where.name, storage=storage, directions=settings.objective.directions)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # experimental since Optuna 3.2
            study.set_metric_names(settings.objective.metrics)
        study.set_user_attr(STUDY_ATTRIBUTE, settings.to_json())  # last: it says that the study is complete
    finally:
        storage.engine.dispose()
    if draft is not None and database is not None:
        os.replace(draft, database)


def different_study(where: StudyLocation, different: list[str], command: str = "") -> UserError:
    """The refusal of a resume whose settings differ from the study's; `command` starts another study instead."""
    command = command or f"underbudget launch {free_name(where)} ..."
    return UserError(
        f"the study {where.name} exists with other settings ({'; '.join(different)}): "
        f"leave them out to resume it, or start another: {command}"
    )


def free_name(where: StudyLocation) -> str:
    """A study name that is not taken, made from one that is."""
    names = (f"{where.name[:60]}-{number}" for number in itertools.count(2))
    return next(name for name in names if not (where.folder.parent / name).exists())


def _fold_log(database: Path) -> None:
    """Fold the write-ahead log back, so that the database is one complete file. While another program has it open, the
    log stays beside it and nothing is lost."""
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=FOLD_SECONDS)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        log.warning("%s stays in write-ahead mode (%s): keep its -wal file with it", database, error)


def _write_log_back(storage: "optuna.storages.RDBStorage") -> None:
    """Write the write-ahead log into the database, wherever both are by now: through the connection that is open, since
    by their names one would find nothing, or other files. The log is left empty, so that it fits any database."""
    storage.remove_session()
    if storage.engine.dialect.name != "sqlite" or not storage.engine.pool.checkedin():  # type: ignore[attr-defined]
        return
    try:
        with contextlib.closing(storage.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={FOLD_SECONDS * 1000:.0f}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        log.warning("the write-ahead log could not be written back (%s): keep it with its database", error)


def is_folded(where: StudyLocation) -> bool:
    """Whether the database is one complete file; False while another program has it open."""
    return where.database is None or not where.database.with_name(f"{where.database.name}-wal").exists()
