"""Worker processes that sleep instead of training, so that an engine's tests take no processor time and no start-up.

`pretend(tmp_path, monkeypatch)` makes every worker process of this test such a one. A job's recipe says what it does:
`{"epochs": n, "seconds": of each}`, with `"memory": true` for a job that finds none, `"deaf": true` for one that obeys
no stop, `"die": true` for a worker that kills itself. The environment variable SHORT_TRIALS names trials that find no
memory whatever their recipe says.
"""

from pathlib import Path
from typing import Any

import pytest

from underbudget.search.engines import worker_process
from underbudget.search.engines.job import Job

_WORKER = """
import json, os, signal, sys, threading, time
speaking, stopped = threading.Lock(), set()

def say(**message):
    with speaking:
        sys.stdout.write(json.dumps(message) + "\\n")
        sys.stdout.flush()

def run(job):
    trial, recipe, begun = job["trial"], job["recipe"], time.perf_counter()
    if recipe.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    def over(**message):
        say(trial=trial, busy=time.perf_counter() - begun, **message)
    if recipe.get("memory") or str(trial) in os.environ.get("SHORT_TRIALS", "").split():
        return over(kind="failed", reason="out of memory", transient=True, out_of_memory=True)
    for epoch in range(1, recipe["epochs"] + 1):
        until = time.perf_counter() + recipe.get("seconds", 0.0)
        while time.perf_counter() < until:
            if trial in stopped and not recipe.get("deaf"):
                return over(kind="stopped")
            time.sleep(0.005)
        say(kind="epoch", trial=trial, epoch=epoch, train_loss=1.0, train_accuracy=50.0, val_loss=1.0,
            val_accuracy=50.0, seconds=0.0)
    over(kind="finished", weights="QUJD", confusion=[[1]], seconds=0.0, backend="asleep " + str(job["backend"]),
         device=job["device"], hardware="none", versions={"pid": str(os.getpid())})

say(kind="ready")
for line in sys.stdin:
    value = json.loads(line)
    if "stop" in value:
        stopped.add(value["stop"])
    else:
        stopped.discard(value["trial"])
        threading.Thread(target=run, args=(value,), daemon=True).start()
os._exit(0)
"""


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker processes of this test be sleepers, whose code lies in `folder`."""
    package = folder / "underbudget" / "search" / "engines"
    package.mkdir(parents=True)
    for each in (package, package.parent, package.parents[1]):
        (each / "__init__.py").touch()
    (package / "worker.py").write_text(_WORKER)
    monkeypatch.setattr(worker_process, "_ROOT", folder)


def job(trial: int, epochs: int = 1, seconds: float = 0.0, **behaviour: Any) -> Job:
    """A job for a sleeper."""
    return Job(trial, "x", {"epochs": epochs, "seconds": seconds, **behaviour}, 0, "d", "c", "cpu")
