"""Signals to the coordinator: the first is a clean stop, further ones change nothing; none loses a trial."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
from faults import NAME, begin, check_complete, check_kept, instant, launched, request, search_instantly, stock

from underbudget.search.data.store import Dataset


def test_ctrl_c_stops_real_workers_cleanly_and_the_search_goes_on_later(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    folder = tmp_path / NAME
    with launched(request(tmp_path, digits, 4, workers=2)) as launch:
        running = launch.until("epoch", epoch=2)["trial"]
        launch.process.send_signal(signal.SIGINT)
        assert launch.end(130) == ""
    check_stopped(folder, before, "SIGINT", running)
    assert search_instantly(request(tmp_path, digits, 4)).reached
    check_complete(folder, before, 4)


def test_sigterm_is_a_clean_stop_too(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    folder = tmp_path / NAME
    with instant(request(tmp_path, digits, 50), "pause = 0.05") as launch:
        running = launch.until("epoch", epoch=2)["trial"]
        launch.process.terminate()
        assert launch.end(130) == ""
    check_stopped(folder, before, "SIGTERM", running)
    assert search_instantly(request(tmp_path, digits, 4)).reached
    check_complete(folder, before, 4)


def test_a_closed_terminal_is_a_clean_stop(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    folder = tmp_path / NAME
    with launched(request(tmp_path, digits, 4, workers=2)) as launch:
        running = launch.until("epoch", epoch=2)["trial"]
        for process in [launch.process.pid, *(child.pid for child in psutil.Process(launch.process.pid).children())]:
            os.kill(process, signal.SIGHUP)  # a terminal's hang-up reaches them all
        assert launch.end(130) == ""
    check_stopped(folder, before, "SIGHUP", running)


def test_nohup_goes_on(digits: Dataset, tmp_path: Path) -> None:
    begin(tmp_path, digits)
    fault = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); pause = 0.05"
    with instant(request(tmp_path, digits, 4), fault) as launch:
        launch.until("epoch", epoch=2)
        launch.process.send_signal(signal.SIGHUP)
        assert launch.end(0) == ""


def check_stopped(folder: Path, before: dict[int, Any], signal_name: str, running: int) -> None:
    """A clean stop: one complete file, what ran is left to be run again, and the log says why."""
    assert not list(folder.glob("study.db-*"))
    check_kept(folder / "study.db", before)
    trials = stock(folder / "study.db").trials
    assert trials[running].state.name == "RUNNING"
    assert not [trial for trial in trials if trial.state.name == "FAIL"]
    assert f"stopped by {signal_name}" in (folder / "launch.log").read_text()


# A second Ctrl-C at the very moment that the database is closed.
WHILE_CLOSING = """
import signal
from sqlalchemy.engine.default import DefaultDialect
close = DefaultDialect.do_close
def interrupted(self, connection):
    if said:
        os.kill(os.getpid(), signal.SIGINT)
    close(self, connection)
DefaultDialect.do_close = interrupted
"""


def test_a_second_ctrl_c_while_the_database_is_closed_changes_nothing(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    with instant(request(tmp_path, digits, 500), f"{WHILE_CLOSING}pause = 0.05") as launch:
        launch.until("epoch", epoch=2)
        launch.process.send_signal(signal.SIGINT)
        assert launch.end(130) == ""
    assert not list((tmp_path / NAME).glob("study.db-*"))
    check_kept(tmp_path / NAME / "study.db", before)
    assert search_instantly(request(tmp_path, digits, 4)).reached
    check_complete(tmp_path / NAME, before, 4)


def test_three_signals_at_once_are_one_clean_stop(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    with instant(request(tmp_path, digits, 500), "pause = 0.05") as launch:
        launch.until("epoch", epoch=2)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            launch.process.send_signal(number)
        begun = time.monotonic()
        assert launch.end(130, -signal.SIGINT, -signal.SIGTERM) == ""  # the others: they came when Python was ending
        assert time.monotonic() - begun < 20  # a locked database would take 60 s
    assert not list((tmp_path / NAME).glob("study.db-*"))
    check_kept(tmp_path / NAME / "study.db", before)
    assert search_instantly(request(tmp_path, digits, 4)).reached
    check_complete(tmp_path / NAME, before, 4)
