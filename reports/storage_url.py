"""Database URLs: which one is a SQLite file, and how a URL may be shown."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from underbudget.models.errors import UserError

if TYPE_CHECKING:
    import sqlalchemy

_SECRET = re.compile("pass|secret|token|key", re.IGNORECASE)


def parse_url(url: str) -> "sqlalchemy.URL":
    """A storage URL. Raises UserError for anything else, and for a SQLite database in memory, which nobody could open
    again."""
    import sqlalchemy

    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UserError("the storage is no database URL: write it like sqlite:///runs/demo/study.db") from None
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise UserError("the storage is a SQLite database in memory: name a file, like sqlite:///runs/demo/study.db")
    if parsed.get_backend_name() == "sqlite" and ("uri" in parsed.query or str(parsed.database).startswith("file:")):
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
