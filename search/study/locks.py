"""The lock that keeps a second coordinator out of a study, from wherever it comes.

Two things may have one coordinator only: the database, since numbers and retries of trials assume one writer, and the
study's folder, where the weights lie under the trials' numbers. A file is locked beside the SQLite file, under its real
path, so that another runs folder, a link or another spelling of the URL meets the same lock; it says who holds it. On
PostgreSQL it is a lock of the server's, which ends with a connection, also when a coordinator is killed.
"""

import contextlib
import hashlib
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.models.files import real_path
from underbudget.reports.storage_url import connected, reason, shown_url
from underbudget.search.study.location import DATABASE, StudyLocation

# The lock sits on an idle connection, which must outlive any limit for those and end soon after its machine is gone.
# Settings that a server doesn't have are left out.
_PATIENT_SESSION = """
    SELECT set_config(name, value, false)
    FROM (VALUES ('idle_session_timeout', '0'), ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'),
                 ('tcp_keepalives_count', '3')) AS wanted(name, value)
    WHERE current_setting(name, true) IS NOT NULL
"""
# As the documentation of pg_locks says: the high half of a 64-bit key is classid, the low half objid.
_HELD = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND classid::bigint = :high AND objid::bigint = :low
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


_HOLDER = re.compile(r"Held by process (\d+) on host (\S+) ")


@contextlib.contextmanager
def held(where: StudyLocation) -> Iterator[list[Path]]:
    """Hold a study for searching; the files that are locked. Raises UserError where another coordinator has it, or
    nothing can be locked."""
    import filelock

    files = _files(where)
    with contextlib.ExitStack() as locks:
        for file in files:
            holder = _holder(file)  # before the lock: an older filelock empties what it cannot get
            try:
                locks.enter_context(filelock.FileLock(file).acquire(timeout=0))
            except filelock.Timeout as error:
                raise _taken(where, holder) from error
            except OSError as error:
                raise UserError(
                    f"{file} cannot be written ({error.strerror}): choose another --runs or --storage"
                ) from error
            _sign(file, where.name)
        if where.database is None and not _lock_on_server(where, locks):
            raise _taken(where, "")
        yield files


def _taken(where: StudyLocation, holder: str) -> UserError:
    return UserError(
        f"the study {where.name} is being searched by another process{holder}: "
        "wait for it, stop it, or use another name"
    )


def _sign(file: Path, study: str) -> None:
    """Say in a lock file who holds it, in place: another file would be another lock."""
    text = (
        f"Held by process {os.getpid()} on host {platform.node() or 'unknown'} while it searches the study {study}.\n"
        "Do not delete this file, not even if it looks old: it keeps a second search out, which breaks the first one "
        "off.\nAfter a search it may stay: it holds nothing then.\n"
    )
    with contextlib.suppress(OSError):  # a full disk, or Windows, where a locked file can't be written: no name then
        file.write_text(text, encoding="utf-8")


def _holder(file: Path) -> str:
    """Process and host as a lock file names them, e.g. " (process 17 on host here)"; "" where it names none."""
    try:
        found = _HOLDER.match(file.read_text(encoding="utf-8", errors="replace")[:500])
    except OSError:
        return ""
    return f" (process {found[1]} on host {found[2]})" if found else ""


def is_held(where: StudyLocation) -> bool:
    """Whether a coordinator has the study now; False too where that cannot be found out. Leaves no trace."""
    import filelock

    for file in filter(Path.exists, _files(where)):
        try:
            with filelock.FileLock(file).acquire(timeout=0):
                continue
        except filelock.Timeout:
            return True
        except OSError:
            continue
    if where.database is not None:
        return False
    import sqlalchemy as sa

    key = _number(where.name) % 2**64
    try:
        with connected(where.url, isolation_level="AUTOCOMMIT") as connection:
            return bool(connection.scalar(sa.text(_HELD).bindparams(high=key >> 32, low=key % 2**32)))
    except (sa.exc.SQLAlchemyError, ImportError):
        return False


def _files(where: StudyLocation) -> list[Path]:
    """Files to lock: the study's folder's, and the SQLite file's; most often they are the same."""
    files = [real_path(where.folder) / f"{DATABASE}.lock"]
    if where.database is not None:
        files.append(where.database.with_name(f"{where.database.name}.lock"))
    return list(dict.fromkeys(files))


def _lock_on_server(where: StudyLocation, locks: contextlib.ExitStack) -> bool:
    """Take a session-level advisory lock of PostgreSQL's on a connection of its own, closed with `locks`; whether it
    was free. A pooler in between must not hand the connection to others between two statements
    (https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS)."""
    import sqlalchemy as sa

    try:
        connection = locks.enter_context(connected(where.url, isolation_level="AUTOCOMMIT"))
        connection.execute(sa.text(_PATIENT_SESSION))
        return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_number(where.name)))))
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise UserError(
            f"the storage {shown_url(where.url)} cannot be locked ({reason(error)}): check the URL"
        ) from error


def _number(study: str) -> int:
    """The study's name as a signed 64-bit number."""
    return int.from_bytes(hashlib.sha256(f"underbudget/{study}".encode()).digest()[:8], "big", signed=True)


def check_one_name(database: Path) -> None:
    """Raises UserError for a SQLite file with several hard links.

    SQLite names its log after the name by which a file was opened: two names are two logs, and a broken database
    (https://www.sqlite.org/howtocorrupt.html#_multiple_links_to_the_same_file).
    """
    with contextlib.suppress(OSError):
        if os.stat(database).st_nlink > 1:
            raise UserError(
                f"{database} has several names (hard links), which breaks SQLite databases: "
                f"copy it to a file of its own, e.g. cp {database} copy.db && mv copy.db {database}"
            )
