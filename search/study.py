"""Opening, creating, locking and closing a study: one folder, one database, one coordinator.

While a search runs the SQLite database is in WAL mode (half the cost per trial); at a clean end the log is folded back
and the mode reset, so that study.db alone is the complete study.
"""

import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import UnderbudgetError, UserError
from reports import reading
from reports.record import SAMPLES_ATTRIBUTE, STUDY_ATTRIBUTE
from search import settings as study_settings
from search.settings import Settings

if TYPE_CHECKING:
    import optuna

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
METRICS = ["params", "accuracy"]


def check_name(name: str) -> str:
    """The name, if it may name a study (and so a folder). Raises UserError otherwise."""
    if not _NAME.fullmatch(name):
        raise UserError(
            "a study name is 1 to 64 letters, digits, dots, hyphens and underscores and begins with a letter or digit, "
            f"not {name[:80]!r}: choose another name"
        )
    return name


@dataclass(frozen=True)
class Place:
    """Where a study lives."""

    name: str
    folder: Path  # runs/STUDY
    storage: str | None = None  # a database URL instead of the folder's study.db

    @property
    def database(self) -> Path | None:
        """The SQLite file, None where another database is used."""
        if self.storage is None:
            return self.folder / "study.db"
        path = re.fullmatch(r"sqlite:///([^?]+)", self.storage)
        return Path(path[1]) if path else None

    @property
    def url(self) -> str:
        """The storage URL, password included: never shown."""
        return self.storage if self.storage is not None else f"sqlite:///{(self.folder / 'study.db').as_posix()}"


def place(name: str, runs: Path, storage: str | None = None) -> Place:
    """The place of a study below the runs folder. Raises UserError for a name that can't be one."""
    return Place(check_name(name), runs / name, storage)


def stored_settings(where: Place) -> Settings | None:
    """Settings of an existing study, None where there is none yet; reads only.

    Raises UserError for a database that is none of ours, or of a newer version.
    """
    if where.database is not None and not _has_content(where.database):
        return None
    if where.database is None:
        _connect(where).engine.dispose()  # creates the tables of a new database
    value = reading.read_settings(where.url, where.name)
    return None if value is None else study_settings.from_json(value)


def _has_content(path: Path) -> bool:
    """Whether there is a database; an empty file is what a creation that was cut short left."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): check its rights, or choose another --runs"
        ) from error


def _connect(where: Place) -> "optuna.storages.RDBStorage":
    import optuna
    import sqlalchemy

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    shown = hide_password(where.url)
    try:
        arguments = {"connect_args": {"timeout": 60}} if where.url.startswith("sqlite") else {}
        storage = optuna.storages.RDBStorage(where.url, engine_kwargs=arguments)
    except (sqlalchemy.exc.ArgumentError, ImportError) as error:
        raise UserError(f"the storage {shown} cannot be used ({_first_line(error)}): check the URL") from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise UserError(
            f"the storage {shown} cannot be opened ({_first_line(error)}): check path and rights"
        ) from error
    except RuntimeError as error:
        raise UserError(f"the storage {shown} is of another Optuna version ({_first_line(error)})") from error
    if where.url.startswith("sqlite"):

        def speed_up(connection: Any, _: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

        sqlalchemy.event.listen(storage.engine, "connect", speed_up)
        storage.engine.dispose()  # connections made so far did not hear of it
    return storage


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0][:200]


def hide_password(url: str) -> str:
    """A storage URL that may be shown."""
    import sqlalchemy

    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return url.split("@")[-1]


def make_folder(folder: Path) -> None:
    """Make a study's folder, or raise UserError where that can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"the runs folder {folder} cannot be written ({error.strerror}): choose another with --runs"
        ) from error


@contextmanager
def open_study(where: Place, settings: Settings, samples: dict[str, Any]) -> Iterator["optuna.Study"]:
    """Open a study for searching, created with settings and samples where it isn't there, and close it cleanly.

    Raises UserError where another coordinator has it, where its settings differ, or where the place can't be used.
    """
    import filelock
    import optuna

    make_folder(where.folder)
    lock = filelock.FileLock(where.folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(
            f"the study {where.name} is being searched by another process: wait for it, stop it, or use another name"
        ) from error
    try:
        stored = stored_settings(where)
        if stored is not None and (different := study_settings.differences(stored, settings)):
            raise different_study(where, different)
        storage = _connect(where)
        try:
            study = optuna.create_study(
                study_name=where.name, storage=storage, directions=["minimize", "maximize"], load_if_exists=True
            )
            if stored is None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # so since Optuna 3.2
                    study.set_metric_names(METRICS)
                study.set_user_attr(SAMPLES_ATTRIBUTE, samples)
                study.set_user_attr(STUDY_ATTRIBUTE, settings.to_json())  # last: its presence says that all is there
            yield study
        finally:
            storage.engine.dispose()
            _fold_log(where)
    finally:
        lock.release()


def different_study(where: Place, different: list[str], command: str = "") -> UserError:
    """The refusal of a resume whose settings differ from the study's; `command` starts another study instead."""
    command = command or f"underbudget launch {free_name(where)} ..."
    return UserError(
        f"the study {where.name} exists with other settings ({'; '.join(different)}): "
        f"leave them out to resume it, or start another: {command}"
    )


def free_name(where: Place) -> str:
    """A study name that is not taken, made from one that is."""
    number = 2
    while (where.folder.parent / f"{where.name}-{number}").exists():
        number += 1
    return f"{where.name}-{number}"


def _fold_log(where: Place) -> None:
    """Fold the write-ahead log back, so that study.db is one complete file."""
    if where.database is None or not where.database.exists():
        return
    try:
        connection = sqlite3.connect(where.database, timeout=60)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise UnderbudgetError(
            f"{where.database} could not be closed cleanly ({error}): every trial is stored, keep study.db-wal with it"
        ) from error
