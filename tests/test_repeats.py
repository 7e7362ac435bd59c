"""One search on several seeds: each is the search that its seed alone would be, and together they are compared."""

import csv
import dataclasses
import json
import signal
from pathlib import Path

import optuna
import pytest
import simulated
from faults import SMALL, instant, request

from underbudget import UserError
from underbudget.reports.reading import list_studies, read_study
from underbudget.search import api
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.session import repeats
from underbudget.search.session.request import Request, read_config


@pytest.fixture(autouse=True)
def instantly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings in this process take no time."""
    monkeypatch.setattr(InProcessEngine.__init__, "__defaults__", (simulated.messages,))


@pytest.fixture
def words(digits: Dataset, tmp_path: Path) -> list[str]:
    """Options of a small search below tmp_path."""
    config = tmp_path / "small.toml"
    config.write_text("\n".join(["[space]", *(f"{key} = {value}" for key, value in SMALL.items())]))
    data = ["--dataset", "digits", "--data-dir", str(digits.folder.parents[1])]
    small = ["--trials", "3", "--epochs", "4", "--batch-size", "64", "--config", str(config)]
    return [*data, *small, "--engine", "in-process", "--progress", "none", "--runs", str(tmp_path)]


def session_options(digits: Dataset, folder: Path) -> list[str]:
    return ["--data-dir", str(digits.folder.parents[1]), "--engine", "in-process", "--runs", str(folder)]


def proposals(folder: Path, name: str) -> list[tuple[int, str | None, float | None]]:
    trials = read_study(f"sqlite:///{folder / name / 'study.db'}", name).trials
    return [(trial.trial, trial.proposal and trial.proposal.layers_text, trial.score) for trial in trials]


def studies(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/study.db"))


def test_each_is_the_search_of_its_seed(words: list[str], tmp_path: Path, digits: Dataset) -> None:
    assert run(["launch", "set", "--repeats", "3", "--seed", "7", *words]) == 0
    assert studies(tmp_path) == ["set-s7", "set-s8", "set-s9"]
    assert run(["launch", "alone", "--seed", "8", *words]) == 0
    assert proposals(tmp_path, "set-s8") == proposals(tmp_path, "alone") != proposals(tmp_path, "set-s9")
    stock = [optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path / name / 'study.db'}")
             for name in ("set-s7", "set-s8", "set-s9")]  # fmt: skip
    fixed = [study.user_attrs["underbudget"] for study in stock]
    assert [one.pop("seed") for one in fixed] == [7, 8, 9]
    assert fixed[0] == fixed[1] == fixed[2]
    with (tmp_path / "compare-set" / "studies.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["group"], row["study"], row["seed"]) for row in rows] == [
        ("set", "set-s7", "7"),
        ("set", "set-s8", "8"),
        ("set", "set-s9", "9"),
    ]
    assert "seeds" in (tmp_path / "compare-set" / "index.html").read_text()


def test_the_same_command_resumes_each_and_more_go_on(
    words: list[str], tmp_path: Path, digits: Dataset, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["launch", "set", "--repeats", "2", "--seed", "3", *words]) == 0
    before = {name: proposals(tmp_path, name) for name in ("set-s3", "set-s4")}
    # Nothing but the session's own options: the new study is like those that are there, and begins after them.
    assert run(["launch", "set", "--repeats", "3", "--trials", "4", *session_options(digits, tmp_path)]) == 0
    assert studies(tmp_path) == ["set-s3", "set-s4", "set-s5"]
    for name, kept in before.items():
        found = proposals(tmp_path, name)
        assert found[: len(kept)] == kept
        assert len(found) > len(kept)
    settings = [read_study(f"sqlite:///{tmp_path / n / 'study.db'}", n).settings for n in studies(tmp_path)]
    assert [{**one, "seed": 0} for one in settings] == [{**settings[0], "seed": 0}] * 3
    printed = capfd.readouterr().out
    assert "Search 3 of 3: set-s5, seed 5" in printed
    assert str(tmp_path / "compare-set" / "index.html") in printed
    assert "report --compare set-s3 set-s4 set-s5 --runs" in printed


def test_without_a_name_it_is_made_from_data_set_and_budget(words: list[str], tmp_path: Path) -> None:
    assert run(["launch", "--repeats", "2", *words]) == 0
    assert studies(tmp_path) == ["digits-params-8000-s0", "digits-params-8000-s1"]


def test_ctrl_c_stops_the_set_and_the_same_command_goes_on(digits: Dataset, tmp_path: Path) -> None:
    asked = request(tmp_path, digits, 4, repeats=3)
    with instant(asked, "pause = 0.1") as launch:
        launch.until("ended")
        launch.process.send_signal(signal.SIGINT)
        assert launch.end(130) == ""
    assert studies(tmp_path) == ["toy-s0"]
    assert not (tmp_path / "compare-toy").exists()
    kept = [one for one in proposals(tmp_path, "toy-s0") if one[2] is not None]
    assert 1 <= len(kept) < 4
    asked = dataclasses.replace(asked, engine="in-process")
    found = api.launch_repeats(3, **{k: v for k, v in asked.__dict__.items() if v is not None and k != "repeats"})
    assert [(study.name, study.counts["trained"]) for study in found] == [("toy-s0", 4), ("toy-s1", 4), ("toy-s2", 4)]
    assert proposals(tmp_path, "toy-s0")[: len(kept)] == kept


def test_how_to_go_on_is_said(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # Ten failures in a row end the first search: the others would fare no better.
    monkeypatch.setattr(InProcessEngine.__init__, "__defaults__", (simulated.failing(False, 100)._run,))
    words[words.index("none")] = "plain"
    assert run(["launch", "set", "--repeats", "3", *words]) == 1
    printed = capfd.readouterr().out
    assert "The searches on the other seeds were not begun." in printed
    command = next(line for line in printed.splitlines() if "underbudget launch set " in line)
    assert "--repeats 3" in command
    assert "--config FILE" in command
    assert studies(tmp_path) == ["set-s0"]


def test_in_one_storage(words: list[str], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    assert run(["launch", "set", "--repeats", "2", "--storage", url, *words]) == 0
    assert run(["launch", "set", "--repeats", "3", "--storage", url, *words]) == 0
    assert list_studies(url) == ("set-s0", "set-s1", "set-s2")
    assert (tmp_path / "compare-set" / "comparison.json").is_file()


def test_python(digits: Dataset, tmp_path: Path) -> None:
    asked = {"dataset": "digits", "trials": 2, "epochs": 4, "batch_size": 64, "engine": "in-process", "space": SMALL}
    where = {"runs": tmp_path, "data_dir": digits.folder.parents[1]}
    found = api.launch_repeats(2, "set", **asked, **where)
    table = api.compare(*found)
    assert list(table["study"]) == ["set-s0", "set-s1"]
    assert set(table["group"]) == {"set"}
    assert (table["hypervolume"] > 0).all()
    with pytest.raises(TypeError, match="trails"):
        api.launch_repeats(2, "set", trails=3)
    with pytest.raises(UserError, match="two studies or more"):
        api.compare(found[0])


def test_a_study_of_the_set_with_other_settings_is_refused_before_any_is_searched(
    words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = [*words]
    other[other.index("--epochs") + 1] = "5"
    assert run(["launch", "set-s1", "--seed", "1", *other]) == 0
    before = proposals(tmp_path, "set-s1")
    assert run(["launch", "set", "--repeats", "3", "--seed", "0", *words]) == 2
    assert "epochs: the study has 5, you asked for 4" in capfd.readouterr().err
    assert run(["launch", "set-s2", "--seed", "5", *words]) == 0
    assert run(["launch", "set", "--repeats", "2", "--seed", "1", *other]) == 2
    assert "seed: the study has 5, you asked for 2" in capfd.readouterr().err
    assert studies(tmp_path) == ["set-s1", "set-s2"]
    assert proposals(tmp_path, "set-s1") == before


def test_a_dry_run_says_the_studies_and_reads_back(
    words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["launch", "set", "--repeats", "3", "--seed", "2", "--live", "--dry-run", *words]) == 0
    printed = capfd.readouterr().out
    assert "# 3 searches: set-s2, set-s3, set-s4" in printed
    (tmp_path / "back.toml").write_text(printed)
    read = read_config(tmp_path / "back.toml")
    assert (read.study, read.repeats, read.seed, read.live, read.live_every) == ("set", 3, 2, True, "180s")
    assert run(["launch", "--dry-run", "--config", str(tmp_path / "back.toml")]) == 0
    assert capfd.readouterr().out == printed
    assert studies(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["set", "--repeats", "1"], "--repeats is a whole number from 2 to 1000, not 1"),
        (["set", "--repeats", "many"], "--repeats is a whole number, not 'many'"),
        (["set", "--repeats", "3", "--seed", "4294967294"], "goes beyond 4294967295"),
        (["x" * 62, "--repeats", "2"], "a study name has at most 61 characters, not 62"),
        (["a/b", "--repeats", "2"], "a study name is 1 to 64 letters"),
        (["set", "--repeats", "2", "--budget", "params<100"], "impossible"),
        (["set", "--repeats", "2", "--progress", "loud"], "--progress"),
        (["set", "--repeats", "2", "--storage", "nonsense"], "storage"),
    ],
)
def test_user_mistakes(
    options: list[str], says: str, digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ["--dataset", "digits", *session_options(digits, tmp_path / "runs")]
    assert run(["launch", *given, *options]) == 2
    error = capfd.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_the_longest_name(digits: Dataset, tmp_path: Path) -> None:
    asked = request(tmp_path, digits, 1, study="x" * 61, repeats=2)
    assert [len(session.location.name) for session in repeats.prepare(asked, lambda line: None)] == [64, 64]
    assert repeats.name_of(Request(budget=[f"params<{'9' * 14}", f"macs<{'9' * 14}", f"peak_bytes<{'9' * 14}"])) < "z"


def test_every_study_has_the_workers_of_the_first(digits: Dataset, tmp_path: Path) -> None:
    sessions = repeats.prepare(request(tmp_path, digits, 1, repeats=3, workers=3), lambda line: None)
    assert [session.workers for session in sessions] == [3, 3, 3]
    assert {session.resume.repeats for session in sessions} == {3}
    assert json.dumps([session.settings.to_json()["seed"] for session in sessions]) == "[0, 1, 2]"
