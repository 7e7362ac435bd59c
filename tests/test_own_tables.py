"""Pictures listed in a table as a data set."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from PIL import Image

from underbudget.models.errors import UserError
from underbudget.search.data import parallel, sources
from underbudget.search.data.store import PARTS, Dataset

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 9, 9), np.uint8)
NAMES = [f"sub folder/ü {number:02}.png" for number in range(30)]
LABELS = ["yes", "no", "10"] * 10


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Pictures are decoded in this process: a process of its own takes seconds to start."""
    if request.node.name != "test_each_row_is_an_example":

        def answers(module: str, task: dict[str, Any], items: list[Any], title: str) -> list[Any]:
            return list(map(importlib.import_module(module).make(task, 0), items))

        monkeypatch.setattr(parallel, "answers", answers)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "sub folder").mkdir(parents=True)
    for name, image in zip(NAMES, PIXELS, strict=True):
        Image.fromarray(image).save(tmp_path / "data" / name)
    return tmp_path / "data"


def open_table(path: Path, said: list[str] | None = None, **options: object) -> Dataset:
    log: Callable[[str], None] = (said if said is not None else []).append
    return sources.prepare(sources.define(str(path), options), path.parent / "cache", log)


def write(folder: Path, name: str = "photos.csv", separator: str = ",", **columns: object) -> Path:
    table = pandas.DataFrame({"file": NAMES, "label": LABELS} | columns)
    table.to_csv(folder / name, index=False, sep=separator)
    return folder / name


def labels(dataset: Dataset) -> dict[bytes, str]:
    classes, parts = dataset.info.classes, map(dataset.part, PARTS)
    return {x.tobytes(): classes[int(y)] for part in parts for x, y in zip(part.images, part.labels, strict=True)}


def part_of_each(dataset: Dataset) -> list[str]:
    places = {image.tobytes(): part for part in PARTS for image in dataset.part(part).images}
    return [places[image.tobytes()] for image in PIXELS]


def test_each_row_is_an_example(folder: Path) -> None:
    dataset = open_table(write(folder))
    assert dataset.info.classes == ("10", "no", "yes")
    assert dataset.info.counts == {"train": 21, "validation": 5, "test": 4}
    assert labels(dataset) == {image.tobytes(): label for image, label in zip(PIXELS, LABELS, strict=True)}


@pytest.mark.parametrize(("name", "separator"), [("a.tsv", "\t"), ("b.CSV", ";"), ("c.csv.gz", "|")])
def test_tables_of_other_forms(name: str, separator: str, folder: Path) -> None:
    plain, other = open_table(write(folder)), open_table(write(folder, name, separator))
    assert other.folder == plain.folder


def test_a_table_of_a_spreadsheet(folder: Path) -> None:
    text = write(folder).read_text(encoding="utf-8").replace("file,label", "file, label ")
    (folder / "bom.csv").write_text("\ufeff" + text.replace("\n", "\r\n"), encoding="utf-8")
    assert open_table(folder / "bom.csv").folder == open_table(folder / "photos.csv").folder


def test_parts_and_groups_are_columns(folder: Path) -> None:
    split = ["train", "VAL", "test"] * 10
    names = {"train": "train", "VAL": "validation", "test": "test"}
    assert part_of_each(open_table(write(folder, split=split))) == [names[word] for word in split]
    parts = part_of_each(open_table(write(folder, split=["train", "train", "test"] * 10)))
    assert parts.count("test") == 10
    assert parts.count("validation") == 4
    for options, column in (({}, "group"), ({"group": "person"}, "person")):
        who = [f"p{number // 3}" for number in range(30)]
        parts = part_of_each(open_table(write(folder, **{column: who}), **options))
        assert len(set(zip(who, parts, strict=True))) == 10
        assert set(parts) == set(PARTS)
    assert len(set(part_of_each(open_table(write(folder), group=r"(\d)\.png"))[0::10])) == 1


def test_other_columns_may_hold_the_labels(folder: Path) -> None:
    path = write(folder, kind=["a", "b"] * 15)
    assert open_table(path, label="kind").info.classes == ("a", "b")
    with pytest.raises(UserError, match=r"has no column 'kinds': did you mean 'kind'.*--label names another"):
        open_table(path, label="kinds")


def test_a_change_of_a_picture_is_noticed(folder: Path) -> None:
    path, said = write(folder), list[str]()
    first = open_table(path, said)
    assert open_table(path, said).folder == first.folder
    assert len(said) == 1
    Image.fromarray(PIXELS[0] // 2).save(folder / NAMES[0])
    assert open_table(path, said).info.checksum != first.info.checksum


def test_missing_files_are_named_or_left_out(folder: Path) -> None:
    path = write(folder)
    for name in NAMES[3:10]:
        os.unlink(folder / name)
    with pytest.raises(
        UserError,
        match=r"7 of 30 rows have a file that is not there \(line 5: 'sub folder/ü 03.png'; .*; and 2 more\): mend",
    ):
        open_table(path)
    said: list[str] = []
    assert sum(open_table(path, said, skip_bad_images=True).info.counts.values()) == 23
    assert "note: 7 files that cannot be read were left out" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table"),
        ("file,label\n", "has no rows below its first line"),
        ("name,label\na.png,1\n", r"has no column 'file' \(name, label\).*give --window"),
        ("file,kind\na.png,1\n", "has no column 'label'"),
        ("file,label\na.png,\nb.png,1", r"1 of 2 rows have no label \(line 2: ''\)"),
        ("file,label\na.png,1,2,3\n'b,1\nc,d,e,f,g,h\n", "cannot be read as a table"),
        ("file,label\nm\xfcll.png,1\n", "is no text in UTF-8"),
        (
            "file,label,split\na.png,1,train\nb.png,1,later\n",
            r"1 of 2 rows have no train, val or test in split \(line 3",
        ),
    ],
)
def test_tables_that_make_no_data_set(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(text, encoding="latin-1")
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    with pytest.raises(UserError, match=message) as error:
        open_table(tmp_path / "bad.csv")
    assert "\n" not in str(error.value)


def test_a_parquet_file_without_its_reader(folder: Path) -> None:
    (folder / "photos.parquet").write_bytes(b"PAR1")
    code = (
        "import sys; sys.modules['pyarrow'] = sys.modules['fastparquet'] = None; "
        "from underbudget.search.commands.main import run; "
        f"sys.exit(run(['launch', '--dataset', {str(folder / 'photos.parquet')!r}, '--data-dir', {str(folder)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "reading photos.parquet needs pyarrow: pip install pyarrow, or save the table as a CSV file" in done.stderr
