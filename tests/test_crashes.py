"""Whatever ends a coordinator, at whatever moment: nothing is lost, counted twice, or proposed otherwise."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import simulated
from optuna.storages._cached_storage import _CachedStorage

from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import EpochDone, Job, Message


class CoordinatorDiedError(Exception):
    """Stands for whatever ends a coordinator in the middle."""


def test_a_coordinator_that_dies_leaves_a_trial_that_is_run_again_under_its_number(tmp_path: Path) -> None:
    calls = 0

    def dying(job: Job) -> Iterator[Message]:
        nonlocal calls
        calls += 1
        for message in simulated.messages(job):
            if calls == 4 and isinstance(message, EpochDone) and message.epoch == 3:
                raise CoordinatorDiedError
            yield message

    with pytest.raises(CoordinatorDiedError):
        simulated.search(tmp_path / "died", 8, engine=InProcessEngine(dying))
    running = [trial.number for trial in simulated.stored(tmp_path / "died").trials if trial.state.name == "RUNNING"]
    assert len(running) == 1
    simulated.search(tmp_path / "died", 8)
    simulated.search(tmp_path / "whole", 8)
    assert simulated.proposals(tmp_path / "died") == simulated.proposals(tmp_path / "whole")
    again = simulated.stored(tmp_path / "died").trials[running[0]]
    assert len(again.user_attrs["curve"]) == 4


@pytest.mark.parametrize("stored", [False, True], ids=["before", "after"])
def test_a_kill_around_the_storing_of_a_proposal_changes_no_proposal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    simulated.search(tmp_path / "whole", 13)
    real = _CachedStorage.create_new_trial
    for died_at in (3, 12):
        calls = 0

        def dying(self: _CachedStorage, *details: Any, **named: Any) -> int:
            nonlocal calls
            calls += 1
            if calls == died_at and not stored:  # noqa: B023, used before the loop goes on
                raise CoordinatorDiedError
            made = real(self, *details, **named)
            if calls == died_at:  # noqa: B023
                raise CoordinatorDiedError
            return made

        folder = tmp_path / str(died_at)
        monkeypatch.setattr(_CachedStorage, "create_new_trial", dying)
        with pytest.raises(CoordinatorDiedError):
            simulated.search(folder, 13)
        monkeypatch.setattr(_CachedStorage, "create_new_trial", real)
        simulated.search(folder, 13)
        assert simulated.proposals(folder) == simulated.proposals(tmp_path / "whole")


def test_a_kill_between_a_failure_and_its_retry_loses_no_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(*_: Any, **__: Any) -> None:
        raise CoordinatorDiedError

    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "tell", dying)
        with pytest.raises(CoordinatorDiedError):
            simulated.search(tmp_path, 2, engine=simulated.failing(True, 1))
    simulated.search(tmp_path, 2)
    trials = simulated.stored(tmp_path).trials
    first = trials[0].user_attrs["record"]["id"]
    done = [trial for trial in trials if trial.user_attrs["record"]["id"] == first and trial.state.name == "COMPLETE"]
    assert len(done) == 1
    assert sum(trial.state.name == "COMPLETE" for trial in trials) == 2
    assert not [trial for trial in trials if trial.state.name == "WAITING"]


def test_trials_left_running_are_not_run_beyond_the_goal(tmp_path: Path) -> None:
    simulated.search(tmp_path, 6, stop_after=8)
    trials = simulated.stored(tmp_path).trials
    complete = sum(trial.state.name == "COMPLETE" for trial in trials)
    assert any(trial.state.name == "RUNNING" for trial in trials)
    assert simulated.search(tmp_path, complete).reached
    after = simulated.stored(tmp_path).trials
    assert sum(trial.state.name == "COMPLETE" for trial in after) == complete
    assert len(after) == len(trials)


def test_a_trial_that_is_run_again_keeps_nothing_of_the_run_that_did_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: Any, **__: Any) -> None:
        raise CoordinatorDiedError

    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "tell", dying)
        with pytest.raises(CoordinatorDiedError):
            simulated.search(tmp_path, 1)
    simulated.search(tmp_path, 1, engine=simulated.failing(False, 1))
    first = simulated.stored(tmp_path).trials[0]
    assert first.state.name == "FAIL"
    assert first.user_attrs["result"] is None
    assert len(first.user_attrs["curve"]) == 1


class TwoSlots(InProcessEngine):
    """A second job waits ready while the first runs, as with worker processes."""

    slots = 2

    def __init__(self) -> None:
        super().__init__(simulated.messages)
        self._ready: list[Job] = []

    def submit(self, job: Job) -> None:
        if self._current is None:
            super().submit(job)
        else:
            self._ready.append(job)

    def wait(self, timeout: float) -> list[Message]:
        said = [*super().wait(timeout), *super().wait(timeout)] if self._current is not None else []
        if self._current is None and self._ready:
            super().submit(self._ready.pop(0))
        return said


@pytest.mark.parametrize("stop_after", [5, 60])
def test_with_a_job_that_waits_ready_a_resumed_search_still_proposes_the_same(tmp_path: Path, stop_after: int) -> None:
    simulated.search(tmp_path / "whole", 16, engine=TwoSlots())
    assert not simulated.search(tmp_path / "parts", 16, engine=TwoSlots(), stop_after=stop_after).reached
    simulated.search(tmp_path / "parts", 16, engine=TwoSlots())
    assert simulated.proposals(tmp_path / "parts") == simulated.proposals(tmp_path / "whole")


def test_a_count_of_another_version_costs_its_trial_only(tmp_path: Path) -> None:
    simulated.search(tmp_path, 3, stop_after=8)
    running = next(t for t in simulated.stored(tmp_path).trials if t.state.name == "RUNNING")
    connection = sqlite3.connect(tmp_path / "study.db")
    changed = connection.execute(
        "UPDATE trial_system_attributes SET value_json = '-0.123' WHERE key = 'constraints:params' AND trial_id = ?",
        (running._trial_id,),
    )
    assert changed.rowcount == 1
    connection.commit()
    connection.close()
    assert simulated.search(tmp_path, 3).reached
    assert simulated.stored(tmp_path).trials[running.number].state.name == "FAIL"
