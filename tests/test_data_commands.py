"""`underbudget data`: names, the list, the cache with its limit, and what is shown of a data set."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from underbudget.models.errors import UserError
from underbudget.reports.pictures import Picture
from underbudget.search.commands import sample_grid
from underbudget.search.commands.main import run
from underbudget.search.data import cache, sources
from underbudget.search.session import resolving
from underbudget.search.session.request import Request

RANDOM = np.random.default_rng(0)
DAYS = 24 * 3600


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERBUDGET_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(cache.LIMIT, raising=False)
    monkeypatch.chdir(tmp_path)


def write(name: str, examples: int = 40) -> Path:
    """An .npz file of two classes, three quarters of them of the first, one image twice."""
    x = RANDOM.integers(0, 256, (examples, 10, 10), np.uint8)
    x[1::7] = x[0]
    np.savez(f"{name}.npz", x=x, y=(np.arange(examples) % 4 == 0).astype(int), classes=["cat", "dog"])
    return Path(f"{name}.npz").absolute()


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert run(["data", *words]) == 0
    return capsys.readouterr().out


def age(stored: cache.Stored, days: float) -> None:
    then = time.time() - days * DAYS
    os.utime(stored.folder, (then, then))


def ids() -> list[str]:
    return [each.source for each in cache.stores(sources.homes())]


def test_a_name_is_a_data_set(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = write("pets")
    told = answer(capsys, "add", "animals", "pets.npz", "--split-seed", "3")
    assert "animals: 2 classes, 1x10x10, 28 train, 6 validation, 6 test" in told
    definition = sources.define("animals", {})
    assert definition.to_json() == {"kind": "npz", "source": str(source), "options": {"split_seed": 3}}
    assert sources.define("animals", {"split_seed": 4}).options == {"split_seed": 4}
    Path("animals").mkdir()
    assert sources.define("animals", {}) == definition  # a folder of that name comes after it
    assert sources.define("folder:animals", {}).kind == "folder"
    session = resolving.prepare(Request(dataset="animals", workers=1, runs=tmp_path / "runs"), lambda line: None)
    assert session.settings.dataset.definition == definition
    listed = json.loads(answer(capsys, "list", "--json"))
    assert listed["own"][0]["name"] == "animals"
    assert listed["stores"][0]["names"] == ["animals"]
    assert listed["bytes"] == sum(
        file.stat().st_size for file in next((tmp_path / "data" / "prepared").glob("own-*")).iterdir()
    )
    assert "mnist" in [each["name"] for each in listed["built_in"]]
    text = answer(capsys, "list")
    assert f"npz:{source}" in "".join(text.split())  # a long path is folded
    told = answer(capsys, "remove", "animals")
    assert "the name animals is gone" in told
    assert source.is_file()
    assert not ids()
    assert sources.define("animals", {}).kind == "folder"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "mnist", "pets.npz"], "mnist is the name of a built-in data set: give another one"),
        (["add", "a/b", "pets.npz"], "a name has up to 64 letters"),
        (["add", "animals", "mnist"], "mnist has a name already"),
        (["add", "animals", "nothing.npz"], "there is no such file or folder"),
        (["add", "animals", "pets.npz", "--split-seed", "-1"], "--split-seed is a whole number"),
        (["add", "animals", "pets.npz", "--window", "9"], "--window belongs to data of the kind csv"),
        (["remove"], "data remove needs a name"),
        (["remove", "animals"], "there is no name and no prepared copy 'animals'"),
        (["remove", "--over", "much"], "a size is written like 500MB"),
        (["show", "pest"], "unknown data set 'pest'"),
        ([], "underbudget data needs a command: add, list, remove or show"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("pets")
    assert run(["data", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_an_unknown_name_is_offered_the_nearest_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    write("pets")
    answer(capsys, "add", "animals", "pets.npz")
    with pytest.raises(UserError, match="did you mean animals"):
        sources.define("anmals", {})


def test_what_is_over_the_limit_goes_the_oldest_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        sources.prepare(sources.define(str(write(f"set{number}", 40 + 4 * number)), {}), log=lambda line: None)
    answer(capsys, "add", "kept", "set0.npz")
    lists = sources.keep((RANDOM.integers(0, 256, (40, 9, 9), np.uint8), np.arange(40) % 2), {}, log=lambda line: None)
    for days, stored in enumerate(sorted(cache.stores(sources.homes()), key=lambda each: each.source)):
        age(stored, 20 - days)  # arrays from Python, set0, set1, set2, set3
    age(next(each for each in cache.stores(sources.homes()) if "set3" in each.source), 0.5)
    assert lists.kind == "arrays"
    size = sum(each.bytes for each in cache.stores(sources.homes()))
    monkeypatch.setenv(cache.LIMIT, str(size - 1))
    said: list[str] = []
    sources.prepare(sources.define("kept", {}), log=said.append)
    assert "set1.npz" in said[0]
    assert [any(f"set{number}" in source for source in ids()) for number in range(4)] == [True, False, True, True]
    age(next(each for each in cache.stores(sources.homes()) if each.names), 30)
    told = answer(capsys, "remove", "--over", "0B")
    assert "set2" in told
    assert "which have names, were used within a day, or came from Python" in told
    assert sorted(source.rpartition("/")[2] for source in ids()) == ["arrays from Python", "set0.npz", "set3.npz"]
    arrays = next(each for each in cache.stores(sources.homes()) if "Python" in each.source)
    answer(capsys, "remove", arrays.checksum[:8])
    named = next(each for each in cache.stores(sources.homes()) if each.names)
    assert run(["data", "remove", named.checksum[:8]]) == 2
    assert "belongs to the name kept: remove the name" in capsys.readouterr().err
    monkeypatch.setenv(cache.LIMIT, "a lot")
    with pytest.raises(UserError, match="UNDERBUDGET_DATA_LIMIT: a size is written like"):
        sources.prepare(sources.define("kept", {}), log=said.append)


def test_a_removed_copy_is_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    definition = sources.define(str(write("pets")), {})
    said: list[str] = []
    first = sources.prepare(definition, log=said.append)
    answer(capsys, "remove", first.info.checksum[:12])
    assert not first.folder.exists()
    assert [file.name for file in first.folder.parent.rglob("*")] == ["index"]
    assert sources.prepare(definition, log=said.append).info.checksum == first.info.checksum
    assert [line for line in said if "reading" in line] == [f"reading {definition.source}"] * 2


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("1.5 kB", 1500), ("4GiB", 4 << 30), ("7", 7), ("2g", 2_000_000_000)]
)
def test_sizes(text: str, size: int) -> None:
    assert cache.parse_size(text) == size


def test_show_tells_what_is_in_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write("pets")
    text = answer(capsys, "show", "pets.npz", "--png", "pets.png")
    assert "2 classes, 1x10x10, 28 train, 6 validation, 6 test" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["cat", "21", "5", "4", "30"] in rows
    assert ["dog", "7", "1", "2", "10"] in rows
    assert "3.0 times the training examples" in text
    assert "images are in more than one part" in text
    assert "front end   kind picture" in text
    assert text.count("is read as NHW") == 1
    with Image.open("pets.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 300
    facts = json.loads(answer(capsys, "show", "npz:pets.npz", "--json"))
    assert facts["counts"]["dog"] == {"train": 7, "validation": 1, "test": 2}
    assert facts["imbalance"] == 3
    assert facts["definition"]["source"] == str(tmp_path / "pets.npz")


def test_show_names_what_was_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(10):
            pixels = RANDOM.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    (tmp_path / "photos" / "a" / "bad.png").write_text("no picture")
    text = answer(capsys, "show", "photos", "--skip-bad-images")
    assert "bad.png: is no picture" in text
    assert "1 files that cannot be read were left out" in text


def test_built_in_sets_are_shown_too(capsys: pytest.CaptureFixture[str], digits: sources.Dataset) -> None:
    text = answer(capsys, "show", "digits", "--data-dir", str(digits.folder.parents[1]))
    assert "10 classes, 1x28x28, 1,258 train, 270 validation, 269 test" in text


def test_samples_as_characters() -> None:
    """A black and a white pixel one above the other; a ramp from 0 to 255."""
    column = np.array([[[0], [255], [255], [255]]], np.uint8).repeat(2, 2)
    (first, second) = sample_grid.lines([Picture(column, "")], True)
    assert first.plain == "  ▀▀ "
    assert str(first.spans[0].style) == "rgb(0,0,0) on rgb(255,255,255)"
    assert str(second.spans[0].style) == "rgb(255,255,255) on rgb(255,255,255)"
    grey = [line.plain for line in sample_grid.lines([Picture(column, "")] * 2, False)]
    assert grey == ["        ", "  @@ @@ "]
    ramp = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(1, 64, 1)
    (line,) = sample_grid.lines([Picture(ramp, "")], True)
    assert line.plain == "  " + "".join(level * 4 for level in "▁▂▃▄▅▆▇█") + " "
