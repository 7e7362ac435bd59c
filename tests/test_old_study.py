"""A study of an earlier version opens, resumes and proposes what it would have proposed then.

old_study.sql is the database of a search of 13 trials by the version whose packages were still called `models` and
`search`, as text: `--dataset digits --budget "params<2000" --epochs 3 --workers 1 --seed 5 --target 60`, in process,
widths from 4 to 8, one or two blocks before and after the pool. The last trials are removed and searched again; their
trainings give the results that they gave then.
"""

import base64
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import underbudget
from underbudget.reports.reading import read_study
from underbudget.search.data.store import Dataset
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import EpochDone, Finished, Job, Message

SQL = Path(__file__).with_name("old_study.sql").read_text(encoding="utf-8")
LAST = 13  # trials that it has


def restore(database: Path, trials: int = LAST) -> None:
    """Write the old database with its first `trials` trials."""
    database.parent.mkdir(parents=True)
    connection = sqlite3.connect(database)
    connection.executescript(SQL)
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE name GLOB 'trial_*'").fetchall():
        connection.execute(
            f"DELETE FROM {table} WHERE trial_id IN (SELECT trial_id FROM trials WHERE number >= ?)", (trials,)
        )
    connection.execute("DELETE FROM trials WHERE number >= ?", (trials,))
    connection.commit()
    connection.close()


def proposals(database: Path) -> list[tuple[dict[str, Any], str, int]]:
    """What was proposed, trial by trial: sampled parameters, layers, training seed."""
    found = read_study(f"sqlite:///{database}", "old").trials
    assert all(trial.proposal is not None for trial in found)
    return [(dict(trial.params), trial.proposal.layers_text, trial.proposal.seed) for trial in found if trial.proposal]


def replay(database: Path) -> Any:
    """A training that answers what the stored trial of its number was answered."""
    known = {trial.trial: trial for trial in read_study(f"sqlite:///{database}", "old").trials}

    def run(job: Job) -> Iterator[Message]:
        for epoch in known[job.trial].curve:
            yield EpochDone(job.trial, **epoch.__dict__)
        weights = base64.b64encode(b"weights").decode()
        yield Finished(job.trial, weights, [[1]], 1.0, "replayed", "cpu", "none", {"python": "3"})

    return run


def test_it_is_read(tmp_path: Path) -> None:
    restore(tmp_path / "old" / "study.db")
    study = underbudget.open_study("old", runs=tmp_path)
    assert study.counts["complete"] == 10
    assert study.counts["stopped"] == 3
    assert (study.best.number, study.best.params) == (4, 1808)
    assert study.best.score == pytest.approx(87.407, abs=0.001)
    assert study.best.layers_text is not None
    assert study.best.layers_text.startswith("conv3x3(7) relu bn drop0.03 | conv1x1")


@pytest.mark.parametrize("kept", [8, 11])
def test_it_resumes_with_the_same_proposals(
    kept: int, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From trial 8 on by the model, whatever ended before: three trials are stopped early, as they were then."""
    restore(tmp_path / "whole" / "study.db")
    restore(tmp_path / "runs" / "old" / "study.db", kept)
    monkeypatch.setattr(InProcessEngine.__init__, "__defaults__", (replay(tmp_path / "whole" / "study.db"),))
    study = underbudget.launch(
        "old", runs=tmp_path / "runs", data_dir=digits.folder.parents[1], trials=LAST, workers=1, engine="in-process"
    )
    expected = proposals(tmp_path / "whole" / "study.db")
    found = proposals(tmp_path / "runs" / "old" / "study.db")
    assert len(found) == len(expected) == LAST
    assert found == expected
    before = json.loads(json.dumps(underbudget.open_study("old", runs=tmp_path / "runs").settings))
    assert before["seed"] == 5
    assert [trial.record.state for trial in study.trials].count("stopped") == 3
