"""A user's mistakes: one line that says rule, value and way out, exit code 2, nothing lost or half-written."""

import hashlib
import json
import os
import shutil
import socket
from pathlib import Path

import optuna
import pytest
import simulated

from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Path:
    """A runs folder with the simulated study `toy`, complete, and `fresh`, which has no trial."""
    runs = tmp_path_factory.mktemp("runs")
    (runs / "toy").mkdir()
    simulated.search(runs / "toy", 3)
    shutil.copytree(runs / "toy", runs / "fresh")
    (runs / "fresh" / "study.db").unlink()
    shutil.rmtree(runs / "fresh" / "models")
    fixed = simulated.settings()
    where = simulated.StudyLocation("fresh", runs / "fresh")
    with simulated.open_study(where, fixed):
        pass
    return runs


def digest(folder: Path) -> str:
    """Names and contents of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()


def mistake(arguments: list[str], capfd: pytest.CaptureFixture[str], code: int = 2) -> str:
    """Run a command line that must fail; its one line."""
    capfd.readouterr()
    assert run(arguments) == code
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert "Traceback" not in lines[0]
    return lines[0]


LAUNCH = [
    (["--dataset", "minst"], ["unknown data set 'minst'", "did you mean mnist?", "digits"]),
    (["--budget", "params<"], ["params<", "params<8000"]),
    (["--budget", "params<-1"], ["-1"]),
    (["--budget", "parms<8000"], ["parms", "did you mean params?"]),
    (["--budget", "params<100"], ["impossible", "smallest network of the space"]),
    (["--trials", "-3"], ["--trials", "from 1 to", "-3"]),
    (["--workers", "0"], ["--workers", "from 1 to", "0"]),
    (["--target", "0.994"], ["--target", "percent", "did you mean 99.4?"]),
    (["--trials", "many"], ["trials", "many"]),
    (["--recipe", "warp10"], ["unknown recipe 'warp10'", "warp10-onecycle"]),
    (["--device", "tpu"], ["--device", "tpu"]),
    (["--device", "cuda:7"], ["cuda:7", "--device cpu"]),
    (["--progress", "loud"], ["--progress", "loud"]),
    (["--storage", "nonsense"], ["storage", "URL"]),
    (["--storage", "postgresql://me:secret@127.0.0.1:1/db"], ["postgresql", "storage"]),
    (["--config", "nowhere.toml"], ["nowhere.toml", "--config"]),
    (["a/b"], ["study name", "'a/b'"]),
    (["--frobnicate"], ["frobnicate"]),
    (["--lr", "1e999"], ["--lr"]),
]


@pytest.mark.parametrize(("options", "words"), LAUNCH, ids=[" ".join(options) for options, _ in LAUNCH])
def test_launch(
    options: list[str],
    words: list[str],
    digits: Dataset,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    runs = tmp_path / "runs"
    given = ["launch", "--runs", str(runs), "--data-dir", str(digits.folder.parents[1])]
    line = mistake([*given, *([] if "--dataset" in options else ["--dataset", "digits"]), *options], capfd)
    for word in words:
        assert word in line
    assert "secret" not in line
    assert not runs.exists() or not list(runs.rglob("*.db"))


SHOW = [
    ("saish-m5", ["saish-m5", "did you mean saish-m4?"]),
    ("conv3x3(8) rellu | gap | linear(10)", ["character 12", "did you mean relu?"]),
    ("conv3x3(8) | conv30x30(8) | gap", ["stage 2", "conv30x30(8)", "below 1x1"]),
    ("conv3x3(8) | gap(5x5)", ["gap(5x5)", "26x26"]),
    ("toy:999", ["999", "#0 to #"]),
    ("nobody:1", ["no study 'nobody'", "runs"]),
]


@pytest.mark.parametrize(("what", "words"), SHOW, ids=[what for what, _ in SHOW])
def test_show(what: str, words: list[str], made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = mistake(["show", what, "--runs", str(made)], capfd)
    for word in words:
        assert word in line


def test_show_refuses_input_and_classes_that_do_not_fit(capfd: pytest.CaptureFixture[str]) -> None:
    assert "1x28" in mistake(["show", "saish-m4", "--input", "1x28"], capfd)
    assert "gap(4x4)" in mistake(["show", "saish-m4", "--input", "1x32x32"], capfd)
    assert "classes" in mistake(["show", "saish-m4", "--classes", "7"], capfd)


def test_an_unknown_study_names_the_folder_that_was_searched(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["report"], ["dashboard"], ["export", "-o", "x.py"]):
        line = mistake([command[0], "nobody", *command[1:], "--runs", str(made)], capfd)
        assert str(made.resolve()) in line
        assert "toy" in line


def test_export(made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "winner.py"
    given = ["--output", str(output), "--runs", str(made)]
    assert "no complete trial yet" in mistake(["export", "fresh", *given], capfd)
    assert "has no trial 999" in mistake(["export", "toy:999", *given], capfd)
    assert not output.exists()


def test_export_does_not_overwrite(made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "winner.py"
    output.write_text("mine")
    line = mistake(["export", "toy", "--output", str(output), "--runs", str(made)], capfd)
    assert "winner.py" in line
    assert output.read_text() == "mine"


CONFIGURATIONS = [
    ('data-dir = "a\\u0000b"', ["data-dir", "NUL", "'a\\x00b'"]),
    ('runs = "a\\u0000b"', ["runs", "NUL", "'a\\x00b'"]),
    ('storage = "sqlite:///a\\u0000b"', ["storage", "NUL"]),
    ("trials = " + 5000 * "[" + 5000 * "]", ["is not TOML", "--config"]),
    ("trials = " + 5000 * "9", ["is not TOML", "--config"]),
]


@pytest.mark.parametrize(("text", "words"), CONFIGURATIONS, ids=[text[:20] for text, _ in CONFIGURATIONS])
def test_a_configuration(text: str, words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "search.toml").write_text(f'dataset = "digits"\n{text}\n')
    line = mistake(["launch", "--config", str(tmp_path / "search.toml"), "--dry-run"], capfd)
    for word in words:
        assert word in line


def test_a_runs_folder_whose_name_is_no_utf_8(
    made: Path, digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    runs = os.fsdecode(os.fsencode(tmp_path) + b"/ru\xffns")
    try:
        shutil.copytree(made / "toy", Path(runs) / "toy")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    data = ["--dataset", "digits", "--data-dir", str(digits.folder.parents[1])]
    for command in (["launch", "new", *data], ["status", "toy"], ["report", "toy"], ["export", "toy", "-o", "w.py"]):
        assert "is not UTF-8: choose another --runs" in mistake([*command, "--runs", runs], capfd)
    assert [path.name for path in Path(runs).iterdir()] == ["toy"]


def test_a_study_db_that_is_a_link_to_itself(
    made: Path, digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "toy", tmp_path / "toy")
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "study.db").symlink_to("study.db")
    data = ["--dataset", "digits", "--data-dir", str(digits.folder.parents[1])]
    for command in (["launch", "loop", *data], ["status", "loop"], ["show", "loop:0"]):
        line = mistake([*command, "--runs", str(tmp_path)], capfd)
        assert "study.db is a link that leads back to itself: remove it" in line
    assert run(["status", "--runs", str(tmp_path)]) == 0
    assert "toy  " in capfd.readouterr().out
    assert os.listdir(tmp_path / "loop") == ["study.db"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="file modes are POSIX")
def test_a_runs_folder_that_cannot_be_written(
    digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    given = ["--dataset", "digits", "--data-dir", str(digits.folder.parents[1])]
    line = mistake(["launch", *given, "--runs", str(tmp_path / "file")], capfd)
    assert "--runs" in line
    assert (tmp_path / "file").read_text() == "no folder"


def test_a_port_in_use_offers_another(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = mistake(["dashboard", "toy", "--runs", str(made), "--port", str(port)], capfd)
    assert str(port) in line
    assert "is free: --port" in line
    assert "--port" in mistake(["dashboard", "toy", "--runs", str(made), "--port", "99999"], capfd)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\xff" * 4096], ids=["text", "corrupt"])
def test_a_study_that_is_no_database(content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "study.db").write_bytes(content)
    before = digest(tmp_path)
    for command in (
        ["status", "bad"],
        ["report", "bad"],
        ["show", "bad:1"],
        ["launch", "bad", "--dataset", "digits"],
        ["export", "bad", "--output", str(tmp_path / "w.py")],
    ):
        assert "study.db" in mistake([*command, "--runs", str(tmp_path)], capfd)
    assert digest(tmp_path) == before


def test_a_resume_with_other_settings_offers_a_command_with_a_free_name(
    made: Path, digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "toy", tmp_path / "toy")
    before = digest(tmp_path)
    given = ["--dataset", "digits", "--data-dir", str(digits.folder.parents[1]), "--budget", "params<5000"]
    line = mistake(["launch", "toy", *given, "--runs", str(tmp_path)], capfd)
    assert "data set: the study has toy, you asked for digits" in line
    assert "underbudget launch toy-2 --dataset digits --budget 'params<5000' --epochs 4 --recipe plain" in line
    assert digest(tmp_path) == before


def test_reading_leaves_no_trace(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = digest(made)
    assert run(["status", "--runs", str(made)]) == 0
    assert run(["status", "toy", "--runs", str(made), "--json"]) == 0
    assert run(["show", "toy:0", "--runs", str(made), "--json"]) == 0
    assert digest(made) == before
    assert "toy" in capfd.readouterr().out


def test_a_fault_of_the_program_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("unexpected")

    monkeypatch.setattr("underbudget.models.references.find_network", broken)
    assert "--debug" in mistake(["show", "saish-m4"], capfd, code=1)
    with pytest.raises(ZeroDivisionError):
        run(["show", "saish-m4", "--debug"])


def test_stock_optuna_can_still_open_what_was_refused(made: Path) -> None:
    study = optuna.load_study(study_name="toy", storage=f"sqlite:///{made / 'toy' / 'study.db'}")
    assert json.dumps(study.user_attrs["underbudget"]["budget"]) == '"params<8000"'
