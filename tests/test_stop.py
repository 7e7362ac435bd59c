"""Jobs that are stopped early: they end soon, their place is free, and nothing is said about them any more."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import simulated
import sleepers
from test_engines import ENGINES, job, messages

from underbudget.search.data.store import Dataset
from underbudget.search.engines import processes, runner
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import Engine, EpochDone, Failed, Finished, Message
from underbudget.search.engines.processes import ProcessesEngine


@pytest.fixture(params=[*ENGINES, "simulated"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = {**ENGINES, "simulated": lambda: InProcessEngine(simulated.messages)}[request.param]()
    yield made
    made.close()


@pytest.fixture
def sleeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessesEngine]:
    """One worker process that sleeps."""
    sleepers.pretend(tmp_path, monkeypatch)
    made = ProcessesEngine(1)
    yield made
    made.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, which the test would hang without."""
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)


def finished(engine: Engine, trial: int) -> list[Message]:
    """What an engine says until a trial is finished."""
    said = messages(engine, Finished)
    assert isinstance(said[-1], Finished)
    assert said[-1].trial == trial
    return said


def test_a_stopped_job_says_nothing_more_and_its_place_is_free(engine: Engine, digits: Dataset) -> None:
    engine.submit(job(digits, trial=1, epochs=500))
    messages(engine, EpochDone)
    engine.stop(1)
    engine.submit(job(digits, trial=2, epochs=1))
    assert {message.trial for message in finished(engine, 2)} == {2}


def test_stopping_what_is_unknown_or_over_does_nothing(engine: Engine, digits: Dataset) -> None:
    engine.stop(9)
    engine.submit(job(digits, trial=1, epochs=1))
    engine.stop(9)
    assert len(finished(engine, 1)) == 2
    engine.stop(1)
    engine.submit(job(digits, trial=2, epochs=1))
    engine.stop(1)
    assert len(finished(engine, 2)) == 2


def test_a_trial_may_be_submitted_again_after_its_stop(engine: Engine, digits: Dataset) -> None:
    engine.submit(job(digits, trial=1, epochs=500))
    messages(engine, EpochDone)
    engine.stop(1)
    engine.submit(job(digits, trial=1, epochs=1))
    said = finished(engine, 1)
    assert [message.epoch for message in said if isinstance(message, EpochDone)] == [1]


def test_a_halted_training_ends_within_its_epoch(digits: Dataset) -> None:
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 30  # of 20 steps per epoch

    said = list(runner.run(job(digits, epochs=5), should_stop))
    assert [type(message) for message in said] == [EpochDone]
    assert asked == 31


def test_a_worker_goes_on_with_the_next_job_after_a_stop(digits: Dataset) -> None:
    engine = ProcessesEngine(1)
    try:
        engine.submit(job(digits, trial=1, epochs=500))
        messages(engine, EpochDone)
        before = engine.pids()
        engine.stop(1)
        engine.submit(job(digits, trial=2, epochs=1))
        finished(engine, 2)
        assert engine.pids() == before
    finally:
        engine.close()


def test_what_was_said_and_not_read_is_forgotten(sleeping: ProcessesEngine) -> None:
    sleeping.submit(sleepers.job(1, epochs=2))
    sleeping.submit(sleepers.job(2, epochs=2))
    until(lambda: sleeping._news.qsize() == 6)
    sleeping.stop(1)
    assert [message.trial for message in sleeping.wait(0)] == [2, 2, 2]


def test_what_a_job_says_on_its_way_out_is_not_passed_on(sleeping: ProcessesEngine) -> None:
    """It ends by itself, stop or not; the next job waits for that."""
    sleeping.submit(sleepers.job(1, epochs=3, seconds=0.1, deaf=True))
    until(lambda: bool(sleeping._workers[0].tasks))
    sleeping.stop(1)
    sleeping.submit(sleepers.job(2))
    assert [message.trial for message in messages(sleeping)] == [2, 2]


def test_a_waiting_job_is_never_begun(sleeping: ProcessesEngine) -> None:
    sleeping.submit(sleepers.job(1, seconds=1e6))
    sleeping.submit(sleepers.job(2))
    sleeping.stop(2)
    sleeping.stop(1)
    sleeping.submit(sleepers.job(3))
    assert [message.trial for message in messages(sleeping)] == [3, 3]


def test_a_worker_that_dies_after_a_stop_brings_no_failure(sleeping: ProcessesEngine) -> None:
    sleeping.submit(sleepers.job(1, epochs=1, seconds=1e6, deaf=True))
    until(lambda: bool(sleeping._workers[0].tasks))
    (victim,) = sleeping.pids()
    sleeping.stop(1)
    os.kill(victim, signal.SIGKILL)
    sleeping.submit(sleepers.job(2))
    assert [message.trial for message in messages(sleeping)] == [2, 2]
    assert sleeping.pids() != [victim]


def test_a_worker_that_obeys_no_stop_is_killed(sleeping: ProcessesEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_STOP_SECONDS", 0.2)
    sleeping.submit(sleepers.job(1, seconds=1e6, deaf=True))
    until(lambda: bool(sleeping._workers[0].tasks))
    sleeping.stop(1)
    sleeping.submit(sleepers.job(2))
    assert [message.trial for message in messages(sleeping)] == [2, 2]
    assert not any(isinstance(message, Failed) for message in sleeping.wait(0))
