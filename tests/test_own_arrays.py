"""Arrays in an .npz file as a data set: layouts, values, labels, and what makes none."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from underbudget.models.errors import UserError
from underbudget.search.data import sources
from underbudget.search.data.arrays import place_of
from underbudget.search.data.layouts import layout_of
from underbudget.search.data.store import PARTS, Dataset

RANDOM = np.random.default_rng(0)
LABELS = np.arange(40) % 4


def bytes_of(*shape: int) -> Any:
    return RANDOM.integers(0, 256, shape, np.uint8)


def open_npz(tmp_path: Path, options: dict[str, Any] | None = None, said: Any = None, **arrays: Any) -> Dataset:
    np.savez(tmp_path / "data.npz", **arrays)
    log: Callable[[str], None] = (said if said is not None else []).append
    return sources.prepare(sources.define(str(tmp_path / "data.npz"), options or {}), tmp_path / "cache", log)


def content(dataset: Dataset) -> set[tuple[int, bytes]]:
    parts = map(dataset.part, PARTS)
    return {(int(y), x.tobytes()) for part in parts for x, y in zip(part.images, part.labels, strict=True)}


@pytest.mark.parametrize(
    ("shape", "dtype", "layout"),
    [
        ((40, 28, 20, 3), "u1", "NHWC"),
        ((40, 3, 28, 20), "u1", "NCHW"),
        ((40, 64, 64, 4), "f4", "NHWC"),
        ((40, 12, 12, 5), "u1", "NHWC"),
        ((40, 5, 12, 12), "u1", "NCHW"),
        ((40, 28, 28), "f4", "NHW"),
        ((40, 20, 90), "u1", "NHW"),
        ((40, 128, 9), "f8", "NTC"),
        ((40, 3, 32, 3), "u1", "NCHW or NHWC"),
        ((40, 64, 64, 64), "u1", "NCHW or NHWC"),
        ((40, 9, 128), "f4", "NHW or NCT"),
        ((40, 128, 3), "u1", "NHW or NTC"),
        ((40, 784), "u1", "has the shape 40x784: images have 3 or 4 axes"),
    ],
)
def test_the_shape_tells_the_layout_or_the_way_out_is_said(shape: tuple[int, ...], dtype: str, layout: str) -> None:
    array = np.zeros(shape, dtype)
    if " " not in layout:
        assert layout_of("x", array, None) == layout
        return
    with pytest.raises(UserError, match=f"{layout}.*(say by --layout|NTC)"):
        layout_of("x", array, None)


def test_every_image_is_there_once_with_its_label(tmp_path: Path) -> None:
    x, said = bytes_of(40, 12, 10, 3), list[str]()
    dataset = open_npz(tmp_path, None, said, x=x, y=LABELS)
    assert (dataset.info.input_shape, dataset.info.classes) == ((3, 12, 10), ("0", "1", "2", "3"))
    assert dataset.info.counts == {"train": 28, "validation": 6, "test": 6}
    assert content(dataset) == {(y, image.transpose(2, 0, 1).tobytes()) for image, y in zip(x, LABELS, strict=True)}
    assert said[1] == ("note: x (40x12x10x3) is read as NHWC: images of 12x10, 3 channels; --layout says otherwise")
    first = open_npz(tmp_path, x=x.transpose(0, 3, 1, 2), y=LABELS)
    assert first.info.checksum == dataset.info.checksum
    assert open_npz(tmp_path, {"layout": "NCHW"}, x=x, y=LABELS).info.input_shape == (12, 10, 3)


def test_parts_that_are_given_stay_as_they_are(tmp_path: Path, digits: Dataset) -> None:
    names = {"train": "x_train", "validation": "val_images", "test": "x_test"}
    labels = {"train": "y_train", "validation": "val_labels", "test": "y_test"}
    parts = {part: digits.part(part) for part in PARTS}
    arrays = {names[part]: parts[part].images[:, 0] for part in PARTS}
    arrays |= {labels[part]: parts[part].labels[:, None] for part in PARTS}
    dataset = open_npz(tmp_path, **arrays)
    assert (dataset.info.mean, dataset.info.classes) == (digits.info.mean, digits.info.classes)
    for part in PARTS:
        np.testing.assert_array_equal(dataset.part(part).images, parts[part].images)
        np.testing.assert_array_equal(dataset.part(part).labels, parts[part].labels)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda x: x.astype(np.int64), "picture"),
        (lambda x: x.astype(np.float64), "picture"),
        (lambda x: x.astype(np.float32) / 255, "picture"),
        (lambda x: x.astype(np.uint16) * 257, "values"),
        (lambda x: x.astype(np.float32) / 127.5 - 1, "values"),
    ],
)
def test_the_same_values_of_any_type(change: Callable[[Any], Any], kind: str, tmp_path: Path) -> None:
    """All of 0 to 255 are there often enough that the scale of 8 bits has them as its ends."""
    x = np.tile(np.arange(256, dtype=np.uint8).reshape(16, 16), (40, 1, 1))
    x = np.take_along_axis(x.reshape(40, 256), RANDOM.permuted(np.tile(np.arange(256), (40, 1)), axis=1), 1)
    x = x.reshape(40, 16, 16)
    dataset = open_npz(tmp_path, x=change(x), y=LABELS)
    assert content(dataset) == content(open_npz(tmp_path, x=x, y=LABELS))
    assert dataset.info.frontend is not None
    assert dataset.info.frontend["kind"] == kind


def test_windows_of_a_sensor_are_images_of_width_one(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(40, 50, 3)) * (1, 10, 100)
    dataset = open_npz(tmp_path, x=x, y=LABELS)
    assert dataset.info.input_shape == (3, 50, 1)
    front = dataset.info.frontend or {}
    assert front["kind"] == "signal"
    offset, scale = (np.array(front[name])[:, None, None] for name in ("offset", "scale"))
    for label, image in content(dataset):
        window = np.frombuffer(image, np.uint8).reshape(3, 50, 1) / 255 * scale + offset
        errors = [np.abs(window[..., 0] - one.T).mean(1) for one in x[label == LABELS]]
        assert (min(errors, key=sum) < np.array([0.02, 0.2, 2])).all()


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([3, 7, 10, 3] * 10), ("3", "7", "10")),
        (np.array([-1.0, 1.0] * 20), ("-1", "1")),
        (np.array(["cat", "Ünüs", "10", "9"] * 10), ("9", "10", "cat", "Ünüs")),
        (np.array([b"cat", b"dog"] * 20), ("cat", "dog")),
        (np.eye(4)[LABELS], ("0", "1", "2", "3")),
        (np.array([True, False] * 20), ("0", "1")),
    ],
)
def test_classes_are_the_labels_found(y: Any, classes: tuple[str, ...], tmp_path: Path) -> None:
    dataset = open_npz(tmp_path, x=bytes_of(40, 8, 8), y=y)
    assert dataset.info.classes == classes
    assert {int(label) for part in PARTS for label in dataset.part(part).labels} == set(range(len(classes)))


def test_classes_may_have_names(tmp_path: Path) -> None:
    names = ["zebra", "ant", "unused", "bee"]
    dataset = open_npz(tmp_path, x=bytes_of(40, 8, 8), y=np.array([0, 1, 3, 3] * 10), classes=names)
    assert dataset.info.classes == ("zebra", "ant", "bee")
    with pytest.raises(UserError, match="classes has 4 names, the labels are from 1 to 4"):
        open_npz(tmp_path, x=bytes_of(40, 8, 8), y=LABELS + 1, classes=names)


def test_groups_stay_in_one_part(tmp_path: Path) -> None:
    x, groups = bytes_of(60, 8, 8), np.arange(60) // 6
    dataset = open_npz(tmp_path, x=x, y=np.arange(60) % 2, groups=groups)
    group = {image.tobytes(): int(number) for image, number in zip(x, groups, strict=True)}
    found = [{group[image.tobytes()] for image in dataset.part(part).images} for part in PARTS]
    assert sum(map(len, found)) == len(found[0] | found[1] | found[2]) == 10


PICTURES, WRONG = bytes_of(40, 8, 8), RANDOM.normal(size=(40, 8, 8))
WRONG[3], WRONG[17, 2] = np.nan, np.inf


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": PICTURES, "y": LABELS[:39]}, "y has the shape 39 and x 40 examples: both must be of one length"),
        ({"x": WRONG, "y": LABELS}, r"x has NaN, infinity or .* in 2 of 40 examples \(the first is x\[3\]\)"),
        ({"x": PICTURES * 1e300, "y": LABELS}, "a number beyond float32"),
        ({"x": PICTURES.astype(complex), "y": LABELS}, "x holds complex128: examples are numbers"),
        ({"x": PICTURES, "y": LABELS / 3}, "y has 0.333.* at 1: labels are whole numbers or text"),
        ({"x": PICTURES, "y": LABELS * 0}, "has one class, '0': a classifier needs at least 2"),
        ({"x": PICTURES, "y": np.arange(40)}, "has 40 different labels for 40 examples"),
        ({"x": PICTURES, "y": np.zeros((40, 2))}, "labels are one per example, or one-hot rows"),
        ({"x": PICTURES[:5], "y": LABELS[:5] % 2}, "has 5 examples: training, validation and test need at least 10"),
        ({"x": PICTURES[:0], "y": LABELS[:0]}, "x has the shape 0x8x8: it holds no examples"),
        ({"x": PICTURES}, "x has no labels: there must be an array y,"),
        ({"x_train": PICTURES, "y_train": LABELS, "x": PICTURES}, "it must have x and y, or x_train, y_train"),
        ({"a": PICTURES, "b": LABELS}, "has a, b: it must have x and y"),
        ({"x_train": PICTURES, "y_train": LABELS, "x_test": PICTURES[:, 1:], "y_test": LABELS}, "must have one shape"),
        ({"x_test": PICTURES, "y_test": LABELS}, "the training part has no examples"),
        ({"x": PICTURES * 0, "y": LABELS}, "channel 1 of 1 is 0 everywhere"),
        ({"x": PICTURES, "y": LABELS, "groups": LABELS % 2}, "there are 2 groups, three parts need at least 3"),
    ],
)
def test_arrays_that_make_no_data_set(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        open_npz(tmp_path, **arrays)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "cache").rglob("*.npy"))


class Bomb:
    def __reduce__(self) -> Any:
        return pytest.fail, ("it was unpickled",)


def test_files_that_are_none(tmp_path: Path) -> None:
    objects = np.empty(40, object)
    objects[:] = Bomb()
    with pytest.raises(UserError, match=r"data\.npz: x holds pickled objects, which are never unpickled"):
        open_npz(tmp_path, x=objects, y=LABELS)
    path = tmp_path / "data.npz"
    for data, message in (
        (pickle.dumps(Bomb()), "holds pickled objects"),
        (b"PK\x03\x04 no zip", "cannot be read"),
        (b"", "cannot be read"),
    ):
        path.write_bytes(data)
        with pytest.raises(UserError, match=message):
            sources.prepare(sources.define(str(path), {}), tmp_path / "cache", lambda line: None)
    np.savez(path, x=PICTURES, y=LABELS)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(UserError, match="cannot be read"):
        sources.prepare(sources.define(str(path), {}), tmp_path / "cache", lambda line: None)
    np.save(path.with_suffix(".npy"), PICTURES)
    with pytest.raises(UserError, match="of no kind that is known"):
        sources.define(str(path.with_suffix(".npy")), {})


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("X", ("x", None)),
        ("Y_test", ("y", "test")),
        ("val_labels", ("y", "validation")),
        ("x_dev", ("x", "validation")),
        ("test", None),
        ("x_y", None),
        ("x_mean", None),
        ("x_train_val", None),
    ],
)
def test_names_of_arrays(name: str, place: Any) -> None:
    assert place_of(name) == place
