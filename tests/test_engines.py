"""One behaviour suite for every engine, on real trainings of the embedded digits."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from underbudget.models.build import build
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.models.weights import decode, from_text
from underbudget.search.data.store import Dataset
from underbudget.search.engines import worker_process
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import (
    Engine,
    EpochDone,
    Failed,
    Finished,
    Job,
    Message,
    message_from_json,
    message_to_json,
)
from underbudget.search.engines.processes import ProcessesEngine
from underbudget.search.training import built_in_recipes, recipe_json, run_length

ENGINES: dict[str, Callable[[], Engine]] = {"in process": InProcessEngine, "processes": lambda: ProcessesEngine(1)}
LAYERS = "conv3x3(4,s2) relu bn drop0.1 | conv3x3(8,s2) relu bn | gap | linear(10)"


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = ENGINES[request.param]()
    yield made
    made.close()


def job(digits: Dataset, trial: int = 0, epochs: int = 2, lr: float = 0.1, seed: int = 5) -> Job:
    usual = built_in_recipes.recipe("warp10-onecycle")
    recipe = run_length.resolve(usual, images=1258, epochs=epochs, lr=lr, batch_size=64)
    folder, fingerprint = str(digits.folder), digits.info.fingerprint
    return Job(trial, LAYERS, recipe_json.to_json(recipe), seed, folder, fingerprint, "cpu")


def messages(engine: Engine, until: type[Message] | None = None, seconds: float = 120) -> list[Message]:
    """What an engine says until the job is over, or until a message of one kind."""
    deadline = time.monotonic() + seconds
    said: list[Message] = []
    while time.monotonic() < deadline:
        for message in engine.wait(0.5):
            said.append(message)
            if isinstance(message, until or (Finished, Failed)):
                return said
    raise TimeoutError(f"only {said}")


def accuracy_by_hand(weights: str, digits: Dataset) -> float:
    """Validation accuracy in percent of a finished job's weights, worked out with torch alone."""
    module = build(plan(parse(LAYERS), (1, 28, 28)))
    module.load_state_dict(decode(from_text(weights)))
    part = digits.part("validation")
    images = torch.from_numpy(np.array(part.images)).float() / 255
    images = (images - digits.info.mean[0]) / digits.info.std[0]
    with torch.no_grad():
        predicted = module.eval()(images).argmax(1).numpy()
    return 100 * float(np.mean(predicted == part.labels))


def test_a_job_says_every_epoch_and_ends_with_the_weights_it_was_judged_by(engine: Engine, digits: Dataset) -> None:
    engine.submit(job(digits, trial=3))
    said = messages(engine)
    last = said[-1]
    assert isinstance(last, Finished)
    epochs = [message for message in said if isinstance(message, EpochDone)]
    assert [message.epoch for message in epochs] == [1, 2]
    assert {message.trial for message in said} == {3}
    assert epochs[-1].val_accuracy == pytest.approx(accuracy_by_hand(last.weights, digits), abs=1e-9)
    confusion = np.array(last.confusion)
    assert confusion.sum() == len(digits.part("validation").labels)
    assert 100 * np.trace(confusion) / confusion.sum() == pytest.approx(epochs[-1].val_accuracy)
    assert confusion.sum(1).tolist() == np.bincount(digits.part("validation").labels, minlength=10).tolist()


def test_engines_agree_bit_for_bit(digits: Dataset) -> None:
    results = []
    for make in ENGINES.values():
        made = make()
        try:
            made.submit(job(digits, seed=11))
            said = messages(made)
        finally:
            made.close()
        results.append([dataclasses.replace(m, seconds=0.0) for m in said if not isinstance(m, Failed)])
    assert len(results[0]) == 3
    assert results[0] == results[1]


def test_a_training_that_diverges_fails_for_good(engine: Engine, digits: Dataset) -> None:
    engine.submit(job(digits, lr=99.0, epochs=6))
    last = messages(engine)[-1]
    if isinstance(last, Finished):
        pytest.fail("lr 99 was meant to diverge")
    assert isinstance(last, Failed)
    assert not last.transient
    assert "finite" in last.reason
    engine.submit(job(digits, epochs=1))
    assert isinstance(messages(engine)[-1], Finished)


def test_a_job_computes_by_the_path_that_a_record_named(engine: Engine, digits: Dataset) -> None:
    for backend in (
        "cpu float32 channels_last plain threads=1",
        "cpu float32 channels_last graph uncaptured threads=1",
    ):
        engine.submit(dataclasses.replace(job(digits, epochs=1), backend=backend))
        last = messages(engine)[-1]
        assert isinstance(last, Finished)
        assert last.backend == backend


def test_other_data_than_the_study_s_is_refused(engine: Engine, digits: Dataset) -> None:
    engine.submit(dataclasses.replace(job(digits), fingerprint="0" * 64))
    last = messages(engine)[-1]
    assert isinstance(last, Failed)
    assert "description differs" in last.reason


def test_data_that_is_gone_fails_the_job_only(engine: Engine, digits: Dataset, tmp_path: Path) -> None:
    engine.submit(dataclasses.replace(job(digits), dataset=str(tmp_path / "nothing")))
    last = messages(engine)[-1]
    assert isinstance(last, Failed)
    assert "nothing" in last.reason


def test_messages_survive_json() -> None:
    for message in (
        EpochDone(1, 2, 0.5, 90.0, 0.25, 95.5, 1.5),
        Finished(1, "QUJD", [[1, 0], [0, 1]], 3.0, "cpu", "cpu", "x", {"torch": "2"}),
        Failed(1, "why", True),
    ):
        assert message_from_json(message_to_json(message)) == message


def test_a_killed_worker_costs_its_job_and_is_replaced(digits: Dataset) -> None:
    engine = ProcessesEngine(1)
    try:
        engine.submit(job(digits, trial=1, epochs=500))
        messages(engine, until=EpochDone)
        (victim,) = engine.pids()
        os.kill(victim, signal.SIGKILL)
        last = messages(engine)[-1]
        assert isinstance(last, Failed)
        assert last.trial == 1
        assert last.transient
        assert "SIGKILL" in last.reason
        engine.submit(job(digits, trial=2, epochs=1))
        assert isinstance(messages(engine)[-1], Finished)
        assert engine.pids() != [victim]
    finally:
        engine.close()


def test_closing_leaves_no_process_and_may_be_done_twice(digits: Dataset) -> None:
    engine = ProcessesEngine(2)
    engine.submit(job(digits, epochs=500))
    engine.submit(job(digits, trial=1, epochs=500))
    pids = engine.pids()
    assert len(pids) == 2
    engine.close()
    engine.close()
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_a_worker_ends_when_its_coordinator_is_gone_and_not_on_ctrl_c(digits: Dataset) -> None:
    code = f"""
import json, sys, time
from underbudget.search.engines.processes import ProcessesEngine
from underbudget.search.engines.job import Job, EpochDone
engine = ProcessesEngine(1)
engine.submit(Job(**json.loads({__import__("json").dumps(job(digits, epochs=500).__dict__)!r})))
while not any(isinstance(message, EpochDone) for message in engine.wait(1)):
    pass
print(engine.pids()[0], flush=True)
time.sleep(600)
"""
    coordinator = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert coordinator.stdout is not None
    try:
        worker = psutil.Process(int(coordinator.stdout.readline()))
        worker.send_signal(signal.SIGINT)
        with pytest.raises(psutil.TimeoutExpired):
            worker.wait(timeout=1)
        coordinator.kill()
        worker.wait(timeout=10)
        assert not worker.is_running()
    finally:
        coordinator.kill()
        coordinator.wait()
        coordinator.stdout.close()


def test_a_file_of_the_user_s_folder_shadows_nothing_in_a_worker(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.py").write_text("raise SystemExit('wrong models')")
    (tmp_path / "search.py").write_text("raise SystemExit('wrong search')")
    monkeypatch.chdir(tmp_path)
    engine = ProcessesEngine(1)
    try:
        engine.submit(job(digits, epochs=1))
        assert isinstance(messages(engine)[-1], Finished)
    finally:
        engine.close()


def test_a_worker_that_dies_in_the_middle_of_a_line_costs_its_job_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "underbudget" / "search" / "engines"
    package.mkdir(parents=True)
    for each in (package, package.parent, package.parents[1]):
        (each / "__init__.py").touch()
    (package / "worker.py").write_text(
        "import os, signal, sys\n"
        "def say(text):\n"
        "    sys.stdout.write(text)\n"
        "    sys.stdout.flush()\n"
        'say(chr(123) + \'"kind": "ready"\' + chr(125) + chr(10))\n'
        "sys.stdin.readline()\n"
        'say(chr(123) + \'"kind": "finished", "trial": 1, "weights": "AAAA\')\n'
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.setattr(worker_process, "_ROOT", tmp_path)
    engine = ProcessesEngine(1)
    try:
        engine.submit(Job(1, "x", {}, 0, "d", "c", "cpu"))
        last = messages(engine, seconds=30)[-1]
        assert isinstance(last, Failed)
        assert last.transient
    finally:
        engine.close()


def test_workers_are_started_for_jobs_and_not_before(digits: Dataset) -> None:
    engine = ProcessesEngine(4)
    try:
        assert engine.pids() == []
        engine.submit(job(digits, epochs=1))
        assert len(engine.pids()) == 1
    finally:
        engine.close()
