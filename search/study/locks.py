"""The lock that keeps a second coordinator out of a study, from wherever it comes.

Two things may not be shared: the database, since numbers and retries of trials assume one writer, and the study's
folder, since weights lie there under the trial's number. A file is locked beside the SQLite file, under its real path,
so that another runs folder, a link or another spelling of the URL meets the same lock; a database server is asked for
a lock of its own that belongs to a connection and ends with it, also where a coordinator is killed.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError
from underbudget.reports.storage_url import parse_url, shown_url

if TYPE_CHECKING:
    import sqlalchemy

    from underbudget.search.study.location import StudyLocation

# A lock that sits on an idle connection: it must outlive any limit for idle connections, and end soon after its machine
# is gone. Settings that a server doesn't have are left out. For one session of PostgreSQL only.
_PATIENT_SESSION = """
    SELECT set_config(name, value, false)
    FROM (VALUES ('idle_session_timeout', '0'), ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'),
                 ('tcp_keepalives_count', '3')) AS wanted(name, value)
    WHERE current_setting(name, true) IS NOT NULL
"""


@contextlib.contextmanager
def held(where: "StudyLocation") -> Iterator[None]:
    """Hold a study for searching. Raises UserError where another coordinator has it, or nothing can be locked."""
    with contextlib.ExitStack() as locks:
        for file in _files(where):
            locks.enter_context(_file_held(file, where))
        if where.database is None:
            locks.enter_context(_server_held(where))
        yield


def is_held(where: "StudyLocation") -> bool:
    """Whether a coordinator has the study now; False too where that cannot be found out. Leaves no trace."""
    import filelock

    for file in _files(where):
        if not file.exists():
            continue
        lock = filelock.FileLock(file)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        except OSError:
            continue
        lock.release()
    return where.database is None and _held_on_server(where)


def _files(where: "StudyLocation") -> list[Path]:
    """Files to lock: the study's folder's, and the SQLite file's; most often they are the same."""
    files = [where.folder.resolve() / "study.db.lock"]
    if where.database is not None:
        files.append(where.database.with_name(f"{where.database.name}.lock"))
    return list(dict.fromkeys(files))


def _taken(where: "StudyLocation") -> UserError:
    return UserError(
        f"the study {where.name} is being searched by another process: wait for it, stop it, or use another name"
    )


@contextlib.contextmanager
def _file_held(file: Path, where: "StudyLocation") -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(file)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise _taken(where) from error
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}): choose another --runs or --storage") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _server_held(where: "StudyLocation") -> Iterator[None]:
    """A lock of the server's, on a connection of its own that does nothing else.

    PostgreSQL: a session-level advisory lock, which is per database
    (https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS). MySQL and MariaDB: GET_LOCK, whose
    names are per server (https://dev.mysql.com/doc/refman/8.4/en/locking-functions.html). A pooler between us and the
    server must not hand a connection to others between two statements.
    """
    import sqlalchemy as sa

    with contextlib.ExitStack() as open_now:
        try:
            connection = open_now.enter_context(_connected(where.url))
            match connection.dialect.name:
                case "postgresql":
                    connection.execute(sa.text(_PATIENT_SESSION))
                    free = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_number(where.name))))
                case "mysql" | "mariadb":
                    connection.execute(sa.text("SET SESSION wait_timeout = 31536000"))
                    free = connection.scalar(sa.select(sa.func.get_lock(_word(connection, where.name), 0)))
                case _:
                    free = True  # none of the databases that Optuna is tested with
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0][:200]
            raise UserError(f"the storage {shown_url(where.url)} cannot be locked ({reason}): check the URL") from error
        if not free:
            raise _taken(where)
        yield


def _held_on_server(where: "StudyLocation") -> bool:
    import sqlalchemy as sa

    try:
        with _connected(where.url) as connection:
            match connection.dialect.name:
                case "postgresql":
                    # As the documentation of pg_locks says: the high half of a 64-bit key is classid, the low objid.
                    key = _number(where.name) % 2**64
                    query = sa.text(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
                        "AND classid::bigint = :high AND objid::bigint = :low "
                        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                    ).bindparams(high=key >> 32, low=key % 2**32)
                    return bool(connection.scalar(query))
                case "mysql" | "mariadb":
                    used = sa.select(sa.func.is_used_lock(_word(connection, where.name)))
                    return connection.scalar(used) is not None
                case _:
                    return False
    except (sa.exc.SQLAlchemyError, ImportError):
        return False


@contextlib.contextmanager
def _connected(url: str) -> Iterator["sqlalchemy.Connection"]:
    """One connection without a transaction, closed for good at the end."""
    import sqlalchemy as sa

    engine = sa.create_engine(parse_url(url), poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _number(study: str) -> int:
    """The study's name as a signed 64-bit number."""
    return int.from_bytes(hashlib.sha256(f"underbudget/{study}".encode()).digest()[:8], "big", signed=True)


def _word(connection: "sqlalchemy.Connection", study: str) -> str:
    """The study of the connected database as a name of at most 64 characters."""
    import sqlalchemy as sa

    database: Any = connection.scalar(sa.select(sa.func.database()))
    return "underbudget-" + hashlib.sha256(f"{database}/{study}".encode()).hexdigest()[:48]


def check_one_name(database: Path) -> None:
    """Raises UserError for a SQLite file with several hard links.

    SQLite names its log after the name by which a file was opened: two names are two logs, and a broken database
    (https://www.sqlite.org/howtocorrupt.html#_multiple_links_to_the_same_file). A backup made of hard links would be
    written to as well.
    """
    with contextlib.suppress(OSError):
        if os.stat(database).st_nlink > 1:
            raise UserError(
                f"{database} has several names (hard links), which breaks SQLite databases: "
                f"copy it to a file of its own, e.g. cp {database} copy.db && mv copy.db {database}"
            )
