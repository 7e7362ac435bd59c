"""A private copy of a SQLite file in memory: reading it neither disturbs a search nor leaves a trace.

Opening a database can write even when only reading: SQLite creates `-wal` and `-shm` files beside a file in WAL mode
and rolls a crashed transaction back, and Optuna creates its tables. The copy is one consistent state, even
while a search is writing (https://www.sqlite.org/wal.html#readonly, https://www.sqlite.org/backup.html).
"""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from underbudget.models.errors import UserError

BUSY_SECONDS = 30.0  # how long a writer in the middle of a commit is waited for


def snapshot(path: Path) -> sqlite3.Connection:
    """A copy in memory of the SQLite database at `path`; the caller closes it. The folder may be read-only.

    Raises UserError where the file is missing, unreadable, damaged, or no SQLite database: every page is checked, which
    takes as long as the copy (9 ms for 1,000 trials).
    """
    if not path.is_file():
        raise UserError(f"no study database at {path}: check the name and the runs folder")
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        with _source(path.resolve()) as source:  # SQLite's own files lie beside what a link leads to
            source.backup(memory)
        (found,) = memory.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"malformed: {found}")
    except sqlite3.DatabaseError as error:
        memory.close()
        why = " ".join(str(error).split())
        if "not a database" in why:
            raise UserError(f"{path} is no SQLite database ({why}): name another file or move it away") from None
        if "malformed" in why:
            raise UserError(
                f"{path} is damaged ({why}) and left as it is: bring a backup back, or save what can be read, "
                "https://www.sqlite.org/recovery.html"
            ) from None
        if "locked" in why:
            raise UserError(f"{path} is locked by another program: end that one, or wait") from None
        raise UserError(f"{path} cannot be read ({why}): check its permissions") from None
    except OSError as error:
        memory.close()
        raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
    return memory


@contextlib.contextmanager
def _source(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the database that writes nothing beside it."""
    log = _beside(path, "-wal").exists()
    with contextlib.ExitStack() as stack:
        if _in_wal_mode(path) and not log:
            # At rest. A plain open would create a -wal file and leave it; immutable=1 promises that nobody is writing.
            connection = stack.enter_context(_open(path, "immutable=1"))
        elif log and not _beside(path, "-shm").exists():
            connection = stack.enter_context(_recovered(path))
        else:
            connection = stack.enter_context(_open(path, "mode=ro"))
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.OperationalError:  # a crashed transaction to roll back, or a -shm file that is not ours
                stack.close()
                connection = stack.enter_context(_recovered(path))
        yield connection


@contextlib.contextmanager
def _recovered(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a temporary copy, in which SQLite may finish or roll back what a crash left half-done."""
    with tempfile.TemporaryDirectory(prefix="underbudget-") as folder:
        copy = Path(folder) / "study.db"
        shutil.copyfile(path, copy)
        for suffix in ("-wal", "-journal"):  # what a writer left that belongs to the content
            if _beside(path, suffix).exists():
                shutil.copyfile(_beside(path, suffix), _beside(copy, suffix))
        with _open(copy, "mode=rw") as connection:
            yield connection


def _open(path: Path, query: str) -> contextlib.closing[sqlite3.Connection]:
    address = f"{path.resolve().as_uri()}?{query}"
    return contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _in_wal_mode(path: Path) -> bool:
    """Whether the file header (https://www.sqlite.org/fileformat.html, bytes 18 and 19) says WAL."""
    with path.open("rb") as file:
        return file.read(20)[18:20] == b"\x02\x02"
