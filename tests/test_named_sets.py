"""The named data sets: checksums and addresses are torchvision's, and small files of each form are read as it does."""

import bz2
import gzip
import hashlib
import io
import pickle
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torchvision
from torchvision.datasets import CIFAR10, CIFAR100, EMNIST, SVHN, USPS

from underbudget.models.errors import UserError
from underbudget.search.data.archives import CifarFiles, EmnistFiles, SvhnFiles, UspsFiles
from underbudget.search.data.idx import IdxFiles
from underbudget.search.data.named_sets import DATASETS
from underbudget.search.data.published import PublishedFiles
from underbudget.search.data.sources import prepare
from underbudget.search.data.store import Part
from underbudget.search.training.built_in_recipes import AUGMENTATIONS

FILES: dict[str, PublishedFiles] = {name: each.files for name, each in DATASETS.items() if each.files}
SOURCE = np.random.default_rng(0)


def test_every_set_says_where_it_comes_from() -> None:
    for name, each in DATASETS.items():
        assert each.licence
        assert each.origin
        assert each.augmentation in AUGMENTATIONS
        assert len(set(each.classes)) == len(each.classes), name
        assert name == "digits" or name in FILES


def test_files_of_mnists_form_are_torchvisions() -> None:
    of_form = {name: files for name, files in FILES.items() if isinstance(files, IdxFiles)}
    assert set(of_form) == {"mnist", "fashion-mnist", "kmnist"}
    for files in of_form.values():
        theirs = getattr(torchvision.datasets, files.torchvision)
        assert list(files.digests.items()) == theirs.resources
        assert files.place(Path("data")) == Path("data", theirs.__name__, "raw")
        name = theirs.resources[0][0]
        assert files.urls(name) == [mirror + name for mirror in theirs.mirrors]
    assert list(DATASETS["kmnist"].classes) == torchvision.datasets.KMNIST.classes


def test_the_other_files_are_torchvisions() -> None:
    for word in ("letters", "balanced"):
        source = DATASETS[f"emnist-{word}"]
        assert source.files is not None
        assert source.files.digests == {"gzip.zip": EMNIST.md5}
        assert source.files.urls("gzip.zip") == [EMNIST.url]
        assert [*source.classes] == [name for name in EMNIST.classes_split_dict[word] if name != "N/A"]
    for name, theirs in (("usps", USPS), ("svhn", SVHN)):
        lists: dict[str, Any] = theirs.split_list
        listed = [lists[part] for part in ("train", "test")]
        assert FILES[name].digests == {file: md5 for _, file, md5 in listed}
        for url, file, _ in listed:
            assert FILES[name].urls(file) == [url]
    for name, cifar in (("cifar10", CIFAR10), ("cifar100", CIFAR100)):
        files = FILES[name]
        assert isinstance(files, CifarFiles)
        assert list(files.digests) == [cifar.filename]
        assert all(len(digest) == 64 for digest in files.digests.values())  # SHA-256: they are unpickled
        assert [Path(batch).name for batch in files.batches] == [batch for batch, _ in cifar.train_list]
        assert Path(files.test).name == cifar.test_list[0][0]
        assert files.urls(cifar.filename) == [cifar.url]


def written(files: PublishedFiles, folder: Path, content: dict[str, bytes]) -> PublishedFiles:
    """The files with other content, and its checksums in place of the publisher's."""
    files.place(folder).mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (files.place(folder) / name).write_bytes(data)
    return replace(files, digests={name: hashlib.sha256(data).hexdigest() for name, data in content.items()})


def check_equal(part: Part, images: Any, labels: Any) -> None:
    np.testing.assert_array_equal(part.images, images)
    np.testing.assert_array_equal(part.labels, labels)
    assert part.images.dtype == np.uint8
    assert part.labels.dtype == np.int64


def test_emnist_is_read_from_its_zip_and_turned_upright(tmp_path: Path) -> None:
    content, packed = io.BytesIO(), {}
    for word, count in (("train", 6), ("test", 3)):
        images = SOURCE.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(1, count + 1, dtype=np.uint8)
        packed[word] = (images, labels)
    with zipfile.ZipFile(content, "w") as archive:
        for word, pair in packed.items():
            for kind, array in zip(("images", "labels"), pair, strict=True):
                header = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
                name = f"gzip/emnist-letters-{word}-{kind}-idx{array.ndim}-ubyte.gz"
                archive.writestr(name, gzip.compress(header + array.tobytes()))
    files = written(FILES["emnist-letters"], tmp_path, {"gzip.zip": content.getvalue()})
    assert isinstance(files, EmnistFiles)
    for part, (images, labels) in zip(files.read([tmp_path]), packed.values(), strict=True):
        check_equal(part, images.transpose(0, 2, 1)[:, None], labels - 1)
    with pytest.raises(UserError, match="There is no item named"):
        replace(files, split="balanced").read([tmp_path])


def test_usps_is_read_as_torchvision_reads_it(tmp_path: Path) -> None:
    content = {}
    for name, count in (("usps.bz2", 7), ("usps.t.bz2", 4)):
        rows = SOURCE.uniform(-1, 1, (count, 256)).round(6)
        lines = [
            " ".join([str(number % 10 + 1), *(f"{place + 1}:{value:g}" for place, value in enumerate(row))])
            for number, row in enumerate(rows)
        ]
        content[name] = bz2.compress("\n".join(lines).encode())
    files = written(FILES["usps"], tmp_path, content)
    assert isinstance(files, UspsFiles)
    for part, is_train in zip(files.read([tmp_path]), (True, False), strict=True):
        theirs = USPS(tmp_path, train=is_train)
        check_equal(part, np.asarray(theirs.data)[:, None], theirs.targets)


def test_svhn_is_read_as_torchvision_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {}
    for name, count in (("train_32x32.mat", 12), ("test_32x32.mat", 10)):
        file = io.BytesIO()
        images = SOURCE.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]
        scipy.io.savemat(file, {"X": images, "y": labels})
        content[name] = file.getvalue()
    files = written(FILES["svhn"], tmp_path, content)
    assert isinstance(files, SvhnFiles)
    monkeypatch.setattr(SVHN, "_check_integrity", lambda self: True)  # of the publisher's files
    for part, split in zip(files.read([tmp_path]), ("train", "test"), strict=True):
        theirs = SVHN(tmp_path, split=split)
        check_equal(part, theirs.data, theirs.labels)


def cifar_archive(batches: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, batch in batches.items():
            data = batch if isinstance(batch, bytes) else pickle.dumps(batch, protocol=2)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


@pytest.mark.parametrize(("name", "theirs"), [("cifar10", CIFAR10), ("cifar100", CIFAR100)])
def test_cifar_is_read_as_torchvision_reads_it(
    name: str, theirs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FILES[name]
    assert isinstance(files, CifarFiles)
    batches: dict[str, Any] = {
        batch: {
            "data": SOURCE.integers(0, 256, (5, 3072), dtype=np.uint8),
            files.labels: list(range(5)),
        }
        for batch in (*files.batches, files.test)
    }
    batches[f"{theirs.base_folder}/{theirs.meta['filename']}"] = {theirs.meta["key"]: list(DATASETS[name].classes)}
    files = written(files, tmp_path, {theirs.filename: cifar_archive(batches)})
    with tarfile.open(tmp_path / theirs.filename) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *given: True)
    for part, is_train in zip(files.read([tmp_path]), (True, False), strict=True):
        known = theirs(tmp_path, train=is_train)
        check_equal(part, np.asarray(known.data).transpose(0, 3, 1, 2), known.targets)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("open('harmed', 'w').close()",)


def test_a_foreign_archive_is_refused_before_and_while_it_is_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = FILES["cifar10"]
    assert isinstance(files, CifarFiles)
    archive = cifar_archive({name: pickle.dumps(Evil()) for name in (*files.batches, files.test)})
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(archive)
    with pytest.raises(UserError, match="its SHA-256 must be 6d958be074577803d12ecdefd02955f3"):
        prepare("cifar10", tmp_path)
    with pytest.raises(UserError, match=r"it holds a builtins\.eval"):
        written(files, tmp_path, {"cifar-10-python.tar.gz": archive}).read([tmp_path])
    assert not Path("harmed").exists()


@pytest.mark.parametrize("name", ["emnist-letters", "usps", "svhn", "cifar10"])
def test_a_file_of_another_form_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    files = written(FILES[name], tmp_path, dict.fromkeys(FILES[name].digests, b"no such thing"))
    with pytest.raises(UserError, match="cannot be read") as caught:
        files.read([tmp_path])
    assert "\n" not in str(caught.value)
