"""A search of simulated trainings, killed by SIGKILL and resumed: shared by the tests and by benchmarks/campaign.py."""

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import simulated
from faults import finished

from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import Job, Message
from underbudget.search.session.coordinator import Outcome
from underbudget.search.stopping import Stopping

STOPPING = {"none": Stopping("none"), "front": Stopping("front", 1), "mo-asha": Stopping("mo-asha", 1, 2)}

_SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
import kills
kills.search(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
"""


def search(folder: Path, trials: int, stopping: str, pause: float = 0.0) -> Outcome:
    """A search with one of STOPPING; each message of a training takes so many seconds."""

    def slowly(job: Job) -> Iterator[Message]:
        if pause:
            print("training", flush=True)
        for message in simulated.messages(job):
            time.sleep(pause)
            yield message

    return simulated.search(folder, trials, engine=InProcessEngine(slowly), early=STOPPING[stopping])


def _killed(folder: Path, trials: int, stopping: str, pause: float, seconds: float) -> bool:
    """Search in a process and kill it so long after its study appeared, with a pause after its first training began;
    False where it had ended by itself."""
    tests = Path(__file__).resolve().parent
    script = _SCRIPT.format(paths=[str(tests)])
    given = [str(folder), str(trials), stopping, str(pause)]
    with subprocess.Popen([sys.executable, "-c", script, *given], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if pause:
            process.stdout.readline()
        while not (folder / "study.db").exists():
            if process.poll() is not None:
                raise RuntimeError(f"the search ended with {process.returncode} before there was a study")
            time.sleep(0.01)
        time.sleep(seconds)
        process.kill()
        return process.wait() != 0


def kill_and_resume(
    folder: Path, trials: int, stopping: str, seconds: float, pause: float, whole: list[Any]
) -> dict[str, Any]:
    """Kill a search after so many seconds, resume it and say what became of it. `whole`: what one that nobody kills
    proposes (`simulated.proposals`)."""
    while not _killed(folder, trials, stopping, pause, seconds):  # it was over by then: afresh, and killed earlier
        shutil.rmtree(folder)
        seconds *= 0.7
    before = finished(folder / "study.db")
    at_trial = len(simulated.proposals(folder))
    search(folder, trials, stopping)
    after = finished(folder / "study.db")
    trained = simulated.stored(folder).trials
    states = [trial.user_attrs["verdict"].split(":")[0] for trial in trained]
    return {
        "after_seconds": round(seconds, 3),
        "at_trial": at_trial,
        "finished_before": len(before),
        "kept": all(after.get(number) == rows for number, rows in before.items()),
        "complete": states.count("complete"),
        "stopped": states.count("stopped"),
        "trained": states.count("complete") + states.count("stopped"),
        "as_uninterrupted": simulated.proposals(folder) == whole,
    }


def random_seconds(unit: int) -> float:
    """A moment within the first seconds of a search."""
    return random.Random(unit).uniform(0, 4)
