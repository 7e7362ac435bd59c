"""What happens to workers: killed, without memory, orphaned, made to diverge. Real processes and trainings."""

from pathlib import Path

import psutil
import pytest
from faults import (
    NAME,
    SECONDS,
    SMALL,
    begin,
    check_complete,
    check_kept,
    finished,
    launched,
    request,
    search_instantly,
    stock,
)

from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset


def test_a_worker_killed_in_the_middle_of_an_epoch_and_one_without_memory_cost_one_try_each(
    digits: Dataset, tmp_path: Path
) -> None:
    before = begin(tmp_path, digits)
    with launched(request(tmp_path, digits, 4, workers=1)) as launch:
        killed = launch.until("epoch", epoch=2)["trial"]
        (worker,) = launch.workers()
        worker.kill()
        assert "SIGKILL" in launch.until("ended", trial=killed)["reason"]
        if hasattr(psutil, "RLIMIT_AS"):  # a limit on another process's memory: Linux has it
            launch.until("epoch", epoch=2)
            (worker,) = launch.workers()
            worker.rlimit(psutil.RLIMIT_AS, (2**20, psutil.RLIM_INFINITY))  # from here on, nothing more
            # This trial may have all that it needs already; then it is the worker's next one that fails.
            assert "memory" in launch.until("ended", state="failed")["reason"]
            if worker.is_running():
                worker.rlimit(psutil.RLIMIT_AS, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
        assert launch.end(0) == ""
    check_complete(tmp_path / NAME, before, 4)
    trials = stock(tmp_path / NAME / "study.db").trials
    failed = [trial for trial in trials if trial.state.name == "FAIL"]
    assert killed in {trial.number for trial in failed}
    assert all("SIGKILL" in trial.user_attrs["verdict"] or "memory" in trial.user_attrs["verdict"] for trial in failed)
    for trial in failed:
        again = [other for other in trials if other.user_attrs["record"]["retry_of"] == trial.number]
        assert len(again) == (trial.user_attrs["record"]["retry_of"] is None)
        assert all(other.params == trial.params for other in again)
        assert all(other.user_attrs["record"]["seed"] == trial.user_attrs["record"]["seed"] for other in again)


def test_a_coordinator_killed_leaves_no_worker_and_nothing_is_lost(digits: Dataset, tmp_path: Path) -> None:
    before = begin(tmp_path, digits)
    database = tmp_path / NAME / "study.db"
    with launched(request(tmp_path, digits, 5, workers=2)) as launch:
        running = launch.until("epoch", epoch=3)["trial"]
        assert launch.workers()
        launch.process.kill()
        launch.process.wait(timeout=SECONDS)
        launch.check_gone()
    check_kept(database, before)
    assert stock(database).trials[running].state.name == "RUNNING"
    assert search_instantly(request(tmp_path, digits, 5)).reached
    check_complete(tmp_path / NAME, before, 5)


def test_trainings_that_diverge_are_failed_and_not_tried_again(
    digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A learning rate of 100 in real trainings: the loss of most becomes infinite or NaN."""
    (tmp_path / "space.toml").write_text("\n".join(["[space]", *(f"{key} = {value}" for key, value in SMALL.items())]))
    options = ["--dataset", "digits", "--lr", "100", "--epochs", "3", "--batch-size", "64", "--engine", "in-process"]
    folders = ["--runs", str(tmp_path), "--data-dir", str(digits.folder.parents[1])]
    given = ["launch", NAME, *options, *folders, "--config", str(tmp_path / "space.toml"), "--trials"]
    assert run([*given, "2"]) == 0
    before = finished(tmp_path / NAME / "study.db")
    failed = [trial for trial in stock(tmp_path / NAME / "study.db").trials if trial.state.name == "FAIL"]
    assert failed
    assert all("not finite" in trial.user_attrs["verdict"] for trial in failed)
    assert run([*given, "3"]) == 0
    trials = stock(tmp_path / NAME / "study.db").trials
    assert all(trial.user_attrs["record"]["retry_of"] is None for trial in trials)
    check_complete(tmp_path / NAME, before, 3)
    assert "--lr" in capfd.readouterr().out
