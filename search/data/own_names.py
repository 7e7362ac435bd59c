"""Names that a user gave to data sets of their own: `prepared/names/NAME.json` below a data folder."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.models.files import json_value, write_atomically
from underbudget.search.data.definition import Definition

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class OwnName:
    """A data set that was given a name."""

    name: str
    definition: Definition
    checksum: str  # of the store that it gave when it was named
    file: Path


def check_name(name: str, taken: Sequence[str]) -> None:
    """Raises UserError for a name that is no word, or that is `taken` by a built-in set."""
    if name in taken:
        raise UserError(f"{name} is the name of a built-in data set: give another one")
    if not _NAME.fullmatch(name):
        raise UserError(f"a name has up to 64 letters, digits, dots, hyphens and underscores, not {name[:80]!r}")


def add(home: Path, name: str, definition: Definition, checksum: str) -> None:
    """Store a name. Raises OSError."""
    content = {"definition": definition.to_json(), "checksum": checksum}
    write_atomically(_file(home, name), json.dumps(content, indent=1).encode())


def find(name: str, homes: Sequence[Path]) -> OwnName | None:
    """What a name stands for, None where there is none. Raises UserError for a file that was changed."""
    if not _NAME.fullmatch(name):
        return None
    file = next((file for file in (_file(home, name) for home in homes) if file.is_file()), None)
    return None if file is None else _read(file)


def listing(homes: Sequence[Path]) -> list[OwnName]:
    """All names, in alphabetical order."""
    files = {file.stem: file for home in reversed(homes) for file in (home / "prepared" / "names").glob("*.json")}
    return [_read(files[name]) for name in sorted(files)]


def _file(home: Path, name: str) -> Path:
    return home / "prepared" / "names" / f"{name}.json"


def _read(file: Path) -> OwnName:
    try:
        content = json_value(file.read_bytes())
        return OwnName(file.stem, Definition.from_json(content["definition"]), str(content["checksum"]), file)
    except (OSError, ValueError, TypeError, KeyError, UserError) as error:
        raise UserError(f"the name {file.stem} cannot be read from {file} ({error}): delete that file") from error
