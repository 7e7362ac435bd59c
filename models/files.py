"""Files: written whole or not at all, also if the power fails; JSON that others wrote; paths with links."""

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError


def json_value(text: str | bytes) -> Any:
    """A JSON text from outside. Raises ValueError, also where it is nested deeper than Python can read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def real_path(path: Path) -> Path:
    """The absolute path with links followed. Raises UserError for a link that leads back to itself."""
    real = os.path.realpath(path)
    if os.path.islink(real):
        raise UserError(f"{path} is a link that leads back to itself: remove it")
    return Path(real)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file through a temporary one beside it, so that `path` holds all of `data` or what it held before.

    Makes the folder where it is missing. Raises OSError, leaving nothing, where the disk is full or not writable.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.umask(mask := os.umask(0o077))  # the process's own, which mkstemp ignores
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
        synchronise(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def synchronise(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Raises OSError where a file cannot be written out;
    of a folder not every system can tell."""
    is_folder = path.is_dir()
    with contextlib.suppress(*[OSError] * is_folder):
        handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
