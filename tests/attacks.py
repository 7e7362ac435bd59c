"""What is done to real searches at random moments: kills, interrupts, moves. Shared by tests and campaign.py.

A unit begins `underbudget launch` on the embedded digits with a real worker process, does its harm at a moment drawn
from its number, resumes, and checks everything that the fault suite checks (faults.py). It returns what happened;
something lost, doubled or changed raises AssertionError.
"""

import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import optuna
import psutil
import simulated
from faults import (
    NAME,
    SECONDS,
    Launch,
    begin,
    check_complete,
    check_kept,
    finished,
    launched,
    request,
    search_instantly,
)

from underbudget.search.data.store import Dataset
from underbudget.search.session import resolving, running
from underbudget.search.session.request import Request

TRIALS = 5  # of a search that is killed
EVENTS = 27  # that such a search tells before its last trial has ended
HARMS = (
    *("folder renamed", "folder replaced", "folder deleted"),
    *("database renamed", "database replaced", "database deleted"),
    *("lock deleted", "deleted through Optuna"),
)
STARTING = 0.2  # share of the units whose harm is done while the program still starts
WITHIN = 3.0  # seconds in which an interrupted search ends


def asked(runs: Path, digits: Dataset, trials: int = TRIALS) -> Request:
    """The search that is attacked: one worker, so that it is repeatable; no trial is stopped early."""
    return request(runs, digits, trials, epochs=4, workers=1, stopping="none")


def search(runs: Path, digits: Dataset) -> None:
    """The same search to its end, in this process with a real worker."""
    assert running.run(resolving.prepare(asked(runs, digits), lambda line: None)).reached


def results(folder: Path) -> dict[tuple[str, int], Any]:
    """What the networks came to: (layers, seed) to the values told, for those that are complete."""
    trials = [trial for trial in simulated.stored(folder).trials if trial.state.name == "COMPLETE"]
    found = {(trial.user_attrs["layers"], trial.user_attrs["record"]["seed"]): trial.values for trial in trials}
    assert len(found) == len(trials)
    return found


def kill(unit: int, runs: Path, digits: Dataset, whole: Path) -> dict[str, Any]:
    """SIGKILL to the coordinator, to its worker, or to both. `whole`: the folder of a search that nobody killed."""
    who, moment = ("coordinator", "worker", "both")[unit % 3], Moment(unit)
    folder, before, ended = runs / NAME, {}, False
    with launched(asked(runs, digits)) as launch:
        moment.wait(launch)
        victims = launch.workers() if who != "coordinator" else []
        if who != "worker":
            victims.append(psutil.Process(launch.process.pid))
        moment.source.shuffle(victims)
        if who == "worker" and (folder / "study.db").exists():
            before = finished(folder / "study.db")
        for victim in victims:
            victim.kill()
        if who == "worker":  # the search goes on by itself
            assert launch.end(0, seconds=10 * SECONDS) == ""
            ended = True
        else:
            launch.process.communicate()
            launch.check_gone()
    if who != "worker" and (folder / "study.db").exists():
        before = finished(folder / "study.db")
    if not ended:
        search(runs, digits)
    check_complete(folder, before, TRIALS)
    failed = [trial for trial in simulated.stored(folder).trials if trial.state.name == "FAIL"]
    if not failed:  # after a failure there is a trial more, so that the later ones are others
        assert simulated.proposals(folder) == simulated.proposals(whole)
    reference, found = results(whole), results(folder)
    same = reference.keys() & found.keys()
    assert len(same) >= TRIALS - 2 * len(failed)
    assert {key: found[key] for key in same} == {key: reference[key] for key in same}
    return {"killed": who, **moment.shown, "finished_before": len(before), "failed": len(failed), "as_whole": len(same)}


def interrupt(unit: int, runs: Path, digits: Dataset) -> dict[str, Any]:
    """One, two or three signals within milliseconds: the search ends within seconds, its study is one complete file."""
    moment, folder = Moment(unit), runs / NAME
    signals = moment.source.choices([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], k=1 + unit % 3)
    with launched(asked(runs, digits, 50)) as launch:
        moment.wait(launch)
        begun = time.monotonic()
        for number, each in enumerate(signals):
            if number:
                time.sleep(moment.source.uniform(0, 0.005))
            launch.process.send_signal(each)
        told = launch.end(130, *(-each for each in signals))
        seconds = time.monotonic() - begun
    assert seconds < WITHIN, f"it took {seconds:.1f} s"
    assert told.count("\n") <= 1, told
    before = {}
    if (folder / "study.db").exists():
        assert not list(folder.glob("study.db-*"))
        before = finished(folder / "study.db")
    resume(runs, digits, before)
    return {"signals": [each.name for each in signals], **moment.shown, "seconds": round(seconds, 2), "told": told}


def resume(runs: Path, digits: Dataset, before: dict[int, Any]) -> None:
    """The search goes on, and reaches a goal three trials further with nothing lost."""
    database = runs / NAME / "study.db"
    stored = finished(database) if database.exists() else {}
    goal = sum(rows[0][2] == "COMPLETE" for rows in stored.values()) + 3
    assert search_instantly(asked(runs, digits, goal)).reached
    check_complete(runs / NAME, before, goal)


def move(unit: int, runs: Path, digits: Dataset) -> dict[str, Any]:
    """The study, its database or its lock is renamed, replaced or deleted: one line, nothing lost."""
    moment, folder, aside = Moment(unit, 0.0), runs / NAME, runs.parent / "aside" / NAME
    what = HARMS[unit % len(HARMS)]
    aside.parent.mkdir(parents=True)
    database, moved, own = folder / "study.db", aside.parent / "moved.db", runs.parent / "other" / NAME / "study.db"
    begin(own.parents[1], digits)
    with launched(asked(runs, digits, 1_000)) as launch:
        moment.wait(launch)
        before = finished(database)
        match what:
            case "folder renamed" | "folder replaced":
                folder.rename(aside)
            case "database renamed" | "database replaced":
                database.rename(moved)
            case "folder deleted":
                shutil.rmtree(folder, ignore_errors=True)
            case "database deleted":
                database.unlink()
            case "lock deleted":
                (folder / "study.db.lock").unlink()
            case "deleted through Optuna":
                delete_study(database)
        if what == "folder replaced":
            shutil.copytree(own.parent, folder)
        if what == "database replaced":
            shutil.copyfile(own, database)
        told = launch.end(1)
    assert told.startswith("error: the search was broken off (")
    assert told.count("\n") == 1
    if "replaced" in what:
        assert database.read_bytes() == own.read_bytes()
        assert what == "database replaced" or tree(folder) == tree(own.parent)
    if what == "folder renamed":
        assert not folder.exists()
    if "database" in what and "replaced" not in what:
        assert not database.exists()
    if what.startswith("folder re"):
        check_kept(aside / "study.db", before)
        resume(aside.parent, digits, before)
    elif what.startswith("database re"):
        check_kept(moved, before)
        moved.replace(database)
        resume(runs, digits, before)
    elif what == "lock deleted":
        resume(runs, digits, before)
    else:  # begun anew, where nothing of the old one is in the way
        shutil.rmtree(folder, ignore_errors=True)
        resume(runs, digits, {})
    return {"what": what, **moment.shown, "finished_before": len(before), "told": told[:150]}


def delete_study(database: Path) -> None:
    """Delete the study as its user would, and let go of its database."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{database}")
    optuna.delete_study(study_name=NAME, storage=storage)
    storage.remove_session()
    storage.engine.dispose()


def tree(folder: Path) -> dict[Path, bytes]:
    """All files of a folder."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Moment:
    """When a unit's harm is done: so many events and seconds after the program began."""

    def __init__(self, unit: int, starting_share: float = STARTING) -> None:
        self.source = random.Random(unit)
        starting = self.source.random() < starting_share
        self._event = 0 if starting else self.source.randrange(1, EVENTS)
        self._seconds = self.source.uniform(0, 3) if starting else self.source.uniform(0, 0.1)
        self.shown = {"event": self._event, "after_seconds": round(self._seconds, 3)}

    def wait(self, launch: Launch) -> None:
        """Wait for it."""
        for _ in range(self._event):
            launch.next()
        time.sleep(self._seconds)
