"""What changes around a search: the clock, the data set, the settings that are asked for."""

import contextlib
import itertools
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from faults import NAME, begin, check_complete, check_kept, finished, instant, request, search_instantly, stock

from underbudget.models.errors import UserError
from underbudget.reports.reading import read_study
from underbudget.search.commands.main import run
from underbudget.search.data.store import PARTS, Dataset, Part, write_dataset
from underbudget.search.session.request import Request

DAY = 86_400


def test_the_clock_goes_back_a_day_and_then_forward_two(
    digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Under a limit of ten hours, which does not follow the clock."""
    before = begin(tmp_path, digits)
    asked = request(tmp_path, digits, 8, timeout="10h", stopping="none")
    with instant(asked, f"shifts.update({{20: -{DAY}, 50: {DAY}}})") as launch:
        assert launch.end(0) == ""
    check_complete(tmp_path / NAME, before, 8)
    before = finished(tmp_path / NAME / "study.db")
    trials = stock(tmp_path / NAME / "study.db").trials
    times = [trial.datetime_start.timestamp() for trial in trials if trial.datetime_start is not None]
    assert min(second - first for first, second in itertools.pairwise(times)) < -DAY / 2
    assert max(second - first for first, second in itertools.pairwise(times)) > DAY
    (session,) = read_study(f"sqlite:///{tmp_path / NAME / 'study.db'}", NAME).sessions[1:]
    assert 0 <= session["seconds"] < 3600
    assert run(["status", NAME, "--runs", str(tmp_path)]) == 0
    assert "8 trained" in capfd.readouterr().out
    assert search_instantly(request(tmp_path, digits, 10)).reached
    check_complete(tmp_path / NAME, before, 10)


def test_a_data_set_that_was_changed_is_refused_until_it_is_as_it_was(digits: Dataset, tmp_path: Path) -> None:
    data, runs = tmp_path / "data", tmp_path / "runs"
    shutil.copytree(digits.folder.parents[1], data)
    before = begin(runs, digits)
    asked = request(runs, digits, 4, data_dir=str(data))
    labels = data / "prepared" / digits.folder.name / "train-labels.npy"
    content = bytearray(labels.read_bytes())
    content[-8] ^= 1  # the last label
    labels.write_bytes(content)
    with pytest.raises(UserError, match=r"train-labels\.npy was changed; delete that folder"):
        search_instantly(asked)
    check_kept(runs / NAME / "study.db", before)
    shutil.rmtree(labels.parent)
    assert search_instantly(asked).reached  # prepared anew, equal to the byte
    check_complete(runs / NAME, before, 4)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("mean", [0.9], "mean or std in dataset.json was changed"),
        ("std", [0.02], "mean or std in dataset.json was changed"),
        ("classes", list("0123456798"), "the classes in dataset.json were changed"),
    ],
)
def test_a_changed_description_of_the_data_set_is_refused(
    key: str, value: list[object], said: str, digits: Dataset, tmp_path: Path
) -> None:
    """Its arrays are as they were: the networks would be trained with other inputs than they are exported with."""
    data, runs = tmp_path / "data", tmp_path / "runs"
    shutil.copytree(digits.folder.parents[1], data)
    before = begin(runs, digits)
    header = data / "prepared" / digits.folder.name / "dataset.json"
    content = json.loads(header.read_text())
    content["info"][key] = value
    header.write_text(json.dumps(content))
    with pytest.raises(UserError, match=said):
        search_instantly(request(runs, digits, 4, data_dir=str(data)))
    check_kept(runs / NAME / "study.db", before)


def test_a_description_other_than_the_studys_is_refused(digits: Dataset, tmp_path: Path) -> None:
    """The store is whole, and the study's own description was made with other class names."""
    before = begin(tmp_path, digits)
    database = tmp_path / NAME / "study.db"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE study_user_attributes SET value_json = replace(value_json, '\"9\"]', '\"nine\"]')")
    with pytest.raises(UserError, match=r"classes: the study has 0, 1, .*, nine, you asked for 0, 1, .*, 9"):
        search_instantly(request(tmp_path, digits, 4))
    check_kept(database, before)


def test_other_data_under_the_same_name_are_refused(digits: Dataset, tmp_path: Path) -> None:
    """As another version of the publisher's files would be: whole, but not those of the study."""
    runs = tmp_path / "runs"
    before = begin(runs, digits)
    folder = tmp_path / "data" / "prepared" / digits.folder.name
    others = {name: Part(digits.part(name).images[::-1], digits.part(name).labels[::-1]) for name in PARTS}
    write_dataset(folder, "digits", digits.info.title, digits.info.classes, others)
    with pytest.raises(UserError, match="data checksum: the study has ") as caught:
        search_instantly(request(runs, digits, 4, data_dir=str(tmp_path / "data")))
    assert "\n" not in str(caught.value)
    check_complete(runs / NAME, before, 2)


def test_other_settings_are_refused_and_the_study_goes_on_with_its_own(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    for changes in ({"epochs": 3}, {"seed": 1}, {"budget": ["params<5000"]}, {"lr": 0.01}, {"space": {"n_before": 2}}):
        with pytest.raises(UserError, match="exists with other settings"):
            search_instantly(request(tmp_path, digits, 4, **changes))
    check_complete(tmp_path / NAME, before, 2)
    assert search_instantly(Request(NAME, trials=4, runs=str(tmp_path), data_dir=str(digits.folder.parents[1]))).reached
    check_complete(tmp_path / NAME, before, 4)
