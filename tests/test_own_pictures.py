"""Pictures in class folders as a data set: read, split, kept, found again."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from underbudget.models.errors import UserError
from underbudget.search.data import sources
from underbudget.search.data.grouping import groups_of, likely_pattern
from underbudget.search.data.pictures import choose_size
from underbudget.search.data.split import grouped_split
from underbudget.search.data.store import PARTS, Dataset


def open_folder(folder: Path, cache: Path, said: list[str] | None = None, **options: object) -> Dataset:
    log: Callable[[str], None] = (said if said is not None else []).append
    return sources.prepare(sources.define(str(folder), options), cache, log)


def write(folder: Path, images: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", name: str = "{:05}.png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / name.format(number))


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """Two classes of 20 pictures of 12x10."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 12, 10, 3), np.uint8)
    write(tmp_path / "colours" / "red dogs", pixels[:20])
    write(tmp_path / "colours" / "10", pixels[20:])
    return tmp_path / "colours"


def test_each_picture_is_there_once_as_pillow_reads_it(colours: Path, tmp_path: Path) -> None:
    dataset = open_folder(colours, tmp_path / "cache")
    assert dataset.info.classes == ("10", "red dogs")
    assert dataset.info.input_shape == (3, 12, 10)
    assert dataset.info.counts == {"train": 28, "validation": 6, "test": 6}
    found = set()
    for part in map(dataset.part, PARTS):
        found |= {(int(label), image.tobytes()) for image, label in zip(part.images, part.labels, strict=True)}
    expected = {
        (label, np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes())
        for label, name in enumerate(("10", "red dogs"))
        for path in (colours / name).iterdir()
    }
    assert found == expected


def test_unchanged_files_are_not_read_again_and_changed_ones_are(colours: Path, tmp_path: Path) -> None:
    said: list[str] = []
    first = open_folder(colours, tmp_path / "cache", said)
    assert said == [f"reading {colours}"]
    again = open_folder(colours, tmp_path / "cache", said)
    assert len(said) == 1
    assert again.info == first.info
    os.utime(colours / "10" / "00000.png", ns=(1, 1))  # a copy has other times, and the same content
    moved = shutil.copytree(colours, tmp_path / "elsewhere")
    assert open_folder(moved, tmp_path / "cache", said).folder == first.folder
    write(colours / "10", np.zeros((1, 12, 10, 3), np.uint8))
    assert open_folder(colours, tmp_path / "cache", said).info.checksum != first.info.checksum
    assert len(said) == 3


def test_digits_as_files_give_the_arrays_of_the_built_in_set(digits: Dataset, tmp_path: Path) -> None:
    names = {"train": "train", "validation": "val", "test": "testing"}
    for part, folder in names.items():
        own = digits.part(part)  # type: ignore[arg-type]
        for number, (image, label) in enumerate(zip(own.images, own.labels, strict=True)):
            place = tmp_path / "written" / folder / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0]).save(place / f"{number:05}.png")
    dataset = open_folder(tmp_path / "written", tmp_path / "cache")
    assert dataset.info.classes == digits.info.classes
    assert (dataset.info.mean, dataset.info.std) == (digits.info.mean, digits.info.std)
    for part in PARTS:
        np.testing.assert_array_equal(dataset.part(part).images, digits.part(part).images)
        np.testing.assert_array_equal(dataset.part(part).labels, digits.part(part).labels)


def test_a_train_and_test_folder_gives_up_validation(colours: Path, tmp_path: Path) -> None:
    both = tmp_path / "both"
    for part in ("Train", "test"):
        shutil.copytree(colours, both / part)
    said: list[str] = []
    dataset = open_folder(both, tmp_path / "cache", said)
    assert dataset.info.counts == {"train": 33, "validation": 7, "test": 40}
    assert "40 images are in more than one part" in said[1]
    assert "Train/10/00001.png in train is test/10/00001.png in test" in said[1]


def test_many_kinds_of_pictures_become_one(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    white = np.full((20, 20), 255, np.uint8)
    for label in ("a", "b ü '☃'"):
        write(folder / label, np.broadcast_to(white, (6, 20, 20)))
    Image.fromarray((np.ones((20, 20)) * 65535).astype(np.uint16)).save(folder / "a" / "16.png")
    Image.new("CMYK", (20, 20), (0, 0, 0, 0)).save(folder / "a" / "cmyk.jpg")
    Image.new("P", (20, 20)).save(folder / "a" / "palette.gif")
    frames = [Image.new("L", (20, 20), value) for value in (255, 0)]
    frames[0].save(folder / "a" / "moving.gif", save_all=True, append_images=frames[1:])
    turned = Image.new("RGB", (20, 40), "white")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "a" / "turned.jpg", exif=exif)
    os.rename(folder / "a" / "00000.png", os.fsencode(folder / "a") + b"/\xff.png")
    (folder / "a" / "notes.txt").write_text("no picture")
    (folder / ".hidden").mkdir()
    said: list[str] = []
    dataset = open_folder(folder, tmp_path / "cache", said)
    assert dataset.info.input_shape == (3, 20, 20)
    assert sum(dataset.info.counts.values()) == 17
    assert "note: pictures of 20x20 to 20x40 pixels are brought to 20x20; --image-size chooses another size" in said
    assert any("1 animations the first frame" in line for line in said)
    assert any("1 files without a picture's ending" in line for line in said)
    wanted = open_folder(folder, tmp_path / "cache", image_size="8x16", channels=1)
    assert wanted.info.input_shape == (1, 8, 16)
    brightest = [float(image.mean()) for part in PARTS for image in wanted.part(part).images]
    assert sorted(brightest)[1:] == pytest.approx([255] * 16, abs=2)  # all but the black palette picture


def test_bad_files_are_named_or_left_out(colours: Path, tmp_path: Path) -> None:
    (colours / "10" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    os.mkfifo(colours / "10" / "pipe.png")  # would be waited for without end
    (colours / "10" / "text.jpg").write_text("hello")
    said = r"3 of 43 .* cannot be read \(.*broken.png.*pipe.png: is no regular file.*text.jpg: is no picture\)"
    with pytest.raises(UserError, match=said):
        open_folder(colours, tmp_path / "cache")
    dataset = open_folder(colours, tmp_path / "cache", skip_bad_images=True)
    assert sum(dataset.info.counts.values()) == 40
    (entry,) = (tmp_path / "cache" / "prepared" / "index").iterdir()
    left_out = [Path(one["name"]).name for one in json.loads(entry.read_text())["left_out"]]
    assert left_out == ["broken.png", "pipe.png", "text.jpg"]


@pytest.mark.parametrize(
    ("sizes", "size"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(100, 100)], (64, 64)),
        ([(480, 640), (640, 480), (500, 600)], (64, 64)),
        ([(100, 400)] * 2, (16, 64)),
        ([(20, 30), (22, 30), (24, 36)], (22, 30)),
    ],
)
def test_the_size_follows_the_pictures(sizes: list[tuple[int, int]], size: tuple[int, int]) -> None:
    assert choose_size(sizes) == size


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"a": 20}, "has one class, 'a': a classifier needs at least 2"),
        ({}, "there are no pictures in the class folders"),
        ({"a": 3, "b": 2}, "has 5 examples: training, validation and test need at least 10 together"),
        ({"train/a": 9, "train/b": 9, "other/a": 9}, "holds train and also 'other'"),
    ],
)
def test_folders_that_make_no_data_set(layout: dict[str, int], message: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name, count in layout.items():
        write(tmp_path / "data" / name, np.random.default_rng(0).integers(0, 256, (count, 8, 8), np.uint8))
    with pytest.raises(UserError, match=message):
        open_folder(tmp_path / "data", tmp_path / "cache")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("no/such/place", {}, "there is no such file or folder"),
        ("mnits", {}, "did you mean mnist"),
        ("mnist", {"image_size": "8"}, "--image-size belongs to data of the kind folder or csv, not to mnist"),
    ],
)
def test_what_cannot_be_meant(text: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        sources.define(text, options)


def test_a_group_stays_in_one_part(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    for number, image in enumerate(pixels):
        write(tmp_path / "people" / "ab"[number % 2], image[None], f"person{number % 10}_{number:02}.png")
    dataset = open_folder(tmp_path / "people", tmp_path / "cache", group=r"person(\d+)")
    person = {image.tobytes(): number % 10 for number, image in enumerate(pixels)}
    people = [{person[image.tobytes()] for image in dataset.part(part).images} for part in PARTS]
    assert people[0] | people[1] | people[2] == set(range(10))
    assert sum(map(len, people)) == 10
    with pytest.raises(UserError, match="does not match the name"):
        open_folder(tmp_path / "people", tmp_path / "cache", group="human")


def test_few_groups_are_dealt_to_every_part() -> None:
    labels, groups = [0, 1] * 30, [f"speaker {number // 10}" for number in range(60)]
    parts = grouped_split(labels, groups, (42, 9, 9), 0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(60))
    assert [len(part) for part in parts] == [40, 10, 10]


def test_names_that_look_like_groups() -> None:
    spoken = [f"{digit}_{who}_{take}.wav" for digit in range(4) for who in ("ann", "bob", "cy") for take in range(5)]
    labels = [int(name[0]) for name in spoken]
    pattern = likely_pattern(spoken, labels)
    assert pattern is not None
    assert groups_of(spoken, pattern) == [name.split("_")[1] for name in spoken]
    assert likely_pattern([f"IMG_{number:04}.jpg" for number in range(100)], [0, 1] * 50) is None
