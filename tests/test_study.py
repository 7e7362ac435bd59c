"""Opening, locking and closing a study."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import simulated

from models.errors import UserError
from search import study as studies


@pytest.mark.parametrize("name", ["", "a b", ".hidden", "-x", "a/b", "../x", "x" * 65, "é", "a\n"])
def test_a_name_that_could_leave_the_runs_folder_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="study name"):
        studies.check_name(name)


@pytest.mark.parametrize("name", ["a", "mnist-params-8000", "A.b_c-9", "x" * 64])
def test_ordinary_names_are_taken(name: str) -> None:
    assert studies.check_name(name) == name


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
    with studies.open_study(simulated.place(tmp_path), simulated.settings(), {}):
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


def test_a_password_is_never_shown() -> None:
    assert "secret" not in studies.hide_password("postgresql://me:secret@host/db")
    assert "secret" not in studies.hide_password("not a url:secret@host")
