"""Data sets that several test files use. Each is prepared once per run, below pytest's own temporary folder."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import chromium
from playwright.sync_api import Browser

from underbudget.search.data.sources import prepare
from underbudget.search.data.store import Dataset, Part, PartName, write_dataset


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The embedded digits, prepared."""
    return prepare("digits", tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="session")
def mnist_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of its own with the four real files of MNIST; skips unless UNDERBUDGET_DATA names one."""
    given = os.environ.get("UNDERBUDGET_DATA")
    if not given:
        pytest.skip("real MNIST: set UNDERBUDGET_DATA to a folder with the four .gz files in MNIST/raw")
    files = sorted(Path(given).expanduser().glob("MNIST/raw/*-ubyte.gz"))
    if len(files) != 4:
        pytest.skip(f"real MNIST: UNDERBUDGET_DATA is {given}, which has {len(files)} of the 4 .gz files in MNIST/raw")
    folder = tmp_path_factory.mktemp("mnist")
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, raw / file.name)
    return folder


@pytest.fixture(scope="session")
def mnist(mnist_dir: Path) -> Dataset:
    """Real MNIST, prepared."""
    return prepare("mnist", mnist_dir)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; skips where there is none."""
    with chromium() as found:
        yield found


QUADRANTS: dict[PartName, int] = {"train": 97, "validation": 41, "test": 4}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One torch thread, as in a worker."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Each kind of device that trainings run on; skips where there is no such one."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device: torch.cuda.is_available() is False")
    return str(request.param)


@pytest.fixture(scope="session")
def quadrants(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Noise of 8x8 with one bright quadrant, whose number is the class: easy to learn, and every image is different."""
    random = np.random.default_rng(0)

    def part(count: int) -> Part:
        labels = np.arange(count, dtype=np.int64) % 4
        images = random.integers(0, 80, (count, 1, 8, 8), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[0, 4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 120
        return Part(images, labels)

    folder = tmp_path_factory.mktemp("quadrants") / "store"
    return write_dataset(
        folder, "quadrants", "quadrants", list("abcd"), {name: part(n) for name, n in QUADRANTS.items()}
    )
