"""Data sets in MNIST's form: four gzipped IDX files. LeCun's page of the MNIST database describes the format."""

import gzip
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.search.data.published import PublishedFiles, torchvision_class
from underbudget.search.data.store import Part


class IdxFiles(PublishedFiles):
    """`digests`: of the images and labels to train, then to test."""

    def place(self, folder: Path) -> Path:
        return folder / self.torchvision / "raw"

    def urls(self, name: str) -> list[str]:
        return [mirror + name for mirror in torchvision_class(self.torchvision).mirrors]

    def parts(self, find: Callable[[str], Path]) -> tuple[Part, Part]:
        def part(images: Path, labels: Path) -> Part:
            return Part(read_idx(images, dimensions=3)[:, None], read_idx(labels, dimensions=1).astype(np.int64))

        train_images, train_labels, test_images, test_labels = map(find, self.digests)
        return part(train_images, train_labels), part(test_images, test_labels)


def read_idx(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """The array of unsigned bytes in a gzipped IDX file. Raises UserError when the file holds anything else."""
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}): it must be a gzipped IDX file") from error
    return parse_idx(packed, dimensions, str(path))


def parse_idx(packed: bytes, dimensions: int, name: str) -> npt.NDArray[np.uint8]:
    """The same of a file's content; `name` is for the error.

    Format: two zero bytes, 8 for unsigned bytes, the number of dimensions, each size as a big-endian 32-bit integer,
    the values.
    """
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{name} cannot be read ({error}): it must be a gzipped IDX file") from error
    start = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    if content[:4] != bytes((0, 0, 8, dimensions)) or len(content) - start != math.prod(shape):
        raise UserError(f"{name} must be an IDX file of unsigned bytes with {dimensions} dimensions, it is not")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
