"""Data sets that several test files use. Each is prepared once per run, below pytest's own temporary folder."""

import os
import shutil
from pathlib import Path

import pytest

from search.data.sources import prepare
from search.data.store import Dataset


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
