"""What the fault suite shares: searches that something is done to, and the check that nothing is lost.

A real search is `underbudget launch` in a process of its own with worker processes, on the embedded digits. What is
only about the coordinator and its files runs with `instant.py`, the same command with trainings that take no time.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import psutil
import simulated

import underbudget
from underbudget.search.data.store import Dataset
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.session import resolving, running
from underbudget.search.session.coordinator import Outcome
from underbudget.search.session.request import Request

ROOT = Path(underbudget.__file__).resolve().parents[1]
NAME = "toy"
SMALL = {"width": [4, 6], "n_before": [1, 2], "n_after": [1, 2]}  # networks that train 1,258 digits in a tenth second
EPOCHS = 12  # long enough to be interrupted
SECONDS = 60  # after which something that should happen soon is taken not to happen

_TABLES = ("trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes")
_MARK = "UNDERBUDGET_TEST_MARK"


def request(runs: Path, digits: Dataset, trials: int, **changes: Any) -> Request:
    """The search of this suite in a runs folder."""
    asked: dict[str, Any] = {
        "study": NAME,
        "dataset": "digits",
        "trials": trials,
        "epochs": EPOCHS,
        "batch_size": 64,
        "space": dict(SMALL),
        "device": "cpu",
        "runs": str(runs),
        "data_dir": str(digits.folder.parents[1]),
    }
    return Request(**{**asked, **changes})


def search_instantly(asked: Request) -> Outcome:
    """One session in this process, with trainings that take no time."""
    session = resolving.prepare(asked, lambda line: None)
    return running.run(session, engine=lambda _: InProcessEngine(simulated.messages))


def begin(runs: Path, digits: Dataset, trials: int = 2) -> dict[int, Any]:
    """A study with so many finished trials; what of it may never change."""
    assert search_instantly(request(runs, digits, trials)).reached
    return finished(runs / NAME / "study.db")


def finished(database: Path) -> dict[int, Any]:
    """Every row that a database has about its finished trials, by trial number, read from a copy by SQLite alone."""
    with tempfile.TemporaryDirectory() as folder:
        for file in database.parent.glob(f"{database.name}*"):
            if file.suffix != ".lock":
                shutil.copyfile(file, Path(folder) / file.name)
        connection = sqlite3.connect(Path(folder) / database.name)
        states = "('COMPLETE', 'PRUNED', 'FAIL')"
        rows = {
            row[0]: [row, *(_of_trial(connection, table, row[1]) for table in _TABLES)]
            for row in connection.execute(
                "SELECT number, trial_id, state, CAST(datetime_start AS TEXT), CAST(datetime_complete AS TEXT) "
                f"FROM trials WHERE state IN {states} ORDER BY number"
            )
        }
        connection.close()
    return rows


def _of_trial(connection: sqlite3.Connection, table: str, trial_id: int) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {table} WHERE trial_id = ? ORDER BY 1", (trial_id,)).fetchall()


class Stock(NamedTuple):
    """A study as stock Optuna reads it."""

    trials: list[optuna.trial.FrozenTrial]
    best: list[optuna.trial.FrozenTrial]


def stock(url: str | Path) -> Stock:
    """Open a study by stock Optuna, read it and let go of it."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{url}" if isinstance(url, Path) else url)
    study = optuna.load_study(study_name=NAME, storage=storage)
    read = Stock(study.trials, study.best_trials)
    storage.remove_session()
    storage.engine.dispose()
    return read


def check_kept(database: Path, before: dict[int, Any]) -> None:
    """Every trial that was finished before is there, unchanged to the byte, for stock Optuna too."""
    after = finished(database)
    assert {number: after.get(number) for number in before} == before
    assert before.keys() <= {trial.number for trial in stock(database).trials if trial.state.is_finished()}


def check_complete(folder: Path, before: dict[int, Any], trials: int) -> None:
    """The study is at its goal, exactly, with nothing lost, doubled or left over."""
    database = folder / "study.db"
    check_kept(database, before)
    check_goal(stock(database), folder, trials)
    connection = sqlite3.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert not list(folder.glob("study.db-*"))


def check_goal(study: Stock, folder: Path, trials: int) -> None:
    """Exactly so many trained trials, each network once, each with its weights, none left under way."""
    assert [trial.number for trial in study.trials] == list(range(len(study.trials)))
    assert all(trial.state.is_finished() for trial in study.trials)
    trained = [trial for trial in study.trials if trial.user_attrs["verdict"].split(":")[0] in ("complete", "stopped")]
    assert len(trained) == trials
    assert len({trial.user_attrs["record"]["id"] for trial in trained}) == trials
    for trial in trained:
        if trial.state.name == "PRUNED":
            assert trial.user_attrs["stop"]["epoch"] == len(trial.user_attrs["curve"])
        else:
            result = trial.user_attrs["result"]
            weights = (folder / result["weights_file"]).read_bytes()
            assert hashlib.sha256(weights).hexdigest() == result["weights_sha256"]
            assert trial.values == [trial.user_attrs["record"]["cost"]["params"], result["score"]]
    assert study.best
    assert {trial.number for trial in study.best} <= {trial.number for trial in trained}


class Launch:
    """`underbudget launch` in a process of its own, listened to."""

    def __init__(self, asked: Request, program: list[str] | None = None, **variables: str) -> None:
        self._mark = uuid.uuid4().hex
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", _MARK: self._mark, **variables}
        fields = {name: value for name, value in asked.__dict__.items() if value is not None and name != "study"}
        fields.pop("space")
        words = [word for name, value in fields.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        config = Path(str(asked.runs)) / "space.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text("\n".join(["[space]", *(f"{key} = {value}" for key, value in (asked.space or {}).items())]))
        self.process = subprocess.Popen(
            [
                *(program or [sys.executable, "-P", "-m", "underbudget"]),
                *["launch", NAME, *words, "--config", str(config), "--progress", "json"],
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, event: str, **fields: Any) -> dict[str, Any]:
        """Wait for an event of the search."""
        while told := self.next():
            if told["event"] == event and all(told[name] == value for name, value in fields.items()):
                return told
        raise AssertionError(f"ended without {event} {fields}: {self.process.communicate()[1]}")

    def next(self) -> dict[str, Any]:
        """Wait for the next event of the search; {} where it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        told: dict[str, Any] = json.loads(line) if line else {}
        return told

    def workers(self) -> list[psutil.Process]:
        """Processes that the coordinator started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, *codes: int, seconds: float = SECONDS) -> str:
        """Wait for the end, which must leave no process; what was said on standard error."""
        _, errors = self.process.communicate(timeout=seconds)
        assert self.process.returncode in codes, errors
        assert "Traceback" not in errors, errors
        self.check_gone()
        return errors

    def check_gone(self) -> None:
        """No process of this search is left, or will be in a few seconds."""
        deadline = time.monotonic() + 10
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left

    def _left(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(_MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


@contextmanager
def launched(asked: Request, program: list[str] | None = None, **variables: str) -> Iterator[Launch]:
    """A search that is over when the block is left, whatever happened in it."""
    launch = Launch(asked, program, **variables)
    try:
        yield launch
    finally:
        if launch.process.poll() is None:
            launch.process.kill()
        launch.process.communicate()


def instant(asked: Request, fault: str = "") -> AbstractContextManager[Launch]:
    """`launched` with trainings that take no time and a piece of code that makes something go wrong."""
    return launched(
        Request(**{**asked.__dict__, "engine": "in-process"}),
        [sys.executable, str(Path(__file__).with_name("instant.py"))],
        FAULT=fault,
    )
