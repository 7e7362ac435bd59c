"""Where data sets come from: names, folders, files, downloads; on small files of MNIST's form."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torchvision

from underbudget.models.errors import UserError
from underbudget.search.data.idx import IdxFiles, read_idx
from underbudget.search.data.named_sets import DATASETS
from underbudget.search.data.sources import data_folder, prepare
from underbudget.search.data.store import Dataset, verify


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A platform cache folder and an environment of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *args, **options: str(folder))
    monkeypatch.delenv("UNDERBUDGET_DATA", raising=False)
    return folder


def idx(array: np.ndarray) -> bytes:
    """A gzipped IDX file, written out by hand: type 8, dimensions, big-endian sizes, bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(bytes((0, 0, 8, array.ndim)) + sizes + array.astype(np.uint8).tobytes(), mtime=0)


@dataclasses.dataclass(frozen=True)
class Small:
    """A data set of 60 + 10 images of 28x28 that stands for fashion-mnist."""

    images: np.ndarray  # (70, 28, 28)
    labels: np.ndarray
    content: dict[str, bytes]  # by file name

    def put(self, folder: Path) -> Path:
        raw = folder / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for name, content in self.content.items():
            (raw / name).write_bytes(content)
        return raw


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Small:
    images = np.random.default_rng(0).integers(0, 256, (70, 28, 28), dtype=np.uint8)
    labels = np.arange(70) % 10
    content = {
        "train-images-idx3-ubyte.gz": idx(images[:60]),
        "train-labels-idx1-ubyte.gz": idx(labels[:60]),
        "t10k-images-idx3-ubyte.gz": idx(images[60:]),
        "t10k-labels-idx1-ubyte.gz": idx(labels[60:]),
    }
    files = IdxFiles("FashionMNIST", {name: hashlib.md5(data).hexdigest() for name, data in content.items()})
    monkeypatch.setitem(DATASETS, "fashion-mnist", dataclasses.replace(DATASETS["fashion-mnist"], files=files))
    return Small(images, labels, content)


@pytest.fixture
def mirror(tmp_path: Path, small: Small, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A web server on this machine that torchvision takes for the mirror of Fashion-MNIST; gives its folder."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in small.content.items():
        (folder / name).write_bytes(content)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [url])
        yield folder
        server.shutdown()
        thread.join()


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# --- names and folders


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", "unknown data set 'mnits': did you mean mnist? there are digits, mnist, fashion-mnist, kmnist"),
        ("Fashion_MNIST", "did you mean fashion-mnist?"),
        ("zzz", "unknown data set 'zzz': there are digits, mnist, fashion-mnist, kmnist"),
    ],
)
def test_an_unknown_name(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        prepare(name, tmp_path)
    assert message in one_line(caught)
    assert list(tmp_path.iterdir()) == []


def test_what_decides_on_the_folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_folder() == (cache, "platform cache folder")
    monkeypatch.setenv("UNDERBUDGET_DATA", "")
    assert data_folder() == (cache, "platform cache folder")
    monkeypatch.setenv("UNDERBUDGET_DATA", str(tmp_path / "named"))
    assert data_folder() == (tmp_path / "named", "UNDERBUDGET_DATA")
    assert data_folder(tmp_path / "given") == (tmp_path / "given", "--data-dir")
    assert data_folder(Path("~/data")) == (Path.home() / "data", "--data-dir")


# --- preparing


def test_small_files_become_a_store(small: Small, tmp_path: Path) -> None:
    small.put(tmp_path)
    lines: list[str] = []
    dataset = prepare("fashion-mnist", tmp_path, lines.append)
    assert lines[0] == f"data folder: {tmp_path} (--data-dir)"
    assert "50 train, 10 validation, 10 test images" in lines[-1]
    assert dataset.folder.parent == tmp_path / "prepared"
    assert dataset.info.input_shape == (1, 28, 28)
    assert dataset.info.classes[9] == "Ankle boot"
    verify(dataset)

    test = dataset.part("test")
    np.testing.assert_array_equal(test.images[:, 0], small.images[60:])
    np.testing.assert_array_equal(test.labels, small.labels[60:])
    seen = []
    for name, per_class in (("train", 5), ("validation", 1)):
        part = dataset.part(name)
        assert np.bincount(part.labels).tolist() == [per_class] * 10
        for image, label in zip(part.images, part.labels, strict=True):
            original = next(i for i in range(60) if np.array_equal(small.images[i], image[0]))
            assert small.labels[original] == label
            seen.append(original)
    assert sorted(seen) == list(range(60))

    lines.clear()
    assert prepare("fashion-mnist", tmp_path, lines.append) == dataset
    assert lines == [f"data folder: {tmp_path} (--data-dir)"]


def test_the_store_does_without_the_files_once_it_is_there(small: Small, tmp_path: Path) -> None:
    raw = small.put(tmp_path)
    dataset = prepare("fashion-mnist", tmp_path)
    for file in raw.iterdir():
        file.unlink()
    assert prepare("fashion-mnist", tmp_path) == dataset


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_corrupt_file_is_named(small: Small, tmp_path: Path, damage: str, prepared: bool) -> None:
    raw = small.put(tmp_path)
    if prepared:
        prepare("fashion-mnist", tmp_path)
    path = raw / "t10k-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes({"cut": path.read_bytes()[:-100], "changed": content, "empty": b""}[damage])
    with pytest.raises(UserError) as caught:
        prepare("fashion-mnist", tmp_path)
    expected = hashlib.md5(small.content[path.name]).hexdigest()
    text = one_line(caught)
    assert text.startswith(f"{path} is corrupt or incomplete: its MD5 must be {expected}")
    assert "delete the file and start again to download it" in text
    assert prepared or list((tmp_path / "prepared").glob("*")) == []


def test_a_changed_store_is_not_used(small: Small, tmp_path: Path) -> None:
    small.put(tmp_path)
    path = prepare("fashion-mnist", tmp_path).folder / "train-labels.npy"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        prepare("fashion-mnist", tmp_path)
    assert "train-labels.npy was changed; delete that folder and start again" in one_line(caught)


def test_preparing_again_does_not_read_the_test_labels(small: Small, tmp_path: Path) -> None:
    small.put(tmp_path)
    path = prepare("fashion-mnist", tmp_path).folder / "test-labels.npy"
    path.write_bytes(b"x" * path.stat().st_size)  # any reader of it would fail
    assert prepare("fashion-mnist", tmp_path).info.counts["test"] == 10


def test_an_interrupted_preparation_is_done_again(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.put(tmp_path)
    save = np.save

    def interrupted(path: Path, array: np.ndarray) -> None:
        if "test" in path.name:
            raise KeyboardInterrupt
        save(path, array)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare("fashion-mnist", tmp_path)
    assert list((tmp_path / "prepared").iterdir()) == []
    verify(prepare("fashion-mnist", tmp_path))


def test_a_read_only_folder_is_left_alone(small: Small, tmp_path: Path, cache: Path) -> None:
    data = tmp_path / "data"
    small.put(data)
    data.chmod(0o555)
    if data.stat().st_mode & 0o222:
        pytest.skip("this platform has no permission bits for folders")
    lines: list[str] = []
    try:
        dataset = prepare("fashion-mnist", data, lines.append)
        assert prepare("fashion-mnist", data, lines.append) == dataset
    finally:
        data.chmod(0o755)
    assert dataset.folder.parent == cache / "prepared"
    assert f"{data} cannot be written: the prepared data set lies in {cache}" in lines
    assert sorted(path.name for path in data.iterdir()) == ["FashionMNIST"]


def test_no_folder_can_be_written(tmp_path: Path, cache: Path) -> None:
    data = tmp_path / "data"
    for folder in (data, cache):
        folder.mkdir()
        (folder / "prepared").write_text("a file is in the way")
    with pytest.raises(UserError) as caught:
        prepare("digits", data)
    assert one_line(caught) == f"neither {data} nor {cache} can be written: name a folder that can be by --data-dir"


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="must be a folder, it is a file"):
        prepare("digits", tmp_path / "file")


# --- downloading


def test_missing_files_are_downloaded(small: Small, mirror: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    lines: list[str] = []
    verify(prepare("fashion-mnist", data, lines.append))
    assert sum(line.startswith("downloading http://127.0.0.1:") for line in lines) == 4
    raw = data / "FashionMNIST" / "raw"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == small.content


def test_only_what_is_missing_is_downloaded(small: Small, mirror: Path, tmp_path: Path) -> None:
    raw = small.put(tmp_path / "data")
    (raw / "train-labels-idx1-ubyte.gz").unlink()
    lines: list[str] = []
    prepare("fashion-mnist", tmp_path / "data", lines.append)
    downloads = [line for line in lines if "downloading" in line]
    assert len(downloads) == 1
    assert downloads[0].endswith("/train-labels-idx1-ubyte.gz")


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_bad_download_leaves_nothing(small: Small, mirror: Path, tmp_path: Path, damage: str) -> None:
    name = "t10k-images-idx3-ubyte.gz"
    (mirror / name).write_bytes(small.content[name][:-50]) if damage == "cut" else (mirror / name).unlink()
    data = tmp_path / "data"
    with pytest.raises(UserError) as caught:
        prepare("fashion-mnist", data)
    assert one_line(caught).startswith(f"{name} could not be downloaded (")
    raw = data / "FashionMNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    assert list((data / "prepared").iterdir()) == []

    (mirror / name).write_bytes(small.content[name])
    verify(prepare("fashion-mnist", data))


def test_without_a_network_the_ways_out_are_named(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:1/"])  # nobody listens
    with pytest.raises(UserError) as caught:
        prepare("fashion-mnist", tmp_path)
    text = one_line(caught)
    for way_out in (*small.content, f"into {tmp_path}/FashionMNIST/raw", "--data-dir", "UNDERBUDGET_DATA", "digits"):
        assert way_out in text


# --- the IDX reader


NO_IDX = {
    "no gzip": b"no gzip at all",
    "nothing": gzip.compress(b""),
    "9 announced, 8 there": gzip.compress(bytes((0, 0, 8, 1, 0, 0, 0, 9)) + bytes(8)),
    "floats": gzip.compress(bytes((0, 0, 13, 1, 0, 0, 0, 8)) + bytes(8)),
    "an image": gzip.compress(bytes((0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5))),
    "cut": idx(np.zeros(5))[:-12],
}


@pytest.mark.parametrize("content", NO_IDX.values(), ids=NO_IDX.keys())
def test_what_is_no_idx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="IDX file") as caught:
        read_idx(path, dimensions=1)
    assert str(path) in one_line(caught)


# --- what is imported

LIGHT = """
import sys
from pathlib import Path
from underbudget.search.data.sources import prepare
prepare(sys.argv[1], Path(sys.argv[2]), lambda line: None)
heavy = {"torch", "torchvision", "optuna", "pandas", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""


def test_opening_what_is_prepared_imports_nothing_heavy(digits: Dataset) -> None:
    command = [sys.executable, "-c", LIGHT, "digits", str(digits.folder.parent.parent)]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
