"""Data sets in MNIST's form: four gzipped IDX files with published MD5 sums, downloaded with torchvision's means.

The gzipped files are never unpacked to disk: 12 MB instead of 67, and a read-only folder will do. LeCun's page of the
MNIST database describes the format.
"""

import contextlib
import gzip
import hashlib
import http.client
import math
import os
import socket
import sys
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.models.output import drawing
from underbudget.search.data.store import Part

CONNECT_SECONDS = 20.0  # without an answer for so long, a mirror counts as out of reach


@dataclass(frozen=True)
class IdxFiles:
    """Where the four files of a data set lie below a data folder, and what their MD5 sums are."""

    torchvision: str  # the class in torchvision.datasets that knows the mirrors; names the folder too
    md5: dict[str, str]  # by file name, as torchvision publishes them: images and labels to train, then to test

    def raw(self, folder: Path) -> Path:
        """Where torchvision keeps the files below the data folder `folder`."""
        return folder / self.torchvision / "raw"

    def check(self, folder: Path) -> None:
        """Raise UserError for a file below `folder` that is corrupt or cut short; files may be missing."""
        for name, expected in self.md5.items():
            path = self.raw(folder) / name
            if path.exists() and (found := _md5(path)) != expected:
                raise UserError(
                    f"{path} is corrupt or incomplete: its MD5 must be {expected}, it is {found} "
                    f"({path.stat().st_size} bytes); delete the file and start again to download it"
                )

    def read(self, folders: Sequence[Path]) -> tuple[Part, Part]:
        """The published (train, test), each file from the first of the data folders that has it.

        Images are (n, 1, height, width). Raises UserError for a corrupt or missing file.
        """
        for folder in folders:
            self.check(folder)

        def find(name: str) -> Path:
            paths = [self.raw(folder) / name for folder in folders]
            return next((path for path in paths if path.exists()), paths[0])

        def part(images: Path, labels: Path) -> Part:
            return Part(read_idx(images, dimensions=3)[:, None], read_idx(labels, dimensions=1).astype(np.int64))

        train_images, train_labels, test_images, test_labels = map(find, self.md5)
        return part(train_images, train_labels), part(test_images, test_labels)

    def missing(self, folders: Sequence[Path]) -> list[str]:
        """Names of the files that none of the data folders has."""
        return [name for name in self.md5 if not any((self.raw(folder) / name).exists() for folder in folders)]

    def download(self, folder: Path, names: Sequence[str], log: Callable[[str], None]) -> None:
        """Download files to below `folder`, with torchvision's progress bar on standard error. A file appears only when
        it is complete and its MD5 is right. Raises UserError when no mirror gives it."""
        import torchvision

        raw = self.raw(folder)
        raw.mkdir(parents=True, exist_ok=True)
        for name in names:
            reasons = []
            for mirror in getattr(torchvision.datasets, self.torchvision).mirrors:
                log(f"downloading {mirror}{name}")
                try:
                    self._download_one(mirror + name, raw, name)
                    break
                except (OSError, RuntimeError, http.client.HTTPException) as error:
                    reasons.append(" ".join(str(error).split()) or type(error).__name__)
            else:
                raise UserError(
                    f"{name} could not be downloaded ({'; '.join(reasons)}): put the files {', '.join(self.md5)} into "
                    f"{raw}, or name a folder that has them in {self.torchvision}/raw by --data-dir or the variable "
                    "UNDERBUDGET_DATA, or take --dataset digits, which needs no network"
                )

    def _download_one(self, url: str, raw: Path, name: str) -> None:
        from torchvision.datasets.utils import download_url

        # torchvision sets no timeout: behind a wall that swallows packets its download would hang for minutes
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(CONNECT_SECONDS)
        try:
            bar = contextlib.redirect_stderr(drawing(sys.stderr))  # torchvision's
            with bar, tempfile.TemporaryDirectory(prefix=".download-", dir=raw) as unfinished:
                download_url(url, unfinished, filename=name, md5=self.md5[name])
                os.replace(Path(unfinished) / name, raw / name)
        finally:
            socket.setdefaulttimeout(before)


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The array of unsigned bytes in a gzipped IDX file. Raises UserError when the file holds anything else.

    Format: two zero bytes, 8 for unsigned bytes, the number of dimensions, each size as a big-endian 32-bit integer,
    the values.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}): it must be a gzipped IDX file") from error
    start = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    if content[:4] != bytes((0, 0, 8, dimensions)) or len(content) - start != math.prod(shape):
        raise UserError(f"{path} must be an IDX file of unsigned bytes with {dimensions} dimensions, it is not")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _md5(path: Path) -> str:
    with path.open("rb") as file:  # else refused where only approved hashes are allowed
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
