"""A prepared data set: a folder of memory-mapped arrays with a fixed split and a checksum.

    dataset.json                            what it is: DatasetInfo, and size and sha256 of each array
    train-images.npy  train-labels.npy      likewise validation-... and test-...

Images are uint8 (n, channels, height, width), labels int64 (n,). Only `part("test")` and a full `verify` open the file
with the labels of the test part. Needs numpy only.

Stores have two versions. Version 1 is that of the data sets that the program knows by name; its checksum covers the
name and the content. Version 2 is that of a user's own data: its checksum covers content, class names, mean, deviation
and front end, and nothing that a copy in another place would change, so it has no name in it.
"""

import hashlib
import itertools
import json
import math
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.models.files import json_value
from underbudget.search.data.definition import Definition

STORE_VERSION = 2  # the newest
HEADER = "dataset.json"

PartName = Literal["train", "validation", "test"]
PARTS: tuple[PartName, ...] = ("train", "validation", "test")
ARRAYS = tuple(itertools.product(PARTS, ("images", "labels")))  # each a file, in the order of the checksum


@dataclass(frozen=True)
class Part:
    """Images and their classes. From a store both are memory-mapped and read-only."""

    images: npt.NDArray[np.uint8]  # (n, channels, height, width), 0..255
    labels: npt.NDArray[np.int64]  # (n,), 0..classes-1


@dataclass(frozen=True)
class DatasetInfo:
    """A prepared data set without its images."""

    name: str  # as on the command line, e.g. "mnist"
    title: str
    input_shape: tuple[int, int, int]  # (channels, height, width)
    classes: tuple[str, ...]  # names, by label
    counts: dict[str, int]  # images per part
    mean: tuple[float, ...]  # per channel, over the train part, pixels scaled to 0..1
    std: tuple[float, ...]
    checksum: str  # sha256 over shapes and bytes of every part, hence of the split too, and more by the version; hex
    # Of a user's own data: how an image is made of what a camera, a microphone or a sensor gives; "kind" says which.
    frontend: dict[str, Any] | None = None
    definition: Definition | None = None  # of a user's own data: what it is made from

    @property
    def store_version(self) -> int:
        """1 for a data set that the program knows by name, 2 for a user's own."""
        return 1 if self.frontend is None else 2

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of everything said here, hex; without the names that a store of version 2 leaves out."""
        content = self.to_json()
        if self.store_version > 1:
            content |= {"name": "", "title": "", "definition": None}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        content = {name: value for name, value in vars(self).items() if name != "fingerprint" and value is not None}
        return content if self.definition is None else {**content, "definition": self.definition.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "DatasetInfo":
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError for anything else."""
        channels, height, width = map(int, value["input_shape"])
        counts: dict[str, int] = {part: int(value["counts"][part]) for part in PARTS}
        rest = {name: tuple(value[name]) for name in ("classes", "mean", "std")}
        texts = (value["name"], value["title"], value["checksum"], *rest["classes"])
        numbers = (*rest["mean"], *rest["std"])
        if not all(isinstance(text, str) for text in texts) or len(numbers) != 2 * channels:
            raise ValueError("names are text, mean and std have a number per channel")
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("mean and std are finite")
        if (frontend := value.get("frontend")) is not None and not isinstance(frontend.get("kind"), str):
            raise ValueError("a front end has a kind")
        definition = value.get("definition")
        return cls(
            value["name"],
            value["title"],
            (channels, height, width),
            counts=counts,
            checksum=value["checksum"],
            frontend=frontend,
            definition=None if definition is None else Definition.from_json(definition),
            **rest,
        )


@dataclass(frozen=True)
class Dataset:
    """A prepared data set in its folder."""

    info: DatasetInfo
    folder: Path

    def part(self, name: PartName) -> Part:
        """Map a part into memory; nothing is read yet. Raises UserError when its files are not what `info` says."""
        if name not in PARTS:
            raise ValueError(f"a data set has the parts {', '.join(PARTS)}, not {name!r}")
        return Part(self._map(name, "images"), self._map(name, "labels"))

    def images(self, name: PartName) -> npt.NDArray[np.uint8]:
        """A part's images alone, as `part` gives them: its labels stay unopened."""
        return self._map(name, "images")

    def _map(self, part: PartName, kind: str) -> npt.NDArray[Any]:
        path = self.folder / _file(part, kind)
        dtype = np.dtype(np.uint8 if kind == "images" else "<i8")
        try:
            array: npt.NDArray[Any] = np.load(path, mmap_mode="r")
        except Exception as error:  # numpy evaluates the head of a file, which may end in any way
            what = " ".join(str(error).split())[:200]
            raise damaged(self.folder, f"{path.name} cannot be read ({what})") from error
        if array.shape != _shape(self.info, part, kind) or array.dtype != dtype:
            raise damaged(self.folder, f"{path.name} holds {array.dtype} {array.shape}")
        return array


def open_dataset(folder: Path) -> Dataset:
    """Open a prepared data set by its header and the sizes of its files: milliseconds. Raises UserError when there is
    none, when it is damaged, or when a newer version wrote it."""
    info, files = _read_header(folder)
    for name, entry in files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size != entry["bytes"]:
            found = "is missing" if size is None else f"has {size} bytes instead of {entry['bytes']}"
            raise damaged(folder, f"{name} {found}")
    return Dataset(info, folder)


def verify(dataset: Dataset, parts: Sequence[PartName] = PARTS) -> None:
    """Read every byte of `parts` and compare with the checksum, and, of the train part, with mean and deviation where
    the checksum does not cover them. Raises UserError when the store was changed."""
    info, files = _read_header(dataset.folder)
    digests = {name: entry["sha256"] for name, entry in files.items()}
    if dataset.info != info or _checksum(info, digests) != info.checksum:
        raise damaged(dataset.folder, f"{HEADER} was changed")
    for part in parts:
        for kind, array in vars(dataset.part(part)).items():
            if _sha256(array) != digests[_file(part, kind)]:
                raise damaged(dataset.folder, f"{_file(part, kind)} was changed")
        is_covered = info.store_version > 1 or part != "train"
        if not is_covered and channel_statistics(dataset.images(part)) != (info.mean, info.std):
            raise damaged(dataset.folder, f"mean or std in {HEADER} was changed")


def write_dataset(
    folder: Path,
    name: str,
    title: str,
    classes: Sequence[str],
    parts: Mapping[PartName, Part],
    frontend: dict[str, Any] | None = None,
) -> Dataset:
    """Write a data set of all three parts and open it. With a front end it is of version 2: name and title are "".

    `folder` appears at once, complete, by a rename; a data set that is already there is kept. In its name, {checksum}
    stands for the first 16 digits of the checksum. Two processes may do this at the same time: one of them wins.
    Raises ValueError for arrays of another form than `Part` says.
    """
    arrays = {(part, kind): vars(parts[part])[kind] for part, kind in ARRAYS}
    _check(arrays, len(classes))
    digests = {_file(*key): _sha256(array) for key, array in arrays.items()}
    _, *input_shape = parts["train"].images.shape
    counts: dict[str, int] = {part: len(parts[part].images) for part in PARTS}
    statistics = channel_statistics(parts["train"].images)
    shape: Any = tuple(input_shape)
    info = DatasetInfo(name, title, shape, tuple(classes), counts, *statistics, checksum="", frontend=frontend)
    info = replace(info, checksum=_checksum(info, digests))
    folder = folder.with_name(folder.name.replace("{checksum}", info.checksum[:16]))
    if folder.is_dir():
        return open_dataset(folder)

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:12]}")
    try:
        unfinished.mkdir()
        files = {}
        for key, array in arrays.items():
            path = unfinished / _file(*key)
            np.save(path, array)
            files[path.name] = {"bytes": path.stat().st_size, "sha256": digests[path.name]}
        header = {"store_version": info.store_version, "info": info.to_json(), "files": files}
        (unfinished / HEADER).write_text(json.dumps(header, indent=1) + "\n", encoding="utf-8")
        try:
            os.rename(unfinished, folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster, and its work is as good as ours
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return open_dataset(folder)


def channel_statistics(images: npt.NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and (population) standard deviation per channel of pixels scaled to 0..1, for images (n, c, h, w).

    Worked out from the counts of the 256 pixel values in integers, so that they are the same on every machine.
    """
    means, deviations = [], []
    for channel in range(images.shape[1]):
        times_of = np.zeros(256, dtype=np.int64)
        for start in range(0, len(images), 4096):  # bincount makes 8 bytes of each pixel: not of all at once
            times_of += np.bincount(images[start : start + 4096, channel].ravel(), minlength=256)
        pairs = list(enumerate(times_of.tolist()))
        count, total, squares = (sum(value**power * times for value, times in pairs) for power in range(3))
        means.append(total / count / 255)
        deviations.append(((count * squares - total * total) / count**2) ** 0.5 / 255)
    return tuple(means), tuple(deviations)


def _file(part: PartName, kind: str) -> str:
    return f"{part}-{kind}.npy"


def _shape(info: DatasetInfo, part: PartName, kind: str) -> tuple[int, ...]:
    return (info.counts[part], *info.input_shape) if kind == "images" else (info.counts[part],)


def _sha256(array: npt.NDArray[Any]) -> str:
    """Digest of the values alone, little-endian and in C order: the header of a .npy file may differ by version."""
    little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return hashlib.sha256(little.data).hexdigest()


def _checksum(info: DatasetInfo, digests: Mapping[str, str]) -> str:
    if info.frontend is None:
        lines = ["underbudget dataset 1", info.name]
    else:
        lines = [
            "underbudget dataset 2",
            json.dumps([info.classes, info.mean, info.std, info.frontend], sort_keys=True),
        ]
    for part, kind in ARRAYS:
        shape = "x".join(map(str, _shape(info, part, kind)))
        lines.append(f"{part} {kind} {shape} {digests[_file(part, kind)]}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _check(arrays: Mapping[tuple[PartName, str], npt.NDArray[Any]], classes: int) -> None:
    input_shape = arrays["train", "images"].shape[1:]
    for part in PARTS:
        images, labels = arrays[part, "images"], arrays[part, "labels"]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != input_shape or not images.size:
            raise ValueError(
                f"{part} images must be uint8 (n, channels, height, width), not {images.dtype} {images.shape}"
            )
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise ValueError(f"{part} labels must be int64 ({len(images)},), not {labels.dtype} {labels.shape}")
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"{part} labels must be 0..{classes - 1}, not {labels.min()}..{labels.max()}")


def _read_header(folder: Path) -> tuple[DatasetInfo, dict[str, dict[str, Any]]]:
    """What a store is, and of each of its files `bytes` and `sha256`, of the values."""
    try:
        header = json_value((folder / HEADER).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"no prepared data set in {folder}: launch a search on one to prepare it") from None
    except OSError as error:
        raise UserError(f"{folder / HEADER} cannot be read ({error.strerror}): check its permissions") from error
    except ValueError as error:
        raise damaged(folder, f"{HEADER} is no JSON") from error
    version = header.get("store_version") if isinstance(header, dict) else None
    if isinstance(version, int) and version > STORE_VERSION:
        raise UserError(
            f"the prepared data set {folder} has version {version}, this program reads {STORE_VERSION}: upgrade it"
        )
    try:
        entries = ((name, header["files"][name]) for name in (_file(*array) for array in ARRAYS))
        files = {name: {"bytes": int(entry["bytes"]), "sha256": str(entry["sha256"])} for name, entry in entries}
        return DatasetInfo.from_json(header["info"]), files
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(folder, f"{HEADER} is incomplete") from error


def damaged(folder: Path, what: str) -> UserError:
    """The error of a store that is not as it was written."""
    return UserError(f"the prepared data set {folder} is damaged: {what}; delete that folder and start again")
