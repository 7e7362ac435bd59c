"""Where a study lies: its name, its folder and its database."""

import re
from dataclasses import dataclass
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.models.files import real_path
from underbudget.reports.storage_url import parse_url, sqlite_file, sqlite_url

RUNS = "runs"  # folder of all studies, where none is named
DATABASE = "study.db"  # in a study's folder, where no storage is named
CONFIRMATIONS = "confirm"  # below a study's folder: the runs of its finalists
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(name: str) -> str:
    """The name, if a study, and so a folder, may have it. Raises UserError otherwise."""
    if not _NAME.fullmatch(name):
        raise UserError(
            "a study name is 1 to 64 letters, digits, dots, hyphens and underscores and begins with a letter or digit, "
            f"not {name[:80]!r}: choose another name"
        )
    return name


@dataclass(frozen=True)
class StudyLocation:
    """Where a study lies."""

    name: str
    folder: Path  # runs/STUDY
    storage: str | None = None  # a database URL instead of the folder's study.db

    @property
    def database(self) -> Path | None:
        """The SQLite file under its real path, links resolved; None where another database is used."""
        file = self.folder / DATABASE if self.storage is None else sqlite_file(self.storage)
        return None if file is None else real_path(file)

    @property
    def url(self) -> str:
        """The storage URL, password included: never shown."""
        return sqlite_url(self.folder / DATABASE) if self.storage is None else self.storage


def locate_study(name: str, runs: Path, storage: str | None = None) -> StudyLocation:
    """Where a study of this name lies below the runs folder. Raises UserError for an impossible name or place."""
    try:
        str(runs).encode()
    except UnicodeEncodeError:  # such a file has no URL
        raise UserError(f"the name of the folder {runs} is not UTF-8: choose another --runs") from None
    if storage is not None:
        parse_url(storage)
    return StudyLocation(check_name(name), runs / name, storage)
