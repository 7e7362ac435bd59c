"""A study that is moved, deleted or replaced while it is searched: one line, nothing lost or written elsewhere."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from attacks import delete_study
from faults import NAME, begin, check_complete, check_kept, finished, instant, request, search_instantly

from underbudget.models.errors import UserError
from underbudget.search.data.store import Dataset

LONG = 1_000_000  # trials: the search does not end by itself


def broken_off(
    runs: Path, digits: Dataset, happens: Callable[[], object], what: str, storage: str | None = None
) -> None:
    """A search to which something happens ends with one line about it."""
    with instant(request(runs, digits, LONG, storage=storage), "pause = 0.05") as launch:
        launch.until("epoch", epoch=2)
        happens()
        (line,) = launch.end(1).splitlines()
    assert line.startswith("error: the search was broken off (")
    assert what in line


def test_a_renamed_study_goes_on_in_its_new_place(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path / "runs", digits)
    new = tmp_path / "new" / NAME
    new.parent.mkdir()
    broken_off(tmp_path / "runs", digits, lambda: (tmp_path / "runs" / NAME).rename(new), "was moved or deleted")
    assert not (tmp_path / "runs" / NAME).exists()
    assert not (new / "study.db-wal").stat().st_size  # so that study.db alone is the whole study
    check_kept(new / "study.db", before)
    assert search_instantly(request(new.parent, digits, 5)).reached
    check_complete(new, before, 5)


def test_a_renamed_database(digits: Dataset, tmp_path: Path) -> None:
    """Its log keeps the old name: it is written back, so that neither loses the other."""
    before = begin(tmp_path, digits)
    database = tmp_path / NAME / "study.db"
    moved = database.with_name("moved.db")
    broken_off(tmp_path, digits, lambda: database.rename(moved), "study.db was moved or deleted")
    assert not database.exists()
    assert not database.with_name("study.db-wal").stat().st_size
    check_kept(moved, before)
    assert len(finished(moved)) >= len(before)
    moved.rename(database)
    assert search_instantly(request(tmp_path, digits, 5)).reached
    check_complete(tmp_path / NAME, before, 5)


def test_a_renamed_database_somewhere_else(digits: Dataset, tmp_path: Path) -> None:
    database, moved = tmp_path / "some.db", tmp_path / "moved.db"
    assert search_instantly(request(tmp_path, digits, 2, storage=f"sqlite:///{database}")).reached
    before = finished(database)
    happens = lambda: database.rename(moved)  # noqa: E731
    broken_off(tmp_path, digits, happens, "some.db was moved or deleted", f"sqlite:///{database}")
    check_kept(moved, before)
    assert search_instantly(request(tmp_path, digits, 5, storage=f"sqlite:///{moved}")).reached


@pytest.mark.parametrize("what", ["the folder", "study.db"])
def test_a_deleted_study_is_not_made_anew(what: str, digits: Dataset, tmp_path: Path) -> None:
    begin(tmp_path, digits)
    folder = tmp_path / NAME
    happens = (lambda: shutil.rmtree(folder)) if what == "the folder" else (folder / "study.db").unlink
    broken_off(tmp_path, digits, happens, "was moved or deleted")
    assert not (folder / "study.db").exists()
    assert folder.exists() == (what == "study.db")


@pytest.mark.parametrize("what", ["the folder", "study.db"])
def test_a_study_in_its_place_is_left_alone(what: str, digits: Dataset, tmp_path: Path) -> None:
    begin(tmp_path / "runs", digits)
    begin(tmp_path / "other", digits, 3)
    folder, other = tmp_path / "runs" / NAME, tmp_path / "other" / NAME
    (other / "study.db.lock").unlink()
    content = {path.relative_to(other): path.read_bytes() for path in other.rglob("*") if path.is_file()}

    def replace() -> None:
        if what == "the folder":
            folder.rename(tmp_path / "old")
            other.rename(folder)
        else:
            os.replace(other / "study.db", folder / "study.db")

    broken_off(tmp_path / "runs", digits, replace, "was replaced")
    files = content if what == "the folder" else [Path("study.db")]
    assert all((folder / path).read_bytes() == content[path] for path in files)
    if what == "the folder":
        assert {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} == content.keys()


def test_a_deleted_log_loses_nothing(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    folder = tmp_path / NAME
    with instant(request(tmp_path, digits, LONG), "pause = 0.05") as launch:
        launch.until("ended", state="complete")
        last = finished(folder / "study.db")
        (folder / "study.db-wal").unlink()
        assert "study.db-wal was moved or deleted" in launch.end(1)
    assert len(last) > len(before)
    check_kept(folder / "study.db", last)
    assert search_instantly(request(tmp_path, digits, 5)).reached
    check_complete(folder, last, 5)


def test_a_study_deleted_through_optuna(digits: Dataset, tmp_path: Path) -> None:
    begin(tmp_path, digits)
    broken_off(
        tmp_path,
        digits,
        lambda: delete_study(tmp_path / NAME / "study.db"),
        "the study toy was deleted from its database",
    )
    with pytest.raises(UserError, match=r"models has the weights of .* deleted from its database: use another"):
        search_instantly(request(tmp_path, digits, 3))
    shutil.rmtree(tmp_path / NAME / "models")
    assert search_instantly(request(tmp_path, digits, 3)).reached
    check_complete(tmp_path / NAME, {}, 3)
