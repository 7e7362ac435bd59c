"""Data from Python as a data set: arrays, tensors, data sets of torch."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset, TensorDataset

from underbudget import launch, open_study
from underbudget.models.errors import UserError
from underbudget.search.data import sources
from underbudget.search.data.python_data import arrays_of
from underbudget.search.data.store import PARTS, Dataset

X = np.random.default_rng(0).integers(0, 256, (60, 10, 10), np.uint8)
Y = np.arange(60) % 3
QUICK: dict[str, Any] = {"trials": 1, "epochs": 1, "recipe": "plain", "engine": "in-process", "workers": 1}


class Photos:
    """A map-style data set of pictures, as torchvision's are."""

    classes = ("ant", "bee", "cat")

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(X[index]).convert("RGB"), int(Y[index])


def keep(data: object, tmp_path: Path, **options: object) -> Dataset:
    definition = sources.keep(data, options, tmp_path / "cache", lambda line: None)
    return sources.prepare(definition, tmp_path / "cache", lambda line: None)


def content(dataset: Dataset) -> set[tuple[int, bytes]]:
    parts = map(dataset.part, PARTS)
    return {(int(y), x.tobytes()) for part in parts for x, y in zip(part.images, part.labels, strict=True)}


SAME = {(int(y), x.tobytes()) for x, y in zip(X, Y, strict=True)}


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        [X.tolist(), list(Y)],
        (torch.from_numpy(X), torch.from_numpy(Y)),
        {"x": X, "y": Y},
        TensorDataset(torch.from_numpy(X)[:, None] / 255, torch.from_numpy(Y)),
        [(torch.from_numpy(X)[:, None] / 255), torch.eye(3)[Y]],
    ],
    ids=["pair", "lists", "tensors", "names", "torch", "one-hot"],
)
def test_the_same_data_in_other_forms_are_one_store(data: object, tmp_path: Path) -> None:
    dataset = keep(data, tmp_path)
    assert content(dataset) == SAME
    assert dataset.info.input_shape == (1, 10, 10)
    assert dataset.folder == keep((X, Y), tmp_path).folder


def test_parts_stay_as_they_are(tmp_path: Path) -> None:
    whole = TensorDataset(torch.from_numpy(X)[:, None], torch.from_numpy(Y))
    parts: dict[str, Any] = {
        "train": (X[:40], Y[:40]),
        "val": Subset(whole, range(40, 50)),
    }
    dataset = keep(parts | {"test": (X[50:], Y[50:])}, tmp_path)
    assert dataset.info.counts == {"train": 40, "validation": 10, "test": 10}
    np.testing.assert_array_equal(dataset.part("validation").images[:, 0], X[40:50])


def test_a_data_set_of_pictures_brings_its_names(tmp_path: Path) -> None:
    photos = Photos()
    dataset = keep(Subset(photos, range(60)), tmp_path)  # type: ignore[arg-type]
    assert dataset.info.classes == ("ant", "bee", "cat")
    assert content(dataset) == {(y, np.stack([x] * 3).tobytes()) for y, x in zip(Y, X, strict=True)}


def test_a_study_finds_its_arrays_again(tmp_path: Path) -> None:
    places: dict[str, Any] = {"runs": tmp_path / "runs", "data_dir": tmp_path / "data"}
    study = launch("own", dataset=(X, Y), split_seed=3, **QUICK, **places)
    definition = study.settings["dataset"]["definition"]
    checksum = study.settings["dataset"]["checksum"]
    assert definition == {"kind": "arrays", "source": checksum}
    more = QUICK | {"trials": 2}
    assert len(launch("own", **more, **places).trials) == 2
    assert len(launch("own", dataset=(X, Y), split_seed=3, **more, **places).trials) == 2
    with pytest.raises(UserError, match="data checksum: the study has"):
        launch("own", dataset=(X, Y[::-1].copy()), split_seed=3, **more, **places)
    with pytest.raises(UserError, match=r"data set: the study has arrays:.*, you asked for digits"):
        launch("own", dataset="digits", **more, **places)
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(UserError, match=rf"arrays-{checksum[:8]}, which came from Python, .* give them again"):
        launch("own", **more, **places)
    assert len(launch("own", dataset=(X, Y), split_seed=3, **(QUICK | {"trials": 3}), **places).trials) == 3
    unnamed = launch(dataset=(X, Y), **QUICK, **places)
    assert unnamed.name.startswith("arrays-")
    assert open_study(unnamed.name, runs=tmp_path / "runs").best.load()(torch.zeros(1, 1, 10, 10)).shape == (1, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (7, "dataset is a name, a path or, from Python, .* not int"),
        (X, "not ndarray"),
        (DataLoader(TensorDataset(torch.zeros(3))), "of a loader its .dataset"),
        ({"train": (X, Y), "later": (X, Y)}, "dataset has 'later'"),
        ({"x": X, "y_train": Y}, "x has no labels"),
        (([[1, 2], [3]], [0, 1]), "x is no array"),
        ((X, Y[:3]), "both must be of one length"),
        ((torch.zeros(60, 10, 10) / 0, Y), "x has NaN"),
        (TensorDataset(torch.zeros(60, 10, 10)), "items are .example, label."),
        ((np.array([object()] * 60), Y), "has the shape 60"),
    ],
)
def test_what_is_no_data_set(data: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        keep(data, tmp_path)
    assert not list(tmp_path.rglob("*.npy"))


def test_options_that_arrays_do_not_take(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--image-size belongs to data of the kind folder or csv, not to dataset"):
        keep((X, Y), tmp_path, image_size="8")
    assert keep((X, Y), tmp_path, split_seed=1).info.checksum != keep((X, Y), tmp_path).info.checksum


def test_pictures_of_several_sizes_are_refused() -> None:
    class Mixed(Photos):
        def __getitem__(self, index: int) -> tuple[Image.Image, int]:
            return Image.new("L", (8, 8 + index % 2)), 0

    with pytest.raises(UserError, match=r"item 1 has the shape \(9, 8\), item 0 \(8, 8\): bring all to one size"):
        arrays_of(Mixed())
