"""Database URLs of storages: which ones we take, what may be shown of them, and a plain connection."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError

if TYPE_CHECKING:
    import sqlalchemy

_SECRET = re.compile("pass|secret|token|key", re.IGNORECASE)


def parse_url(url: str) -> "sqlalchemy.URL":
    """A storage URL: a SQLite file or PostgreSQL. Raises UserError for anything else, also for a SQLite database in
    memory, which nobody could open again."""
    import sqlalchemy

    try:
        if not url.isprintable():
            raise ValueError
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UserError("the storage is no database URL: write it like sqlite:///runs/demo/study.db") from None
    backend, database = parsed.get_backend_name(), parsed.database or ""
    if backend not in ("sqlite", "postgresql"):
        raise UserError(
            f"a study is stored in a SQLite file or on PostgreSQL, not on {backend[:20]}: "
            "give a URL like sqlite:///runs/demo/study.db or postgresql://me:password@host/database"
        )
    if backend == "sqlite" and database in ("", ":memory:"):
        raise UserError("the storage is a SQLite database in memory: name a file, like sqlite:///runs/demo/study.db")
    if backend == "sqlite" and ("uri" in parsed.query or database.startswith("file:")):
        raise UserError("the storage is a SQLite URI in a URL: name the file itself, like sqlite:///runs/demo/study.db")
    return parsed


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, special characters of the path escaped."""
    import sqlalchemy

    return sqlalchemy.URL.create("sqlite", database=path.as_posix()).render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL, None for another database."""
    parsed = parse_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


@contextlib.contextmanager
def connected(url: str, **engine_options: Any) -> "Iterator[sqlalchemy.Connection]":
    """One connection to the database of a storage, closed for good at the end."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(parse_url(url), poolclass=sqlalchemy.pool.NullPool, **engine_options)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def reason(error: BaseException) -> str:
    """What a database says about an error, on one line of at most 200 characters."""
    told = getattr(error, "orig", None) or getattr(error.__cause__, "orig", None) or error
    return str(told).strip().split("\n")[0][:200]


def shown_url(url: str) -> str:
    """A URL as it may be shown and stored: passwords are left out, in the query part too.

    Of a text that cannot be read as a URL, or not in one way only, nothing but its beginning is shown.
    """
    import sqlalchemy

    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return url.split(":")[0][:20] + ":..."
    if "@" in (parsed.host or "") or "@" in (parsed.username or ""):
        return f"{parsed.drivername}://..."
    hidden = {name: "***" if _SECRET.search(name) else value for name, value in parsed.query.items()}
    return parsed.set(query=hidden).render_as_string(hide_password=True)
