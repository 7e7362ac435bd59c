"""The database and its disk: full, locked, damaged, cut short, mispaired, linked, somebody else's."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import NAME, begin, check_complete, check_kept, finished, instant, request, search_instantly

from models.errors import UserError
from search.commands.main import run
from search.data.store import Dataset

SMALL_DISK = 900  # KB: the database of some ten trials


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little space."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}k", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk: mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def check_broken_off(errors: str, why: str) -> None:
    """One line that says what happened and how to go on."""
    assert errors.startswith("error: the search was broken off (")
    assert why in errors
    assert "trials stored so far are kept, mend that and launch again" in errors
    assert errors.count("\n") == 1


def test_a_full_disk(digits: Dataset, disk: Path) -> None:
    before = begin(disk, digits)
    with instant(request(disk, digits, 400)) as launch:
        check_broken_off(launch.end(1), "full")
    check_kept(disk / NAME / "study.db", before)
    before = finished(disk / NAME / "study.db")
    assert len(before) > 3
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    goal = len(before) + 3
    assert search_instantly(request(disk, digits, goal)).reached
    check_complete(disk / NAME, before, goal)


def test_a_limit_on_the_size_of_files(digits: Dataset, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on the size of files: POSIX has them")
    before = begin(tmp_path, digits)
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({SMALL_DISK}_000, {resource.RLIM_INFINITY}))"
    with instant(request(tmp_path, digits, 400), limit) as launch:
        check_broken_off(launch.end(1), "disk I/O error")
    check_kept(tmp_path / NAME / "study.db", before)
    before = finished(tmp_path / NAME / "study.db")
    goal = len(before) + 3
    assert search_instantly(request(tmp_path, digits, goal)).reached
    check_complete(tmp_path / NAME, before, goal)


IMPATIENT = "from reports import snapshot; from search import study; study.BUSY_SECONDS = snapshot.BUSY_SECONDS = 0.5"


def test_a_database_that_is_locked_for_a_while_is_waited_for(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    with instant(request(tmp_path, digits, 8), "pause = 0.03") as launch:
        launch.until("ended")
        other = sqlite3.connect(tmp_path / NAME / "study.db", isolation_level=None, timeout=30)
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(1)
        other.execute("ROLLBACK")
        other.close()
        assert launch.end(0) == ""
    check_complete(tmp_path / NAME, before, 8)


@pytest.mark.parametrize("when", ["before", "while it runs"])
def test_a_database_that_stays_locked_ends_the_search_with_one_line(digits: Dataset, tmp_path: Path, when: str) -> None:
    before = begin(tmp_path, digits)
    other = sqlite3.connect(tmp_path / NAME / "study.db", isolation_level=None, timeout=30)
    if when == "before":
        other.execute("BEGIN EXCLUSIVE")
    with instant(request(tmp_path, digits, 500), f"{IMPATIENT}; pause = 0.03") as launch:
        if when == "before":
            errors = launch.end(2)
            assert "study.db is locked by another program: end that one, or wait" in errors
            assert errors.count("\n") == 1
        else:
            launch.until("ended")
            other.execute("BEGIN EXCLUSIVE")
            check_broken_off(launch.end(1), "locked")
    other.close()
    check_kept(tmp_path / NAME / "study.db", before)
    assert search_instantly(request(tmp_path, digits, 8)).reached
    check_complete(tmp_path / NAME, before, 8)


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
    folder = tmp_path / NAME
    with instant(request(tmp_path, digits, 500), "pause = 0.01") as launch:
        launch.until("ended")
        launch.process.kill()
        launch.process.wait()
    assert (folder / "study.db-wal").stat().st_size
    shutil.copytree(folder, tmp_path / "copy")
    (folder / "study.db").unlink()
    with pytest.raises(UserError, match=r"study\.db is gone, but study\.db-wal is there") as caught:
        search_instantly(request(tmp_path, digits, 3))
    assert "\n" not in str(caught.value)
    assert not (folder / "study.db").exists()
    shutil.copy(tmp_path / "copy" / "study.db", folder)
    assert search_instantly(request(tmp_path, digits, 12)).reached
    check_complete(folder, before, 12)


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
