"""Which device is taken, what is said where one cannot be, and how many trainings run on it at once. No GPU needed:
torch's answers about GPUs are put in its mouth."""

import dataclasses
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sleepers
import torch
from test_engines import job

from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.search.data.store import Dataset
from underbudget.search.engines import devices
from underbudget.search.engines.calibration import Measure, Throughput, calibrate, measurement, typical_job
from underbudget.search.engines.job import Engine, Finished
from underbudget.search.engines.processes import ProcessesEngine, layout
from underbudget.search.engines.resources import Workers
from underbudget.search.experiments.setup import Setup
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.run_length import resolve


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make torch see so many GPUs."""

    def see(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(devices, "may_have_gpu", lambda: count > 0)

    return see


def works(*broken: str) -> Callable[[str], str]:
    """A probe that finds these devices broken."""
    return lambda name: "no kernel image is available" if name in broken else ""


@pytest.mark.parametrize(
    ("asked", "count", "broken", "device", "lines"),
    [
        ("cpu", 2, [], "cpu", []),
        ("auto", 0, [], "cpu", []),
        ("auto", 2, [], "cuda:0", []),
        ("auto", 2, ["cuda:0"], "cuda:1", ["cuda:0 is not used: no kernel image is available"]),
        ("auto", 1, ["cuda:0"], "cpu", ["cuda:0 is not used: no kernel image is available"]),
        ("all", 3, ["cuda:1"], "cuda:0,cuda:2", ["cuda:1 is not used: no kernel image is available"]),
        ("cuda", 2, [], "cuda:0", []),
        ("cuda:1,cuda:0,cuda:1", 2, [], "cuda:1,cuda:0", []),
    ],
)
def test_the_device_that_is_taken(
    gpus: Callable[[int], None], asked: str, count: int, broken: list[str], device: str, lines: list[str]
) -> None:
    gpus(count)
    said: list[str] = []
    assert devices.choose_device(asked, said.append, works(*broken)) == device
    assert said == lines


@pytest.mark.parametrize(
    ("asked", "count", "broken", "message"),
    [
        ("cuda:2", 2, [], "--device cuda:2: torch .* finds no such GPU here, use --device cpu"),
        ("cuda:0,cuda:1", 1, [], "--device cuda:1: torch .* finds no such GPU here"),
        (
            "cuda",
            1,
            ["cuda:0"],
            r"--device cuda:0 cannot be used \(no kernel image is available\): use another one, or",
        ),
        ("all", 0, [], "--device all: torch .* finds no GPU that works here, use --device cpu"),
        ("all", 1, ["cuda:0"], "--device all: torch .* finds no GPU that works here"),
        ("mps", 0, [], "--device mps: torch .* has no MPS here, use --device cpu"),
        ("cuda:0,cpu", 1, [], "--device is auto, cpu, mps, all, cuda, cuda:N or several like .* not 'cuda:0,cpu'"),
        ("tpu", 1, [], "--device is auto, cpu, .* not 'tpu'"),
        ("", 1, [], "--device is auto, cpu, .* not ''"),
    ],
)
def test_a_device_that_cannot_be_used_is_refused_with_the_reason(
    gpus: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    count: int,
    broken: list[str],
    message: str,
) -> None:
    gpus(count)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match=message):
        devices.choose_device(asked, lambda line: None, works(*broken))


def test_a_driver_that_is_too_old_means_the_cpu_and_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def complain() -> bool:
        warnings.warn("CUDA initialization: the NVIDIA driver on your system\nis too old", UserWarning, stacklevel=2)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", complain)
    monkeypatch.setattr(devices, "may_have_gpu", lambda: True)
    said: list[str] = []
    assert devices.choose_device("auto", said.append, works()) == "cpu"
    assert said == ["no GPU is used: CUDA initialization: the NVIDIA driver on your system is too old"]


def test_the_probe_trains_in_a_process_of_its_own() -> None:
    assert devices.probe("cpu") == ""
    reason = devices.probe("meta:0")  # a device that has no numbers to compute
    assert "meta" in reason
    assert "\n" not in reason


class Curve:
    """Throughputs by number of trainings at once, in place of a measurement; a text is an error."""

    def __init__(self, each: float, free: float, *rates: float | str) -> None:
        self.rates = dict(zip((1, 2, 4, 8, 16, 32, 64), rates, strict=False))
        self.each, self.free, self.tried = each, free, list[int]()

    @contextmanager
    def __call__(self) -> Iterator[Callable[[int], Throughput]]:
        yield self.measure

    def measure(self, at_once: int) -> Throughput:
        self.tried.append(at_once)
        rate = self.rates[at_once]
        if isinstance(rate, str):
            raise UnderbudgetError(rate)
        return Throughput(rate, self.each, self.free - at_once * self.each)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (Curve(1, 1e9, 100, 200, 390, 500, 549), Workers(8, "measured 500 images/s, 16 at once bring 549")),
        (Curve(1, 1e9, 100, 105), Workers(1, "measured 100 images/s, 2 at once bring 105")),
        (Curve(1, 1e9, 1, 2, 4, 8, 16, 32, 64), Workers(64, "measured 64 images/s, more than 64 are not tried")),
        (Curve(10, 80, 100, 200, 400), Workers(4, "measured 400 images/s, memory would be short for 8")),
        (Curve(1, 1e9, 100, 200, "out"), Workers(2, "measured 200 images/s, 4 at once failed: out")),
        (Curve(1, 1e9, "out"), Workers(1, "one, the measurement failed: 1 at once failed: out")),
    ],
)
def test_twice_as_many_at_once_while_it_pays_and_memory_holds_them(curve: Curve, expected: Workers) -> None:
    assert calibrate(curve) == expected  # type: ignore[arg-type]
    assert len(curve.tried) == len(set(curve.tried))


def test_the_measurement_itself_runs(digits: Dataset) -> None:
    """On the CPU, where the same step runs uncaptured; its figures mean nothing there."""
    resolved = resolve(recipe("warp10-onecycle"), images=1258, epochs=1)
    with measurement(typical_job(digits, resolved, "cpu"), 0.2) as measure:
        assert measure(1).images_per_second > 0
        assert measure(2).bytes_each == 0
    broken = dataclasses.replace(typical_job(digits, resolved, "cpu"), dataset="nowhere")
    with measurement(broken) as measure, pytest.raises(UnderbudgetError, match="nowhere"):
        measure(1)


def test_workers_on_gpus_are_measured_on_one_and_taken_for_all() -> None:
    said: list[str] = []
    chosen = devices.choose_workers("cuda:1,cuda:3", None, False, Curve(1, 1e9, 10, 20, 21), said.append)  # type: ignore[arg-type]
    assert chosen == Workers(4, "measured 20 images/s, 4 at once bring 21, on each of 2")
    assert said == ["measuring how many trainings at once are fastest on cuda:1"]


def test_judged_runs_on_gpus_are_as_many_at_once_as_measure_fastest(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, int]] = []
    monkeypatch.setattr(devices, "engine_for", lambda device, workers: made.append((device, workers)))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H200")
    curve, said = Curve(1, 1e9, 10, 20, 21), list[str]()
    monkeypatch.setattr(Setup, "_measure", lambda setup: curve())
    setup = Setup(digits, "cuda:1,cuda:3", say=said.append)
    assert setup.device_line() == "cuda:1,cuda:3 (H200), as many at a time as a measurement finds fastest"
    setup.engine(2)  # one on each: nothing is measured
    assert curve.tried == said == []
    for jobs in (3, 50, 60):
        setup.engine(jobs)
    assert made == [("cuda:1,cuda:3", count) for count in (2, 3, 4, 4)]  # two at once on each of the two
    assert curve.tried == [1, 2, 4]
    assert said == ["measuring how many trainings at once are fastest on cuda:1"]
    asked = Setup(digits, "cuda:0", 6)
    asked.engine(9)
    assert made[-1] == ("cuda:0", 6)
    assert asked.device_line() == "cuda:0 (H200), 6 at a time (as asked)"
    assert curve.tried == [1, 2, 4]


def test_what_is_asked_is_taken_with_a_warning_where_cores_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    def unmeasured() -> Measure:
        raise AssertionError

    said: list[str] = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert devices.choose_workers("cpu", 1, False, unmeasured, said.append) == Workers(1, "as asked")
    assert devices.choose_workers("cuda:0", 99, False, unmeasured, said.append) == Workers(99, "as asked")
    assert devices.choose_workers("mps", None, False, unmeasured, said.append) == Workers(1, "one on mps")
    assert devices.choose_workers("cpu", 4, True, unmeasured, said.append) == Workers(1, "in this process")
    assert said == []
    assert devices.choose_workers("cpu", cores + 5, False, unmeasured, said.append).count == cores + 5
    assert len(said) == 1
    assert said[0].startswith(f"warning: --workers {cores + 5} is more than the ")
    with pytest.raises(UserError, match="--engine in-process trains on one device, not on cuda:0,cuda:1"):
        devices.choose_workers("cuda:0,cuda:1", None, True, unmeasured, said.append)


@pytest.mark.parametrize(
    ("workers", "names", "at_once", "expected"),
    [
        (3, [None], 1, [(None, 1)] * 3),
        (5, ["a", "b"], 3, [("a", 3), ("b", 2)]),
        (5, ["a", "b"], 1, [("a", 1), ("b", 1), ("a", 1), ("b", 1), ("a", 1)]),
        (1, ["a", "b"], 1, [("a", 1)]),
        (7, ["a"], 4, [("a", 4), ("a", 3)]),
    ],
)
def test_places_are_spread_over_devices(
    workers: int, names: list[str | None], at_once: int, expected: list[tuple[str | None, int]]
) -> None:
    assert layout(workers, names, at_once) == expected


def finished(engine: Engine, count: int) -> list[Finished]:
    """The ends of so many jobs."""
    ended: list[Finished] = []
    deadline = time.monotonic() + 120
    while len(ended) < count:
        ended += [message for message in engine.wait(0.5) if isinstance(message, Finished)]
        assert time.monotonic() < deadline
    return ended


def test_jobs_go_to_every_device_and_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sleeping workers say which device they were given; four places on two GPUs in two processes."""
    sleepers.pretend(tmp_path, monkeypatch)
    engine = devices.engine_for("cuda:0,cuda:1", 4)
    try:
        for trial in range(4):
            engine.submit(sleepers.job(trial, seconds=0.3))
        ended = finished(engine, 4)
        assert sorted(message.device for message in ended) == ["cuda:0", "cuda:0", "cuda:1", "cuda:1"]
        assert len({message.versions["pid"] for message in ended}) == 2
    finally:
        engine.close()


def test_trainings_in_threads_of_one_worker_are_as_alone(digits: Dataset) -> None:
    """What a GPU's worker does, with the same step on the CPU."""
    states = []
    for at_once in (1, 3):
        engine = ProcessesEngine(at_once, at_once=at_once)
        try:
            for trial in range(3):
                engine.submit(dataclasses.replace(job(digits, trial, seed=trial), backend="graph"))
            states.append({message.trial: message.weights for message in finished(engine, 3)})
            assert len(engine.pids()) == 1
        finally:
            engine.close()
    assert states[0] == states[1]
