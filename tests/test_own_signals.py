"""A sensor's recording in a table as a data set: windows, labels, groups, time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from underbudget import launch
from underbudget.models.errors import UserError
from underbudget.search.data import sources, windows
from underbudget.search.data.store import PARTS, Dataset

RANDOM = np.random.default_rng(0)


def open_table(tmp_path: Path, table: pandas.DataFrame, said: list[str] | None = None, **options: object) -> Dataset:
    table.to_csv(tmp_path / "sensor.csv", index=False)
    log: Callable[[str], None] = (said if said is not None else []).append
    return sources.prepare(sources.define(str(tmp_path / "sensor.csv"), options), tmp_path / "cache", log)


def recording(rows: int = 1200, run: int = 100, groups: int = 0) -> pandas.DataFrame:
    """Two channels of noise whose first says the row; runs of three labels; a time of 20 ms a row."""
    number = np.arange(rows)
    columns = {
        "t": number * 0.02,
        "x": number % 2 + number / 1000,
        "y": RANDOM.normal(size=rows),
        "label": number // run % 3,
    }
    return pandas.DataFrame(columns | ({"group": number // (rows // groups)} if groups else {}))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, 10, 4, 4, None), ([0, 4], [0, 0])),
        ((5, 20, 4, 2, None), ([5, 7, 9, 11, 13, 15], [0] * 6)),
        ((0, 20, 4, 2, 3), ([0, 2, 4, 8, 10, 12, 16], [0, 0, 0, 1, 1, 1, 2])),
        ((0, 20, 2, 4, 2), ([0, 4, 8, 12, 16], [0, 0, 1, 1, 2])),
        ((0, 3, 4, 2, 3), ([], [])),
    ],
)
def test_windows_of_a_run(arguments: Any, expected: tuple[list[int], list[int]]) -> None:
    """Blocks of 3 windows of 4 rows, one each 2, are 8 rows long."""
    starts, blocks = windows.starts(*arguments)
    assert (starts.tolist(), blocks.tolist()) == expected
    first, end, window, step, block = arguments
    if block is None:
        assert len(starts) == windows.count(end - first, window, step)


def test_each_window_has_one_label_and_its_own_rows(tmp_path: Path) -> None:
    table, said = recording(), list[str]()
    table["y"] = np.arange(1200) // 100  # the run: a window that crossed a change would hold two values
    dataset = open_table(tmp_path, table, said, window=30, time="t")
    assert dataset.info.input_shape == (2, 30, 1)
    assert sum(dataset.info.counts.values()) == 36  # 3 of each of 12 runs
    assert said[1] == "note: 36 windows of 30 rows, one each 30 rows, of 2 channels: x, y"
    front = dataset.info.frontend or {}
    assert (front["kind"], front["channels"]) == ("signal", ["x", "y"])
    for part in map(dataset.part, PARTS):
        run = np.rint(part.images[:, 1] / 255 * front["scale"][1] + front["offset"][1])
        assert (run == run[:, :1]).all()
        assert (run[:, 0, 0] % 3 == part.labels).all()
        ramp = part.images[:, 0, ::2, 0].astype(int)
        assert (np.diff(ramp) >= 0).all()  # in the order of time


def test_overlapping_windows_stay_in_one_part(tmp_path: Path) -> None:
    """The noise of every row is another one: rows that two parts share would show."""
    table = recording()
    for options in ({}, {"window_label": "majority"}):
        dataset = open_table(tmp_path, table, window=20, step=5, time="t", **options)
        seen = [
            {tuple(row) for image in dataset.part(part).images for row in image[..., 0].T.tolist()} for part in PARTS
        ]
        rows = {tuple(row) for part in seen for row in part}
        assert len(rows) > 800
        shared = [len(one & other) for one, other in ((seen[0], seen[1]), (seen[0], seen[2]), (seen[1], seen[2]))]
        assert max(shared) < 0.05 * min(map(len, seen)), shared  # 8 bits of two channels: few rows are alike by chance


def test_groups_are_not_torn_apart_nor_crossed(tmp_path: Path) -> None:
    table = recording(groups=6)
    table["z"] = table["group"]
    dataset = open_table(tmp_path, table, window=16, step=8, time="t")
    front = dataset.info.frontend or {}
    people = []
    for part in map(dataset.part, PARTS):
        group = np.rint(part.images[:, 2, :, 0] / 255 * front["scale"][2] + front["offset"][2])
        assert (group == group[:, :1]).all()
        people.append(set(group[:, 0].tolist()))
    assert sum(map(len, people)) == 6
    assert all(people)


def test_a_majority_decides_where_it_is_said(tmp_path: Path) -> None:
    table = recording(run=30)
    table["y"] = table["label"]
    dataset = open_table(tmp_path, table, window=25, window_label="majority", time="t")
    front = dataset.info.frontend or {}
    mixed = 0
    for part in map(dataset.part, PARTS):
        labels = np.rint(part.images[:, 1, :, 0] / 255 * front["scale"][1] + front["offset"][1]).astype(int)
        for row, label in zip(labels, part.labels, strict=True):
            counts = np.bincount(row, minlength=3)
            assert counts[label] == counts.max()
            mixed += len(set(row.tolist())) > 1
    assert mixed > 10
    assert sum(open_table(tmp_path, table, window=25, time="t").info.counts.values()) == 40  # one of each run of 30


def test_rows_are_put_in_the_order_of_time_and_gaps_are_not_crossed(tmp_path: Path) -> None:
    table = recording()
    table["t"] = pandas.date_range("2026-01-01", periods=1200, freq="20ms")
    said: list[str] = []
    sorted_one = open_table(tmp_path, table, said, window=20, time="t")
    shuffled = table.sample(frac=1, random_state=0)
    assert open_table(tmp_path, shuffled, said, window=20, time="t").info.checksum == sorted_one.info.checksum
    assert "note: the rows were put in the order of t" in said
    table.loc[250:, "t"] += pandas.Timedelta(seconds=1)
    broken = open_table(tmp_path, table, said, window=60, time="t")
    assert sum(broken.info.counts.values()) == 11  # of 12 runs of 100 rows one is cut in halves
    assert any("1 gaps in t" in line for line in said)


def test_parts_of_the_user(tmp_path: Path) -> None:
    table = recording()
    table["split"] = np.where(np.arange(1200) < 600, "train", np.where(np.arange(1200) < 900, "val", "test"))
    dataset = open_table(tmp_path, table, window=20, step=10, time="t")
    assert dataset.info.counts == {"train": 54, "validation": 27, "test": 27}  # 9 of each run of 100 rows
    table["split"] = table["split"].replace("val", "train")  # of which validation is then taken, by blocks
    assert open_table(tmp_path, table, window=20, step=10, time="t").info.counts["test"] == 27


NOISE = recording()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"step": 5}, "--step is for tables of sensor values: give --window too"),
        ({}, {"window": 20, "image_size": "8"}, "--image-size is for tables of pictures: leave out --window, or it"),
        ({}, {"window": 20}, "the column 't' only grows, .*: give it to --time, or name the channels by --columns"),
        ({}, {"window": 20, "time": "when"}, "has no column 'when': .*--time names another"),
        ({}, {"window": 20, "columns": "x,z"}, "has no column 'z'.*--columns names another"),
        ({}, {"window": 120, "time": "t"}, "the longest run .* has 100 rows, --window is 120: give a shorter one"),
        ({"label": 1}, {"window": 20, "time": "t"}, "has one class, '1'"),
        (
            {"y": [np.nan, *NOISE["y"][1:]]},
            {"window": 20, "time": "t"},
            r"1 of 1,200 rows .* \(the first: line 2, col.*'y'\)",
        ),
        ({"t": "soon"}, {"window": 20, "time": "t"}, "the column 't' holds no times"),
        ({"x": "a", "y": "b"}, {"window": 20, "time": "t"}, "has no numeric column that varies"),
        ({"group": NOISE["label"] % 2}, {"window": 20, "time": "t"}, "there are 2 groups, three parts need at least 3"),
    ],
)
def test_recordings_that_make_no_data_set(
    change: dict[str, Any], options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as error:
        open_table(tmp_path, NOISE.assign(**change), **options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.rglob("*.npy"))


def test_columns_that_are_no_channels_are_left_out(tmp_path: Path) -> None:
    said: list[str] = []
    table = NOISE.assign(device="A", zero=0, **{"Unnamed: 0": range(1200)})
    table.loc[3:5, "label"] = np.nan
    dataset = open_table(tmp_path, table, said, window=20, time="t")
    assert (dataset.info.frontend or {})["channels"] == ["x", "y"]
    assert dataset.info.classes == ("0", "1", "2")
    text = " ".join(said)
    assert "the columns device, Unnamed: 0 are no channels" in text
    assert "the columns zero have one value everywhere" in text
    assert "3 rows without a label were left out" in text
    assert open_table(tmp_path, NOISE, window=20, columns="y").info.input_shape == (1, 20, 1)


def test_a_decimal_comma(tmp_path: Path) -> None:
    plain = open_table(tmp_path, NOISE, window=20, time="t")
    NOISE.to_csv(tmp_path / "comma.csv", sep=";", decimal=",", index=False)
    definition = sources.define(str(tmp_path / "comma.csv"), {"window": 20, "time": "t"})
    assert sources.prepare(definition, tmp_path / "cache", lambda line: None).folder == plain.folder


def test_a_search_tells_waves_apart(tmp_path: Path) -> None:
    """Three frequencies in noise: a network of a few hundred parameters tells them apart after some epochs."""
    number = np.arange(9000)
    label = number // 300 % 3
    wave = np.sin(2 * np.pi * number / np.array([8, 16, 32])[label])
    table = pandas.DataFrame(
        {"a": wave + RANDOM.normal(0, 0.3, 9000), "label": np.array(["slow", "mid", "fast"])[2 - label]}
    )
    table.to_csv(tmp_path / "waves.csv", index=False)
    study = launch(
        "waves",
        dataset=str(tmp_path / "waves.csv"),
        window=50,
        step=10,
        recipe="plain",
        lr=0.05,
        trials=2,
        epochs=6,
        engine="in-process",
        runs=tmp_path / "runs",
        data_dir=tmp_path / "data",
    )
    assert study.settings["dataset"]["definition"]["options"] == {"window": 50, "step": 10}
    assert study.settings["dataset"]["input_shape"] == [1, 50, 1]
    assert (study.best.score or 0) > 80
    assert "x1(" in (study.best.layers_text or "")
    assert len(launch("waves", trials=2, runs=tmp_path / "runs", data_dir=tmp_path / "data").trials) == 2
