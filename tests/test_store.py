"""The prepared store: atomic, checked, the same checksum everywhere, the test part left alone."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from underbudget.models.errors import UserError
from underbudget.search.data.store import (
    HEADER,
    PARTS,
    Dataset,
    DatasetInfo,
    Part,
    PartName,
    channel_statistics,
    open_dataset,
    verify,
    write_dataset,
)


def parts(channels: int = 3, height: int = 4, width: int = 5) -> dict[PartName, Part]:
    """Three small parts of images that count upwards."""
    made = {}
    for number, (name, count) in enumerate(zip(PARTS, (6, 3, 2), strict=True)):
        pixels = np.arange(count * channels * height * width) + 40 * number
        images = (pixels % 256).astype(np.uint8).reshape(count, channels, height, width)
        made[name] = Part(images=images, labels=(np.arange(count) + number) % 2)
    return made


def write(folder: Path) -> Dataset:
    return write_dataset(folder, name="small", title="Small", classes=("no", "yes"), parts=parts())


@pytest.fixture
def small(tmp_path: Path) -> Dataset:
    return write(tmp_path / "store")


def test_what_is_written_is_read(small: Dataset) -> None:
    info = small.info
    assert (info.name, info.title, info.input_shape, info.classes) == ("small", "Small", (3, 4, 5), ("no", "yes"))
    assert info.counts == {"train": 6, "validation": 3, "test": 2}
    for name in PARTS:
        part, original = small.part(name), parts()[name]
        np.testing.assert_array_equal(part.images, original.images)
        np.testing.assert_array_equal(part.labels, original.labels)
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        assert isinstance(part.images, np.memmap)
        assert not part.images.flags.writeable
        assert not part.labels.flags.writeable
    verify(small)


def test_info_survives_json(small: Dataset) -> None:
    text = json.dumps(small.info.to_json())
    assert DatasetInfo.from_json(json.loads(text)) == small.info
    assert open_dataset(small.folder) == small


def test_mean_and_deviation_are_numpys() -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(5000, 2, 3, 4), dtype=np.uint8)
    mean, std = channel_statistics(images)
    scaled = images.astype(np.float64) / 255
    np.testing.assert_allclose(mean, scaled.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, scaled.std(axis=(0, 2, 3)), rtol=1e-12)


def test_the_checksum_is_made_of_name_shapes_and_values(small: Dataset) -> None:
    """Recomputed as docstring and format say, with nothing of the store's code."""
    lines = ["underbudget dataset 1", "small"]
    for name, part in parts().items():
        n = len(part.images)
        lines.append(f"{name} images {n}x3x4x5 {hashlib.sha256(part.images.tobytes()).hexdigest()}")
        lines.append(f"{name} labels {n} {hashlib.sha256(part.labels.astype('<i8').tobytes()).hexdigest()}")
    assert small.info.checksum == hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_one_image_in_another_part_changes_the_checksum(small: Dataset, tmp_path: Path) -> None:
    swapped = parts()
    train, validation = swapped["train"], swapped["validation"]
    train.images[0], validation.images[0] = validation.images[0].copy(), train.images[0].copy()
    other = write_dataset(tmp_path / "other", "small", "Small", ("no", "yes"), swapped)
    assert other.info.checksum != small.info.checksum


@pytest.mark.parametrize(
    ("file", "part"),
    [("train-images.npy", "train"), ("validation-labels.npy", "validation"), ("test-images.npy", "test")],
)
def test_a_changed_byte_is_found_by_verify(small: Dataset, file: str, part: str) -> None:
    path = small.folder / file
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(content)
    untouched = [name for name in PARTS if name != part]
    verify(open_dataset(small.folder), untouched)
    with pytest.raises(UserError, match=rf"damaged: {file} was changed; delete that folder") as caught:
        verify(small)
    assert "\n" not in str(caught.value)


def test_a_changed_header_is_found_by_verify(small: Dataset) -> None:
    path = small.folder / HEADER
    path.write_text(path.read_text().replace(small.info.checksum, "0" * 64))
    with pytest.raises(UserError, match=r"dataset\.json was changed"):
        verify(open_dataset(small.folder))


@pytest.mark.parametrize("name", ["mean", "std"])
def test_a_changed_mean_or_deviation_is_found_by_verify(small: Dataset, name: str) -> None:
    path = small.folder / HEADER
    header = json.loads(path.read_text())
    header["info"][name] = [value + 1e-6 for value in header["info"][name]]
    path.write_text(json.dumps(header))
    changed = open_dataset(small.folder)
    assert changed.info.checksum == small.info.checksum
    assert changed.info.fingerprint != small.info.fingerprint
    with pytest.raises(UserError, match=r"damaged: mean or std in dataset\.json was changed; delete that folder"):
        verify(changed, ("train",))


def test_a_cut_file_is_found_on_opening(small: Dataset) -> None:
    path = small.folder / "test-images.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"test-images\.npy has 247 bytes instead of 248"):
        open_dataset(small.folder)


def test_a_missing_file_is_found_on_opening(small: Dataset) -> None:
    (small.folder / "train-labels.npy").unlink()
    with pytest.raises(UserError, match=r"train-labels\.npy is missing"):
        open_dataset(small.folder)


def test_an_array_of_another_form_is_not_handed_out(small: Dataset) -> None:
    path = small.folder / "train-images.npy"
    np.save(path, parts()["train"].images.reshape(6, 5, 4, 3))
    with pytest.raises(UserError, match=r"train-images\.npy holds uint8 \(6, 5, 4, 3\)"):
        open_dataset(small.folder).part("train")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "is incomplete"),
        ('{"store_version": 1, "info": {"name": "small"}}', "is incomplete"),
        ('{"store_version": 3}', "has version 3, this program reads 2: upgrade it"),
    ],
)
def test_a_bad_header(small: Dataset, header: str, message: str) -> None:
    (small.folder / HEADER).write_text(header)
    with pytest.raises(UserError, match=message) as caught:
        open_dataset(small.folder)
    assert "\n" not in str(caught.value)


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no prepared data set in"):
        open_dataset(tmp_path)


def test_opening_the_store_and_the_other_parts_leaves_the_test_labels_alone(small: Dataset) -> None:
    (small.folder / "test-labels.npy").write_bytes(b"x" * (small.folder / "test-labels.npy").stat().st_size)
    dataset = open_dataset(small.folder)
    dataset.part("train")
    dataset.part("validation")
    verify(dataset, ("train", "validation"))
    with pytest.raises(UserError, match=r"test-labels\.npy cannot be read"):
        dataset.part("test")


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = np.save

    def interrupted(path: Path, array: np.ndarray) -> None:
        if "validation" in path.name:
            raise KeyboardInterrupt
        save(path, array)

    monkeypatch.setattr(np, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "store")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_kept(small: Dataset) -> None:
    before = (small.folder / HEADER).stat()
    assert write(small.folder) == small
    assert (small.folder / HEADER).stat().st_ino == before.st_ino
    assert [path.name for path in small.folder.parent.iterdir()] == ["store"]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 3, 4, 5)), np.zeros(2, int), "images must be uint8"),
        (np.zeros((2, 4, 5), np.uint8), np.zeros(2, int), r"images must be uint8 \(n, channels, height, width\)"),
        (
            np.zeros((2, 3, 4, 6), np.uint8),
            np.zeros(2, int),
            "images must be uint8",
        ),  # another size than the train part
        (np.zeros((0, 3, 4, 5), np.uint8), np.zeros(0, int), "images must be uint8"),
        (np.zeros((2, 3, 4, 5), np.uint8), np.zeros(3, int), r"labels must be int64 \(2,\)"),
        (np.zeros((2, 3, 4, 5), np.uint8), np.array([0, 2]), r"labels must be 0\.\.1, not 0\.\.2"),
    ],
)
def test_arrays_of_another_form_are_refused(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    broken = parts() | {"validation": Part(images=images, labels=labels)}
    with pytest.raises(ValueError, match=message):
        write_dataset(tmp_path / "store", "small", "Small", ("no", "yes"), broken)
    assert not (tmp_path / "store").exists()


def test_an_unknown_part(small: Dataset) -> None:
    with pytest.raises(ValueError, match="not 'dev'"):
        small.part("dev")  # type: ignore[arg-type]


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from underbudget.search.data.store import Part, open_dataset, verify, write_dataset
heavy = {"torch", "torchvision", "optuna", "pandas", "sklearn"} & set(sys.modules)
assert not heavy, heavy
part = Part(images=np.arange(400_000, dtype=np.uint8).reshape(500, 1, 20, 40), labels=np.zeros(500, dtype=np.int64))
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    parts = {"train": part, "validation": part, "test": part}
    verify(write_dataset(Path(sys.argv[1]) / str(number), "same", "Same", ("a",), parts))
"""


def test_processes_write_the_same_store_at_once(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    root = Path(__file__).parent.parent
    writers = [subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate()
        assert writer.returncode == 0, errors
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(str(number) for number in range(20))
