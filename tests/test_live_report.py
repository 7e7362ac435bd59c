"""The report written while a search runs: real processes, real reports, no process left whatever ends the search."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import simulated
from faults import NAME, SECONDS, instant, request, search_instantly

import underbudget
from underbudget.reports.reading import read_study
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.progress import Progress, Tick
from underbudget.search.results import live_report as live
from underbudget.search.results.live_report import LiveReport
from underbudget.search.session import resolving
from underbudget.search.session.request import Request, read_config
from underbudget.search.study.location import StudyLocation


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> StudyLocation:
    """A study of three trials."""
    folder = tmp_path_factory.mktemp("toy") / "toy"
    folder.mkdir()
    simulated.search(folder, 3)
    return simulated.location(folder)


def progress(ended: int) -> Progress:
    return Progress(goal=100, epochs=4, complete=ended)


def wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def writers() -> list[psutil.Process]:
    """Processes of this one that write a report."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "underbudget.search.results.live_report" in child.cmdline():
                found.append(child)
    return found


def test_reports_are_written_one_at_a_time_and_only_of_something_new(toy: StudyLocation) -> None:
    told: list[str] = []
    notes: list[str] = []
    with LiveReport(toy, None, 0.01, notes.append) as report:
        watched = report.watching(lambda event, now: told.append(type(event).__name__))
        time.sleep(0.2)
        assert not writers()  # no trial has ended yet
        watched(Tick(), progress(1))
        wait(lambda: report.written == 1)
        page = report.page.read_text()
        assert page.rstrip().endswith("</html>")
        for _ in range(20):
            watched(Tick(), progress(1))
            time.sleep(0.02)
        assert not writers()  # none has ended since
        watched(Tick(), progress(2))
        wait(lambda: bool(writers()))
        (process,) = writers()
        wait(lambda: process.nice() == psutil.Process().nice() + 10)
        for ended in range(3, 30):
            watched(Tick(), progress(ended))
            assert len(writers()) <= 1
    assert not process.is_running()
    assert set(told) == {"Tick"}
    assert notes == []


def test_the_last_report_is_waited_for_and_counted_by_strangers(toy: StudyLocation) -> None:
    with LiveReport(toy, 60.0, 1000.0) as report:
        report.watching(lambda event, now: None)(Tick(), progress(3))
        assert report.finish()
    assert report.written == 1
    found = json.loads((toy.folder / "report" / "report.json").read_text())
    assert found["counts"]["trained"] == 3
    assert found["target"]["accuracy"] == 60.0
    assert "confirmed by torch and fvcore" in found["confirmation"]
    assert not list((toy.folder / "report").glob(".*"))


def test_without_it_nothing_is_written(toy: StudyLocation) -> None:
    with LiveReport(StudyLocation("none", toy.folder.parent / "none"), None, None) as report:
        report.watching(lambda event, now: None)(Tick(), progress(1))
        assert not report.finish()
    assert report.written == 0
    assert not (toy.folder.parent / "none").exists()


def test_a_report_that_fails_is_one_note(tmp_path: Path) -> None:
    notes: list[str] = []
    with LiveReport(StudyLocation("gone", tmp_path / "gone"), None, 0.01, notes.append) as report:
        watched = report.watching(lambda event, now: None)
        watched(Tick(), progress(1))
        wait(lambda: bool(notes))
        assert not report.finish()
    (note,) = notes
    assert note.startswith("note: the report could not be written while the search runs (no study 'gone' in ")
    assert note.endswith("; the search goes on")


def test_no_process_to_be_had_is_one_note(toy: StudyLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []

    def refused(*words: Any, **_: Any) -> None:
        begun.append(words)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(live.subprocess, "Popen", refused)
    notes: list[str] = []
    with LiveReport(toy, None, 0.001, notes.append) as report:
        watched = report.watching(lambda event, now: None)
        for ended in (1, 2, 3):
            watched(Tick(), progress(ended))
            wait(lambda ended=ended: len(begun) == ended)  # type: ignore[misc]
        assert not report.finish()
    assert notes == [
        "note: the report could not be written while the search runs (Resource temporarily unavailable); "
        "the search goes on"
    ]


def test_one_that_hangs_is_ended(toy: StudyLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PATIENCE", 0.0)
    notes: list[str] = []
    with LiveReport(toy, None, 0.001, notes.append) as report:
        report.watching(lambda event, now: None)(Tick(), progress(1))
        wait(lambda: bool(notes))
        assert not writers()
    assert notes == ["note: the report could not be written while the search runs (it took longer than 0 minutes); "
                     "the search goes on"]  # fmt: skip


def test_an_interrupt_leaves_no_process(toy: StudyLocation) -> None:
    notes: list[str] = []
    report = LiveReport(toy, None, 0.001, notes.append)

    def interrupted(event: Any, now: Any) -> None:
        if writers():
            raise KeyboardInterrupt

    def search() -> None:
        watched = report.watching(interrupted)
        with report:
            for ended in range(1_000):
                watched(Tick(), progress(ended))
                time.sleep(0.02)

    with pytest.raises(KeyboardInterrupt):
        search()
    assert not writers()
    assert notes == []
    assert not list((toy.folder / "report").glob(".*"))


def test_its_process_ends_with_the_one_that_started_it() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(underbudget.__file__).parents[1])}
    asked = {"name": "x", "folder": "/nowhere", "storage": "sqlite:////dev/zero", "target": None, "confirmed": True}
    # What it waits for never comes, and its end is that of its standard input.
    slow = (
        "import time; from underbudget.search.results.live_report import main; "
        "from underbudget.search.study import finding; finding.read = lambda _: time.sleep(1000); main()"
    )
    environment[live.REQUEST] = json.dumps(asked)
    process = subprocess.Popen([sys.executable, "-P", "-c", slow], stdin=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.stdin.close()
    assert process.wait(60) == 1


def test_a_storages_password_is_not_in_the_command(toy: StudyLocation, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []

    def refused(words: list[str], **_: Any) -> None:
        commands.append(" ".join(words))
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(live.subprocess, "Popen", refused)
    LiveReport(StudyLocation("toy", toy.folder, "postgresql://me:secret@127.0.0.1:1/db"), None, 1.0).finish()
    (command,) = commands
    assert "secret" not in command


def test_a_search_writes_it_while_it_runs_and_at_its_end(digits: Dataset, tmp_path: Path) -> None:
    asked = request(tmp_path, digits, 400, live_every="0.01s")
    page = tmp_path / NAME / "report" / "index.html"
    with instant(asked, "pause = 0.02") as launch:
        launch.until("ended")
        while not page.exists():
            launch.until("ended")
        seen = json.loads((page.parent / "report.json").read_text())
        assert seen["counts"]["trained"] < 400
        launch.process.send_signal(signal.SIGINT)
        assert launch.end(130) == ""  # and no process is left: a person waits, so this is no time for a report
    stopped = read_study(f"sqlite:///{tmp_path / NAME / 'study.db'}", NAME).trials
    trained = sum(trial.state in ("complete", "stopped") for trial in stopped)
    assert search_instantly(request(tmp_path, digits, trained + 1, live_every="1h")).reached
    found = json.loads((page.parent / "report.json").read_text())
    trials = read_study(f"sqlite:///{tmp_path / NAME / 'study.db'}", NAME).trials
    assert found["counts"]["proposed"] == len(trials)
    assert not list(page.parent.glob(".*"))


def test_options(tmp_path: Path, digits: Dataset) -> None:
    def every(**options: Any) -> float | None:
        return resolving.prepare(request(tmp_path, digits, 1, **options), lambda line: None).live

    assert every() is None
    assert every(live=True) == 180
    assert every(live_every="90s") == 90
    assert every(live=False, live_every="90s") is None  # --no-live over a configuration's live-every
    assert "--live --live-every 2m" in Request(live=True, live_every="2m").command()
    assert Request(live=False).command() == "underbudget launch --no-live"
    resumed = resolving.prepare(request(tmp_path, digits, 1, live_every="90s"), lambda line: None).resume
    assert "--live-every 90s" in resumed.command()
    config = tmp_path / "live.toml"
    config.write_text('live = true\nlive-every = "5m"')
    assert (read_config(config).live, read_config(config).live_every) == (True, "5m")


@pytest.mark.parametrize(
    ("options", "config", "says"),
    [
        (["--live-every", "soon"], "", "a duration is written like 2h"),
        ([], 'live = "yes"', "live is true or false, not 'yes'"),
        ([], "live-every = 3", "live-every is text, not 3"),
        ([], "trials = true", "trials is a whole number, not True"),
    ],
)
def test_user_mistakes(
    options: list[str], config: str, says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.toml").write_text(config)
    assert run(["launch", "--runs", str(tmp_path / "runs"), "--config", str(tmp_path / "c.toml"), *options]) == 2
    error = capfd.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()
