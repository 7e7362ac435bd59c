"""Notices that an open study was moved, deleted or replaced, or lost its lock, while it is searched.

An open file keeps its content wherever its name goes: SQLite would write on in the new place, while weights go to the
old one. So each name is compared with the file that was opened, by device and inode. Never open the database for this:
closing another descriptor of it drops SQLite's locks (https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from underbudget.models.errors import UnderbudgetError
from underbudget.search.study.location import StudyLocation


class BrokenOffError(UnderbudgetError):
    """The search ends here: what it was begun with is not there any more. Exit code 1."""


class Guard:
    """Knows the files that a study consists of while it is open: its folder, its database, their locks."""

    def __init__(self, where: StudyLocation, locks: Sequence[Path]) -> None:
        """Taken as they are now; `locks`: the files that keep a second search out."""
        database = where.database
        log = [] if database is None else [database.with_name(f"{database.name}-{end}") for end in ("wal", "shm")]
        self._locks = {file.absolute() for file in locks}
        self._files = {}
        for file in (where.folder, *([] if database is None else [database]), *locks, *log):
            if (identity := _identity(file)) is not None:
                self._files[file.absolute()] = identity

    def check(self) -> None:
        """Raises BrokenOffError where a name leads to nothing or to another file by now. Takes microseconds."""
        for file, identity in self._files.items():
            if (now := _identity(file)) != identity:
                raise BrokenOffError(self._told(file, "was moved or deleted" if now is None else "was replaced"))

    def _told(self, file: Path, what: str) -> str:
        if file in self._locks:
            return (
                f"the search was broken off ({file} {what.replace('moved or ', '')}, which lets a second search in): "
                "trials stored so far are kept, launch again and leave that file alone"
            )
        return (
            f"the search was broken off ({file} {what}): trials stored so far are where it is now, "
            "put it back or name its new place with --runs, then launch again"
        )


def _identity(file: Path) -> tuple[int, int] | None:
    """Device and inode of what a name leads to, None where it leads nowhere."""
    try:
        found = os.stat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
