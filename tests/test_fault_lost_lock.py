"""A lock file that is deleted or replaced by hand: the first search ends in one line, the second one goes on."""

import time
from pathlib import Path

from faults import NAME, begin, check_complete, check_kept, finished, instant, launched, request, search_instantly

from underbudget.search.data.store import Dataset


def test_a_lock_deleted_by_hand_breaks_the_first_search_off(digits: Dataset, tmp_path: Path) -> None:
    """It looks left over, so it is deleted: a second coordinator enters, the first one ends before it writes again."""
    folder = tmp_path / NAME
    asked = request(tmp_path, digits, 1_000_000, workers=1, epochs=4)
    with launched(asked) as first:
        first.until("ended", state="complete")
        before = finished(folder / "study.db")
        assert "Do not delete this file" in (folder / "study.db.lock").read_text()
        (folder / "study.db.lock").unlink()
        with launched(asked) as second:
            assert "study.db.lock was deleted" in first.end(1)
            second.until("ended", state="complete")
            second.process.terminate()
            assert second.end(130) == ""
    check_kept(folder / "study.db", before)
    trained = sum(row[0][2] == "COMPLETE" for row in finished(folder / "study.db").values())
    assert search_instantly(request(tmp_path, digits, trained + 3, epochs=4)).reached
    check_complete(folder, before, trained + 3)


def test_two_searches_at_once_end_in_one(digits: Dataset, tmp_path: Path) -> None:
    """The first search waits for a training while the second one enters: both are there for a moment."""
    before = begin(tmp_path, digits)
    folder = tmp_path / NAME
    fault = """
class Slow(InProcessEngine):
    def wait(self, timeout):
        while timeout and not (FOLDER / "go").exists():
            (FOLDER / "waiting").touch()
            time.sleep(0.01)
        return super().wait(timeout)
from underbudget.search.session import running
running.InProcessEngine = Slow
"""
    with instant(request(tmp_path, digits, 1_000_000), f"FOLDER = Path({str(tmp_path)!r})\n{fault}") as first:
        while not (tmp_path / "waiting").exists():
            assert first.process.poll() is None
            time.sleep(0.01)
        (folder / "study.db.lock").rename(folder / "old.lock")
        with instant(request(tmp_path, digits, 1_000_000), "pause = 0.05") as second:
            second.until("ended", state="complete")
            (tmp_path / "go").touch()
            assert "study.db.lock was replaced" in first.end(1)
            second.until("ended", state="complete")
            second.process.terminate()
            assert second.end(130) == ""
    check_kept(folder / "study.db", before)
    trained = sum(row[0][2] == "COMPLETE" for row in finished(folder / "study.db").values())
    assert search_instantly(request(tmp_path, digits, trained + 2)).reached
    check_complete(folder, before, trained + 2)
