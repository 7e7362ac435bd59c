"""Too little memory, too few cores, no compiler: a smaller or slower run with its reason, not a crash."""

import dataclasses
import importlib
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import simulated
import sleepers
import torch
from test_engines import job, messages
from test_stop import until

from underbudget.search.data.store import Dataset
from underbudget.search.engines import runner
from underbudget.search.engines.job import Failed, Finished
from underbudget.search.engines.processes import ProcessesEngine, ahead

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="limits of other processes: Linux only")
@pytest.mark.parametrize("backend", ["plain", "auto"])
def test_a_worker_that_finds_no_memory_says_so_and_lives(digits: Dataset, backend: str) -> None:
    """Really: the worker's address space is limited to little more than it has."""
    limits = importlib.import_module("resource")
    large = dataclasses.replace(
        job(digits, trial=2, epochs=1), layers_text="conv3x3(256) relu bn | conv3x3(256) relu bn | gap | linear(10)"
    )
    large = dataclasses.replace(large, recipe={**large.recipe, "batch_size": 1200}, backend=backend)
    engine = ProcessesEngine(1)
    try:
        engine.submit(job(digits, trial=1, epochs=1))
        assert isinstance(messages(engine)[-1], Finished)
        (pid,) = engine.pids()
        worker = psutil.Process(pid)
        before = worker.rlimit(limits.RLIMIT_AS)
        worker.rlimit(limits.RLIMIT_AS, (worker.memory_info().vms + 200_000_000, before[1]))
        engine.submit(large)
        last = messages(engine)[-1]
        assert isinstance(last, Failed)
        assert (last.trial, last.transient, last.out_of_memory) == (2, True, True)
        assert "memory" in last.reason
        assert "\n" not in last.reason
        worker.rlimit(limits.RLIMIT_AS, before)
        engine.submit(job(digits, trial=3, epochs=1))
        assert isinstance(messages(engine)[-1], Finished)
        assert engine.pids() == [pid]
    finally:
        engine.close()


def test_other_failures_are_not_taken_for_a_want_of_memory() -> None:
    for error in (RuntimeError("a memory-mapped file is broken"), ValueError("x"), OSError(28, "No space left")):
        assert not runner.is_out_of_memory(error)
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")):
        assert runner.is_out_of_memory(error)


def test_memory_short_again_and_again_means_fewer_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sleepers.pretend(tmp_path, monkeypatch)
    caplog.set_level(logging.WARNING, "underbudget")
    engine = ProcessesEngine(3)
    try:
        engine.submit(sleepers.job(0, seconds=1e6))  # goes on meanwhile
        slots, processes = [], []
        for trial in range(1, 5):
            engine.submit(sleepers.job(trial, memory=trial != 3))
            assert type(messages(engine)[-1]) is (Finished if trial == 3 else Failed)
            slots.append(engine.slots)
            processes.append(len(engine.pids()))
        assert slots == [3 + 1, 2 + 1, 2 + 1, 1 + 1]
        assert processes == [2, 2, 2, 1]
        assert "memory was short 2 times: from now on 2 at once instead of 3" in caplog.text
        assert "memory was short 3 times: from now on 1 at once instead of 2" in caplog.text
        engine.stop(0)
        engine.submit(sleepers.job(9))
        assert isinstance(messages(engine)[-1], Finished)
    finally:
        engine.close()


def test_a_search_in_which_memory_is_short_goes_on_with_fewer_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trial that found no memory is tried once more; the search reaches its goal."""
    sleepers.pretend(tmp_path / "code", monkeypatch)
    monkeypatch.setenv("SHORT_TRIALS", "0 1 2")  # no one else: 3 to 5 or so are their second tries
    engine = ProcessesEngine(3)
    try:
        assert simulated.search(tmp_path, 8, engine=engine).reached
        slots = engine.slots
        assert engine.busy_share() is not None
    finally:
        engine.close()
    trials = simulated.stored(tmp_path).trials
    failed = [trial.number for trial in trials if trial.state.name == "FAIL"]
    assert failed
    assert set(failed) <= {0, 1, 2}
    most = 3 - (len(failed) - 1)  # the first time may be chance
    assert slots == most + ahead(most)
    retries = {
        trial.user_attrs["record"]["retry_of"]: trial.state.name for trial in trials if "record" in trial.user_attrs
    }
    assert all(retries[number] == "COMPLETE" for number in failed)
    assert sum(trial.state.name == "COMPLETE" for trial in trials) == 8


def test_workers_that_are_killed_count_as_short_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As Linux does where memory is short; a worker that ends in another way does not count."""
    sleepers.pretend(tmp_path, monkeypatch)
    engine = ProcessesEngine(2)
    try:
        for trial in range(3):
            engine.submit(sleepers.job(trial, die=True))
            last = messages(engine)[-1]
            assert isinstance(last, Failed)
            assert last.transient
            assert last.out_of_memory
            assert engine.slots == (3 if trial == 0 else 2)
        engine.submit(sleepers.job(9))
        assert isinstance(messages(engine)[-1], Finished)
    finally:
        engine.close()
    engine = ProcessesEngine(2)
    try:
        for trial in range(3):
            engine.submit(sleepers.job(trial, seconds=1e6))
            until(lambda: any(worker.tasks for worker in engine._workers))
            next(worker for worker in engine._workers if worker.tasks).process.send_signal(signal.SIGTERM)
            last = messages(engine)[-1]
            assert isinstance(last, Failed)
            assert not last.out_of_memory
        assert engine.slots == 3
    finally:
        engine.close()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a process cannot be tied to cores here")
def test_one_core_means_one_worker_and_says_so() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from underbudget.search.engines import devices\n"
        "print(devices.choose_workers('cpu', None, False, None, print).reason)\n"
        "print(devices.choose_workers('cpu', 2, False, None, print).count)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    reason, warning, count = done.stdout.splitlines()
    assert "1" in reason
    assert warning == "warning: --workers 2 is more than the 1 that have a core each: each will be slower"
    assert count == "2"


def test_a_machine_without_compiler_trains_plainly_and_the_log_says_why(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In a real worker: no compiler on its path, an empty cache of kernels."""
    caplog.set_level(logging.INFO, "underbudget")
    for name in ("PATH", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("CC", "/nonexistent")
    engine = ProcessesEngine(1)
    try:
        engine.submit(job(digits, epochs=1))
        last = messages(engine)[-1]
    finally:
        engine.close()
    assert isinstance(last, Finished)
    assert "plain" in last.backend
    assert "the plain backend is taken: no C compiler was found (cc, gcc or clang)" in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here: the benchmark would measure it")
def test_the_benchmark_says_which_part_it_cannot_run(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/cuda.py", "--output", str(tmp_path / "result.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "cuda: not measured: no CUDA device: torch.cuda.is_available() is False\n"
    assert not list(tmp_path.iterdir())
