"""Data sets as their publishers offer them: files with known checksums, looked for where torchvision keeps them."""

import contextlib
import hashlib
import http.client
import os
import socket
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError
from underbudget.models.output import drawing
from underbudget.search.data.store import Part

CONNECT_SECONDS = 20.0  # without an answer for so long, a server counts as out of reach


@dataclass(frozen=True)
class PublishedFiles(ABC):
    """The files of one data set, which are never unpacked to disk: a read-only folder will do."""

    torchvision: str  # the class in torchvision.datasets that knows the addresses
    digests: dict[str, str]  # MD5 or SHA-256, hex, by file name

    def place(self, folder: Path) -> Path:
        """Where torchvision keeps the files below the data folder `folder`."""
        return folder

    def urls(self, name: str) -> list[str]:
        """Addresses of a file, the best first."""
        return [torchvision_class(self.torchvision).url]

    @abstractmethod
    def parts(self, find: Callable[[str], Path]) -> tuple[Part, Part]:
        """The published (train, test); `find` gives the path of a file, whose checksum is right.

        Raises UserError for a missing file or one of another form.
        """

    def read(self, folders: Sequence[Path]) -> tuple[Part, Part]:
        """The published (train, test), each file from the first of the data folders that has it. Raises UserError for
        a corrupt or missing file."""
        for folder in folders:
            self.check(folder)

        def find(name: str) -> Path:
            paths = [self.place(folder) / name for folder in folders]
            return next((path for path in paths if path.exists()), paths[0])

        return self.parts(find)

    def check(self, folder: Path) -> None:
        """Raise UserError for a file below `folder` that is corrupt or cut short; files may be missing."""
        for name, expected in self.digests.items():
            path, kind = self.place(folder) / name, _kind(expected)
            if path.exists() and (found := _digest(path, kind)) != expected:
                raise UserError(
                    f"{path} is corrupt or incomplete: its {kind} must be {expected}, it is {found} "
                    f"({path.stat().st_size} bytes); delete the file and start again to download it"
                )

    def missing(self, folders: Sequence[Path]) -> list[str]:
        """Names of the files that none of the data folders has."""
        return [name for name in self.digests if not any((self.place(folder) / name).exists() for folder in folders)]

    def download(self, folder: Path, names: Sequence[str], log: Callable[[str], None]) -> None:
        """Download files to below `folder`, with torchvision's progress bar on standard error. A file appears only when
        it is complete and its checksum is right. Raises UserError when no server gives it."""
        place = self.place(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            reasons = []
            for url in self.urls(name):
                log(f"downloading {url}")
                try:
                    self._download_one(url, place, name)
                    break
                except (OSError, RuntimeError, http.client.HTTPException) as error:
                    reasons.append(" ".join(str(error).split()) or type(error).__name__)
            else:
                below = place.relative_to(folder)
                where = f" in {below}" if below.parts else ""
                raise UserError(
                    f"{name} could not be downloaded ({'; '.join(reasons)}): put the files {', '.join(self.digests)} "
                    f"into {place}, or name a folder that has them{where} by --data-dir or the variable "
                    "UNDERBUDGET_DATA, or take --dataset digits, which needs no network"
                )

    def _download_one(self, url: str, place: Path, name: str) -> None:
        from torchvision.datasets.utils import download_url

        # torchvision sets no timeout: behind a wall that swallows packets its download would hang for minutes
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(CONNECT_SECONDS)
        expected = self.digests[name]
        try:
            bar = contextlib.redirect_stderr(drawing(sys.stderr))  # torchvision's
            with bar, tempfile.TemporaryDirectory(prefix=".download-", dir=place) as unfinished:
                download_url(url, unfinished, filename=name)
                if (found := _digest(Path(unfinished) / name, _kind(expected))) != expected:
                    raise RuntimeError(f"File not found or corrupted: {_kind(expected)} {found}")
                os.replace(Path(unfinished) / name, place / name)
        finally:
            socket.setdefaulttimeout(before)


def torchvision_class(name: str) -> Any:
    """A class of torchvision.datasets."""
    import torchvision

    return getattr(torchvision.datasets, name)


def _kind(digest: str) -> str:
    return "MD5" if len(digest) == 32 else "SHA-256"


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as file:  # MD5 would else be refused where only approved hashes are allowed
        how: Any = (lambda: hashlib.md5(usedforsecurity=False)) if kind == "MD5" else "sha256"
        return hashlib.file_digest(file, how).hexdigest()
