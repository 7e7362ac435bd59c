"""The prepared stores of users' own data below a data folder: what they take, and which of them can go.

A store that has no name and was not used for a day may be removed: its files are read again when they are needed. One
of data that came from Python cannot be made again and is only removed where a person says so.
"""

import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.search.data import own_names, preparing
from underbudget.search.data.definition import ARRAYS
from underbudget.search.data.preparing import Entry
from underbudget.search.data.store import open_dataset

LIMIT = "UNDERBUDGET_DATA_LIMIT"
_DAY = 24 * 3600.0
_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([KMGT]?)(i?)B?", re.IGNORECASE)


@dataclass(frozen=True)
class Stored:
    """A prepared store."""

    folder: Path
    checksum: str
    bytes: int
    used: float  # seconds since 1970, when it was last opened
    names: tuple[str, ...]
    entry: Entry | None  # the newest that is remembered of it

    @property
    def source(self) -> str:
        """What it was made from, as far as that is known."""
        if self.entry is None:
            return "?"
        kind, source = self.entry.definition["kind"], self.entry.definition["source"]
        return "arrays from Python" if kind == ARRAYS else f"{kind}:{source}"

    @property
    def can_go(self) -> bool:
        """Whether it may be removed without being asked for by name."""
        is_made_again = self.entry is not None and self.entry.definition["kind"] != ARRAYS
        return is_made_again and not self.names and time.time() - self.used > _DAY


def stores(homes: Sequence[Path]) -> list[Stored]:
    """All stores of users' own data, the one that was used last first."""
    names: dict[str, list[str]] = {}
    for each in own_names.listing(homes):
        names.setdefault(each.checksum, []).append(each.name)
    found = []
    for home in dict.fromkeys(homes):
        remembered = preparing.entries(home)
        for folder in sorted((home / "prepared").glob("own-*")):
            try:
                checksum = open_dataset(folder).info.checksum
                size = sum(file.stat().st_size for file in folder.iterdir())
                used = folder.stat().st_mtime
            except (UserError, OSError):
                continue  # a damaged one, or one that just goes
            own = tuple(names.get(checksum, ()))
            found.append(Stored(folder, checksum, size, used, own, remembered.get(checksum)))
    return sorted(found, key=lambda each: -each.used)


def parse_size(text: str) -> int:
    """Bytes of a size such as 500MB or 20 GB (powers of 1,000; KiB, MiB, GiB: of 1,024). Raises UserError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UserError(f"a size is written like 500MB, 20GB or 4GiB, not {text[:40]!r}")
    number, unit, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))


def limit() -> int | None:
    """The most bytes that stores may take together, by the variable UNDERBUDGET_DATA_LIMIT; None: no limit. Raises
    UserError."""
    text = os.environ.get(LIMIT, "")
    try:
        return parse_size(text) if text else None
    except UserError as error:
        raise UserError(f"{LIMIT}: {error}") from error


def trim(homes: Sequence[Path], most: int, log: Callable[[str], None]) -> int:
    """Remove stores, those first that were not used for longest, until the others take at most so many bytes; those
    that must stay do. Returns the bytes that are left."""
    found = stores(homes)
    total = sum(each.bytes for each in found)
    for each in reversed(found):
        if total <= most:
            break
        if each.can_go:
            remove(each)
            total -= each.bytes
            log(f"removed the prepared copy of {each.source} ({shown(each.bytes)}), to stay under {shown(most)}")
    return total


def remove(stored: Stored) -> None:
    """Remove a store and what is remembered of it. Raises OSError."""
    gone = stored.folder.with_name(f".{stored.folder.name}-{uuid.uuid4().hex[:12]}")
    stored.folder.rename(gone)  # so that no half of it is ever found
    preparing.forget(stored.checksum, stored.folder.parent.parent)
    shutil.rmtree(gone, ignore_errors=True)


def mark_used(folder: Path) -> None:
    """Note that a store is used now; where that cannot be written it counts as old."""
    with suppress(OSError):
        os.utime(folder)


def shown(size: int) -> str:
    """A size for people: 1.2 MB."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
