"""What is in the data sets: the embedded digits and real MNIST, against scikit-learn, torch, Pillow and torchvision."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from underbudget.models.errors import UserError
from underbudget.search.data.digits import enlarge
from underbudget.search.data.named_sets import DATASETS
from underbudget.search.data.sources import prepare
from underbudget.search.data.store import PARTS, Dataset, verify

MNIST_CHECKSUM = "b1204d740d339238d959892baae1cb5d373020fe51e5c1ff6c8de5dc3702760c"
DIGITS_CHECKSUM = "34ac1ecd30c83b470fbc82dd7b529d8bf06174941fca491e9434959370b099af"


# --- digits


def test_digits_are_whole_and_frozen(digits: Dataset) -> None:
    info = digits.info
    assert info.counts == {"train": 1258, "validation": 270, "test": 269}
    assert info.input_shape == DATASETS["digits"].input_shape
    assert sum(info.counts.values()) == DATASETS["digits"].images
    assert info.checksum == DIGITS_CHECKSUM
    verify(digits)
    counts = np.array([np.bincount(digits.part(name).labels, minlength=10) for name in PARTS])
    assert counts.sum(axis=0).tolist() == np.bincount(load_digits().target).tolist()
    exact = np.outer([1258, 270, 269], np.bincount(load_digits().target)) / 1797
    assert np.abs(counts - exact).max() <= 1


def test_enlarged_digits_are_torchs_and_pillows() -> None:
    images = load_digits().images
    ours = enlarge(images.astype(np.int64))
    bordered = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    theirs = torch.nn.functional.interpolate(torch.from_numpy(bordered)[:, None], size=(28, 28), mode="bilinear")
    # torch works in floating point: a value that lies between two integers may fall to either side.
    assert np.abs(ours - (theirs * 255 / 16).numpy()).max() <= 0.5 + 1e-9
    picture = Image.fromarray(bordered[7].astype(np.float32)).resize((28, 28), Image.Resampling.BILINEAR)
    assert np.abs(ours[7, 0] - np.asarray(picture) * 255 / 16).max() <= 0.5 + 1e-4


def test_enlarged_digits_are_as_readable_as_the_originals(digits: Dataset) -> None:
    train, validation = digits.part("train"), digits.part("validation")
    model = KNeighborsClassifier(3).fit(train.images.reshape(len(train.images), -1), train.labels)
    assert model.score(validation.images.reshape(len(validation.images), -1), validation.labels) > 0.97


# --- real MNIST


def test_real_mnist_is_whole_and_frozen(mnist: Dataset) -> None:
    info = mnist.info
    assert info.counts == {"train": 50_000, "validation": 10_000, "test": 10_000}
    assert info.checksum == MNIST_CHECKSUM
    assert info.mean == pytest.approx([0.1307], abs=5e-4)
    assert info.std == pytest.approx([0.3081], abs=5e-4)
    verify(mnist)


def test_real_mnist_is_torchvisions(mnist: Dataset, mnist_dir: Path, tmp_path: Path) -> None:
    """torchvision's reader of the same files: the test part as it is, the rest as a whole, class by class."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in mnist_dir.glob("MNIST/raw/*.gz"):
        (raw / file.name).write_bytes(file.read_bytes())
    theirs = torchvision.datasets.MNIST(tmp_path, train=False, download=True)
    test = mnist.part("test")
    np.testing.assert_array_equal(test.images[:, 0], theirs.data.numpy())
    np.testing.assert_array_equal(test.labels, theirs.targets.numpy())

    theirs = torchvision.datasets.MNIST(tmp_path, train=True)
    given = sorted(
        hashlib.sha256(image.tobytes() + bytes([label])).digest()
        for image, label in zip(theirs.data.numpy(), theirs.targets.tolist(), strict=True)
    )
    train, validation = mnist.part("train"), mnist.part("validation")
    ours = sorted(
        hashlib.sha256(image.tobytes() + bytes([label])).digest()
        for part in (train, validation)
        for image, label in zip(part.images, part.labels, strict=True)
    )
    assert ours == given
    share = np.bincount(theirs.targets.numpy()) / 6
    assert np.abs(np.bincount(validation.labels) - share).max() <= 1


def test_a_corrupt_file_of_real_mnist_is_named(mnist_dir: Path, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in mnist_dir.glob("MNIST/raw/*.gz"):
        (raw / file.name).write_bytes(file.read_bytes())
    path = raw / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:5_000_000])
    with pytest.raises(UserError, match="its MD5 must be f68b3c2dcbeaaa9fbdd348bbdeb94873"):
        prepare("mnist", tmp_path)
