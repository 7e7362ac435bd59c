"""Opening, locking and closing a study."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import simulated

from underbudget.models.errors import UserError
from underbudget.reports.storage_url import parse_url, shown_url, sqlite_file, sqlite_url
from underbudget.search.commands.main import run
from underbudget.search.study import opening as studies
from underbudget.search.study.location import check_name


@pytest.mark.parametrize("name", ["", "a b", ".hidden", "-x", "a/b", "../x", "x" * 65, "é", "a\n"])
def test_a_name_that_could_leave_the_runs_folder_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="study name"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "mnist-params-8000", "A.b_c-9", "x" * 64])
def test_ordinary_names_are_taken(name: str) -> None:
    assert check_name(name) == name


def test_after_a_clean_end_the_database_is_one_complete_file(tmp_path: Path) -> None:
    simulated.search(tmp_path, 3)
    assert not list(tmp_path.glob("study.db-*"))
    copy = tmp_path / "elsewhere.db"
    copy.write_bytes((tmp_path / "study.db").read_bytes())
    trials = optuna.load_study(study_name="toy", storage=f"sqlite:///{copy}").trials
    assert sum(trial.state.name == "COMPLETE" for trial in trials) == 3
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_a_second_coordinator_is_refused_also_from_another_process(tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import simulated
try:
    simulated.search(Path({str(tmp_path)!r}), 1)
except Exception as error:
    print(type(error).__name__, error)
"""
    with studies.open_study(simulated.location(tmp_path), simulated.settings()):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        with pytest.raises(UserError, match="another process"):
            simulated.search(tmp_path, 1)
    assert done.stdout.startswith("UserError the study toy is being searched by another process"), done.stderr
    assert simulated.search(tmp_path, 1).reached


def test_other_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    simulated.search(tmp_path, 1)
    before = (tmp_path / "study.db").read_bytes()
    with pytest.raises(UserError) as caught:
        simulated.search(tmp_path, 2, simulated.settings("params<5000", seed=3, epochs=2))
    message = str(caught.value)
    assert "budget: the study has params<8000, you asked for params<5000" in message
    assert "seed: the study has 0, you asked for 3" in message
    assert "epochs: the study has 4, you asked for 2" in message
    assert (tmp_path / "study.db").read_bytes() == before


def other_program(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    connection.close()


def stock_optuna(path: Path) -> None:
    study = optuna.create_study(study_name="toy", storage=f"sqlite:///{path}", directions=["minimize", "maximize"])
    study.add_trial(optuna.trial.create_trial(values=[1.0, 2.0]))


def newer_version(path: Path) -> None:
    study = optuna.create_study(study_name="toy", storage=f"sqlite:///{path}", directions=["minimize", "maximize"])
    study.set_user_attr("underbudget", {"record_version": 99})


def other_study(path: Path) -> None:
    optuna.create_study(study_name="somebody", storage=f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_text("these are no tables"), "is not a|cannot be read|no SQLite|not a database"),
        (lambda path: path.write_bytes(b"SQLite format 3\x00" + b"\x7f" * 5000), "study.db"),
        (other_program, "no Optuna storage"),
        (stock_optuna, "another program"),
        (newer_version, "newer"),
        (other_study, "other studies"),
    ],
)
def test_a_database_that_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path, make: object, words: str) -> None:
    assert callable(make)
    make(tmp_path / "study.db")
    before = (tmp_path / "study.db").read_bytes()
    with pytest.raises(UserError, match=words) as caught:
        simulated.search(tmp_path, 1)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "study.db").read_bytes() == before


def test_a_creation_that_was_cut_short_is_taken_up(tmp_path: Path) -> None:
    optuna.create_study(
        study_name="toy", storage=f"sqlite:///{tmp_path / 'study.db'}", directions=["minimize", "maximize"]
    )
    assert simulated.search(tmp_path, 1).reached
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "study.db").touch()
    assert simulated.search(tmp_path / "empty", 1).reached


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host/db",
        "postgresql:///db?user=me&password=secret&host=h",
        "postgresql://me:sec@secret@host/db",
        "postgresql://me:secret@host:port/db",
        "not a url:secret@host",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    assert "secret" not in shown_url(url)


@pytest.mark.parametrize("path", ["a b/study.db", "what?x/study.db", "a%41b/study.db", "é/study.db"])
def test_any_path_survives_its_url(path: str) -> None:
    assert sqlite_file(sqlite_url(Path(path))) == Path(path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "nonsense", "postgresql://h:port/db"])
def test_a_storage_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="like sqlite:///"):
        parse_url(url)


@pytest.mark.parametrize(
    "url", ["mysql://me:secret@host/db", "mysql+pymysql://h/db", "mariadb://h/db", "oracle://h/db"]
)
@pytest.mark.parametrize("command", [["launch"], ["status", "x"], ["report", "x"], ["dashboard", "x"], ["show", "x:1"]])
def test_a_storage_without_a_lock_is_refused(
    url: str, command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--storage", url, "--runs", str(tmp_path)]) == 2
    backend = url.partition(":")[0].partition("+")[0]
    assert capfd.readouterr().err == (
        f"error: a study is stored in a SQLite file or on PostgreSQL, not on {backend}: "
        "give a URL like sqlite:///runs/demo/study.db or postgresql://me:password@host/database\n"
    )
    assert not list(tmp_path.iterdir())


def test_somebody_who_has_the_database_open_does_not_spoil_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    simulated.search(tmp_path, 1)
    reader = sqlite3.connect(tmp_path / "study.db")
    reader.execute("SELECT count(*) FROM trials").fetchall()
    with caplog.at_level("WARNING", logger="underbudget"):
        assert simulated.search(tmp_path, 2).reached
    assert not studies.is_folded(simulated.location(tmp_path)) or not caplog.records
    reader.close()
    assert simulated.search(tmp_path, 3).reached
    assert studies.is_folded(simulated.location(tmp_path))


def test_one_database_has_one_coordinator_also_from_two_folders(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "shared.db")
    one, other = (studies.StudyLocation("toy", tmp_path / name / "toy", url) for name in ("a", "b"))
    with studies.open_study(one, simulated.settings()) as (study, _):
        assert study.study_name == "toy"
        with pytest.raises(UserError, match="another process"), studies.open_study(other, simulated.settings()):
            pytest.fail("two coordinators on one study")


def test_a_kill_at_any_statement_of_the_creation_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """SIGKILL before each of the statements that make a study, then the same search again."""
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import simulated, sqlalchemy
left = int(sys.argv[2])

def count(connection, cursor, statement, parameters, context, executemany):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sqlalchemy.event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", count)
simulated.search(Path(sys.argv[1]), 1)
"""
    for number in (1, 3, 8, 13, 17, 21, 25):
        folder = tmp_path / str(number)
        done = subprocess.run([sys.executable, "-c", code, str(folder), str(number)], capture_output=True, check=False)
        assert done.returncode == -9, done.stderr
        assert simulated.search(folder, 1).reached
