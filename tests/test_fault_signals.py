"""Signals to the coordinator: the first is a clean stop, further ones change nothing; none loses a trial."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from faults import (
    NAME,
    ROOT,
    SECONDS,
    begin,
    check_complete,
    check_kept,
    instant,
    launched,
    request,
    search_instantly,
    stock,
)

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


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc, which tells what is handled")
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.5, 1.0])
def test_a_signal_while_the_program_is_loaded_is_one_line(seconds: float, digits: Dataset, tmp_path: Path) -> None:
    with launched(request(tmp_path, digits, 50, workers=1)) as launch:
        while not handles(launch.process.pid, signal.SIGTERM):
            time.sleep(0.002)
        time.sleep(seconds)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            launch.process.send_signal(number)
        assert launch.end(130) in ("error: stopped\n", "error: stopped before the search began, nothing is lost\n", "")
    assert not list((tmp_path / NAME).glob("study.db-*"))


def handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


# Interrupts in the middle of what is written, as in a notebook whose stop button is pressed several times.
FROM_PYTHON = """
import os, signal, sys, time
sys.path.insert(0, {tests!r})
import instant, underbudget
from sqlalchemy.engine.default import DefaultDialect
commit, commits, begun = DefaultDialect.do_commit, 0, 0.0
def interrupted(self, connection):
    global commits, begun
    commits += 1
    if commits in ({first}, {first} + 1, {first} + 2):
        begun = begun or time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)
    commit(self, connection)
DefaultDialect.do_commit = interrupted
try:
    underbudget.launch("toy", dataset="digits", trials=500, engine="in-process", runs={runs!r}, data_dir={data!r})
except KeyboardInterrupt:
    print("interrupted", signal.getsignal(signal.SIGINT) is signal.default_int_handler, time.monotonic() - begun < 20)
"""


@pytest.mark.parametrize("first", [1, 20, 45])
def test_interrupts_from_python_are_one_clean_stop(first: int, digits: Dataset, tmp_path: Path) -> None:
    """The 1st commit is of the study's creation, the 20th of its first trials."""
    names = {"tests": str(Path(__file__).parent), "runs": str(tmp_path), "data": str(digits.folder.parents[1])}
    script = FROM_PYTHON.format(first=first, **names)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout == "interrupted True True\n", done.stderr
    assert not list((tmp_path / NAME).glob("study.db-*"))
    assert not [trial for trial in stock(tmp_path / NAME / "study.db").trials if trial.state.name == "FAIL"]


def test_ctrl_c_ends_a_training_in_this_process_at_its_next_step(digits: Dataset, tmp_path: Path) -> None:
    asked = request(tmp_path, digits, 4, epochs=1000, batch_size=2, engine="in-process")
    with launched(asked) as launch:
        launch.until("started")
        launch.process.send_signal(signal.SIGINT)
        assert launch.end(130) == ""
    assert "stopped by SIGINT" in (tmp_path / NAME / "launch.log").read_text()


def test_three_signals_end_an_experiment_in_one_line(digits: Dataset, tmp_path: Path) -> None:
    data = str(digits.folder.parents[1])
    options = ["--dataset", "digits", "--data-dir", data, "--epochs", "5000", "--device", "cpu", "--seeds", "2"]
    command = ["train", "conv3x3(4) relu | gap | linear(10)", *options, "--output", str(tmp_path / "out")]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "underbudget", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert any("epoch  2/" in line for line in process.stdout)
        begun = time.monotonic()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            process.send_signal(number)
        _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    kept = f"; finished runs are kept in {tmp_path / 'out'}, the same command goes on with the others"
    assert errors in (f"error: stopped{kept}\n", "error: stopped\n")
    assert time.monotonic() - begun < 20
