"""Data sets in forms of their own: EMNIST, USPS, SVHN, CIFAR. Each class reads what the publisher's file holds."""

import bz2
import codecs
import pickle
import tarfile
import zipfile
import zlib
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.search.data.idx import parse_idx
from underbudget.search.data.published import PublishedFiles, torchvision_class
from underbudget.search.data.store import Part


@dataclass(frozen=True)
class EmnistFiles(PublishedFiles):
    """One of the sets in EMNIST's zip of gzipped IDX files (Cohen et al. 2017), its images turned upright."""

    split: str  # "letters", "balanced", ...
    first_label: int = 0

    def place(self, folder: Path) -> Path:
        return folder / "EMNIST" / "raw"

    def parts(self, find: Callable[[str], Path]) -> tuple[Part, Part]:
        path = find(next(iter(self.digests)))
        try:
            with zipfile.ZipFile(path) as archive:
                train, test = (self._part(archive, word) for word in ("train", "test"))
                return train, test
        except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{path} cannot be read ({error}): it must be EMNIST's gzip.zip") from error

    def _part(self, archive: zipfile.ZipFile, word: str) -> Part:
        def read(kind: str, dimensions: int) -> npt.NDArray[np.uint8]:
            name = f"gzip/emnist-{self.split}-{word}-{kind}-idx{dimensions}-ubyte.gz"
            return parse_idx(archive.read(name), dimensions, name)

        images = np.ascontiguousarray(read("images", 3).transpose(0, 2, 1))  # published on their sides
        return Part(images[:, None], read("labels", 1).astype(np.int64) - self.first_label)


class TwoFiles(PublishedFiles):
    """A file of the training part, then one of the test part."""

    def urls(self, name: str) -> list[str]:
        return [url for url, file, _ in torchvision_class(self.torchvision).split_list.values() if file == name]

    def parts(self, find: Callable[[str], Path]) -> tuple[Part, Part]:
        train, test = (self.part(find(name)) for name in self.digests)
        return train, test

    @staticmethod
    @abstractmethod
    def part(path: Path) -> Part:
        """What a file holds. Raises UserError for one of another form."""


class UspsFiles(TwoFiles):
    """Text of 256 numbers in -1..1 per line, compressed (Hull 1994; the form is LIBSVM's): 16x16 pixels."""

    @staticmethod
    def part(path: Path) -> Part:
        try:
            lines = [line.split() for line in bz2.decompress(path.read_bytes()).decode("ascii").splitlines()]
            values = np.array([[number.split(":")[1] for number in line[1:]] for line in lines], dtype=np.float32)
            pixels = ((values + 1) / 2 * 255).astype(np.uint8).reshape(-1, 1, 16, 16)
            return Part(pixels, np.array([int(line[0]) - 1 for line in lines], dtype=np.int64))
        except (OSError, ValueError, IndexError, EOFError) as error:
            raise UserError(f"{path} cannot be read ({error}): it must be a file of USPS in LIBSVM's form") from error


class SvhnFiles(TwoFiles):
    """Matlab files of digits cut from photos (Netzer et al. 2011); the label 10 is the digit 0."""

    @staticmethod
    def part(path: Path) -> Part:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError

        try:
            content = loadmat(path)
            labels = content["y"].astype(np.int64).reshape(-1) % 10
            return Part(np.ascontiguousarray(content["X"].transpose(3, 2, 0, 1)), labels)
        except (OSError, ValueError, KeyError, TypeError, MatReadError) as error:
            raise UserError(f"{path} cannot be read ({error}): it must be a .mat file of SVHN") from error


@dataclass(frozen=True)
class CifarFiles(PublishedFiles):
    """A tar file of pickled batches (Krizhevsky 2009). Its SHA-256 is compared before anything is unpickled."""

    batches: tuple[str, ...]  # the members with training images
    test: str  # the member with test images
    labels: str  # the key of the labels

    def parts(self, find: Callable[[str], Path]) -> tuple[Part, Part]:
        path = find(next(iter(self.digests)))
        try:
            with tarfile.open(path, "r:gz") as archive:
                train, test = (self._part(archive, names) for names in (self.batches, (self.test,)))
                return train, test
        except (OSError, KeyError, tarfile.TarError, pickle.UnpicklingError, EOFError) as error:
            raise UserError(f"{path} cannot be read ({error}): it must be the Python version of CIFAR") from error

    def _part(self, archive: tarfile.TarFile, names: tuple[str, ...]) -> Part:
        images, labels = [], []
        for name in names:
            file = archive.extractfile(name)
            if file is None:
                raise KeyError(name)
            content = _Arrays(file, encoding="latin1").load()
            images.append(np.asarray(content["data"], dtype=np.uint8).reshape(-1, 3, 32, 32))
            labels += content[self.labels]
        return Part(np.concatenate(images), np.array(labels, dtype=np.int64))


class _Arrays(pickle.Unpickler):
    """Makes numpy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        match module.replace("numpy._core", "numpy.core"), name:
            case "numpy.core.multiarray", "_reconstruct":
                return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
            case "numpy", "ndarray" | "dtype":
                return getattr(np, name)
            case "_codecs", "encode":  # bytes, as Python 3 writes them for Python 2
                return codecs.encode
        raise pickle.UnpicklingError(f"it holds a {module}.{name}")
