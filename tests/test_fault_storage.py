"""The database and its disk: full, locked, damaged, cut short, mispaired, linked, somebody else's."""

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import NAME, Stock, begin, check_complete, check_kept, finished, instant, request, search_instantly, stock

from underbudget.models.errors import UserError
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.session import resolving
from underbudget.search.study import opening as studies

SMALL = 900_000  # bytes: the database of some ten trials


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A file system of its own with little space, and "": else a folder, and code that limits the size of files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", str(folder)]
    if shutil.which("mount") is not None and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        yield folder, ""
        subprocess.run(["umount", str(folder)], check=True)
    elif importlib.util.find_spec("resource") is not None:
        yield folder, f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({SMALL}, r.getrlimit(r.RLIMIT_FSIZE)[1]))"
    else:
        pytest.skip("a small disk: neither may a tmpfs be mounted here, nor is there a limit on the size of files")


def check_broken_off(errors: str, why: str) -> None:
    """One line that says what happened and how to go on."""
    assert errors.startswith("error: the search was broken off (")
    assert re.search(why, errors)
    assert "trials stored so far are kept, mend that and launch again" in errors
    assert errors.count("\n") == 1


def test_a_full_disk(digits: Dataset, disk: tuple[Path, str]) -> None:
    folder, limit = disk
    before = begin(folder, digits)
    with instant(request(folder, digits, 400), limit) as launch:
        check_broken_off(launch.end(1), "full|disk I/O error|too large")
    check_kept(folder / NAME / "study.db", before)
    before = finished(folder / NAME / "study.db")
    assert len(before) > 3
    if not limit:
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
    goal = trained(folder) + 3
    assert search_instantly(request(folder, digits, goal)).reached
    check_complete(folder / NAME, before, goal)


def trained(runs: Path) -> int:
    """How many trials of the study count towards the goal."""
    return sum(trial.state.name == "COMPLETE" or "stop" in trial.user_attrs for trial in study_of(runs).trials)


def study_of(runs: Path) -> Stock:
    return stock(runs / NAME / "study.db")


def test_a_locked_database_is_waited_for_and_then_given_up(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    with instant(
        request(tmp_path, digits, 500),
        "from underbudget.search.study import opening; opening.BUSY_SECONDS = 2; pause = 0.03",
    ) as it:
        it.until("ended")
        other = sqlite3.connect(tmp_path / NAME / "study.db", isolation_level=None, timeout=30)
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(0.7)
        other.execute("ROLLBACK")
        it.until("ended")
        other.execute("BEGIN EXCLUSIVE")
        check_broken_off(it.end(1), "locked")
    other.close()
    check_kept(tmp_path / NAME / "study.db", before)
    goal = trained(tmp_path) + 2
    assert search_instantly(request(tmp_path, digits, goal)).reached
    check_complete(tmp_path / NAME, before, goal)


def test_a_database_that_is_locked_before_a_search_begins(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = begin(tmp_path, digits)
    monkeypatch.setattr("underbudget.search.study.opening.BUSY_SECONDS", 0.2)
    monkeypatch.setattr("underbudget.reports.snapshot.BUSY_SECONDS", 0.2)
    other = sqlite3.connect(tmp_path / NAME / "study.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UserError, match=r"study\.db is locked by another program: end that one, or wait"):
        search_instantly(request(tmp_path, digits, 3))
    other.close()
    check_complete(tmp_path / NAME, before, 2)


def overwritten(database: Path) -> None:
    """A page in the middle, as a failing disk leaves it."""
    content = bytearray(database.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = os.urandom(4096)
    database.write_bytes(content)


def truncated(database: Path) -> None:
    """Cut in the middle, as an interrupted copy leaves it."""
    os.truncate(database, database.stat().st_size // 2)


def index_torn(database: Path) -> None:
    """An index that no longer agrees with its table: every query of a reader may still succeed."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_trials_study_id'")
    connection.commit()
    connection.close()


def header_lost(database: Path) -> None:
    """The first sector zeroed."""
    with database.open("r+b") as file:
        file.write(bytes(512))


@pytest.mark.parametrize("damage", [overwritten, truncated, index_torn, header_lost])
def test_a_damaged_database_is_named_and_left_alone(
    damage: Any, digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    begin(tmp_path, digits)
    database = tmp_path / NAME / "study.db"
    damage(database)
    content = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    asked = request(tmp_path, digits, 4)
    output = str(tmp_path / "winner.py")
    launch = ["launch", NAME, "--dataset", "digits", "--data-dir", str(asked.data_dir)]
    for command in (launch, ["status", NAME], ["report", NAME], ["show", f"{NAME}:0"], ["export", NAME, "-o", output]):
        capfd.readouterr()
        assert run([*command, "--runs", str(tmp_path)]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert str(database) in line
        assert "recover" in line or "no SQLite database" in line
    assert run(["status", "--runs", str(tmp_path)]) == 0  # of all studies: the others are still shown
    assert "damaged" in (shown := capfd.readouterr().out) or "no SQLite database" in shown
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == content


def test_a_log_without_its_database_is_not_mixed_into_a_new_one(digits: Dataset, tmp_path: Path) -> None:
    """After a SIGKILL somebody deletes study.db to begin afresh, and leaves study.db-wal."""
    before = begin(tmp_path, digits)
    session = resolving.prepare(request(tmp_path, digits, 3), lambda line: None)
    with studies.open_study(session.location, session.settings) as (study, _):
        study.set_user_attr("note", "in the log")
        shutil.copytree(tmp_path, tmp_path / "killed")  # what a SIGKILL at this moment leaves
    folder = tmp_path / "killed" / NAME
    assert (folder / "study.db-wal").stat().st_size
    (folder / "study.db").rename(folder / "elsewhere")
    asked = request(tmp_path / "killed", digits, 3)
    with pytest.raises(UserError, match=r"study\.db is gone, but study\.db-wal is there") as caught:
        search_instantly(asked)
    assert "\n" not in str(caught.value)
    assert not (folder / "study.db").exists()
    (folder / "elsewhere").rename(folder / "study.db")
    assert search_instantly(asked).reached
    check_complete(folder, before, 3)


def test_a_new_study_does_not_overwrite_the_weights_of_another(digits: Dataset, tmp_path: Path) -> None:
    """The same study name and runs folder, another database."""
    before = begin(tmp_path, digits)
    content = {path: path.read_bytes() for path in (tmp_path / NAME / "models").iterdir()}
    asked = request(tmp_path, digits, 2, storage=f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(UserError, match="has the weights of another study"):
        search_instantly(asked)
    assert {path: path.read_bytes() for path in (tmp_path / NAME / "models").iterdir()} == content
    check_complete(tmp_path / NAME, before, 2)


def test_a_database_with_two_names_is_refused(digits: Dataset, tmp_path: Path) -> None:
    """A backup made of hard links would be written to, and SQLite's logs would be two."""
    before = begin(tmp_path, digits)
    database = tmp_path / NAME / "study.db"
    os.link(database, tmp_path / "backup.db")
    with pytest.raises(UserError, match="hard links"):
        search_instantly(request(tmp_path, digits, 3))
    os.unlink(tmp_path / "backup.db")
    assert search_instantly(request(tmp_path, digits, 3)).reached
    check_complete(tmp_path / NAME, before, 3)
