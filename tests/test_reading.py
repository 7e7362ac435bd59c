"""Reading a study: against stock Optuna, without a trace, while it is written, and from broken files."""

import contextlib
import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState
from studies import Spec, make_study, session, settings

from underbudget.models.errors import UserError
from underbudget.reports.reading import list_studies, read_study
from underbudget.reports.snapshot import snapshot

SPECS = (
    Spec("complete", 7000, (97.0, 98.0, 99.0)),
    Spec("rejected", 9000, (), "params 9,000 is 1,001 over params<8000"),
    Spec("stopped", 6000, (90.0,), "early"),
    Spec("failed", 5000, (95.0, math.nan), "loss is NaN at epoch 2"),
    Spec("running", 5500, (91.0,), verdict=""),
    Spec("failed", 100, (), "died before it was proposed", proposed=False),
    Spec("complete", 5000, (97.0,), retry_of=3),
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "study.db"
    make_study(path, SPECS, sessions=(session(), session(workers=1)))
    make_study(path, (), name="empty")
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    optuna.create_study(storage=storage, study_name="stranger")
    storage.remove_session()
    storage.engine.dispose()
    return path


@pytest.fixture
def copy(stored: Path, tmp_path: Path) -> Path:
    shutil.copy(stored, tmp_path / "study.db")
    return tmp_path / "study.db"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_agrees_with_stock_optuna(stored: Path) -> None:
    url = f"sqlite:///{stored}"
    study = read_study(url, "demo")
    expected = optuna.load_study(study_name="demo", storage=url).trials
    assert len(study.trials) == len(expected) == len(SPECS)
    for ours, theirs in zip(study.trials, expected, strict=True):
        assert ours.trial == theirs.number
        assert ours.params == theirs.params
        assert theirs.datetime_start is not None
        assert ours.started == theirs.datetime_start.astimezone(UTC)
        assert (ours.completed is None) == (theirs.datetime_complete is None)
        if theirs.state == TrialState.COMPLETE:
            assert ours.proposal is not None
            assert theirs.values == [ours.proposal.cost.params, ours.score]
        assert [epoch.val_loss for epoch in ours.curve] == [
            epoch["val_loss"] for epoch in theirs.user_attrs.get("curve", [])
        ]


def test_what_is_read_is_what_was_written(stored: Path) -> None:
    study = read_study(f"sqlite:///{stored}", "demo")
    assert study.settings == settings()
    assert study.sessions == (session(), session(workers=1))
    assert [trial.state for trial in study.trials] == [spec.state for spec in SPECS]
    assert [trial.reason for trial in study.trials] == [spec.reason for spec in SPECS]
    assert [len(trial.curve) for trial in study.trials] == [3, 0, 1, 2, 1, 0, 1]
    assert study.trials[5].proposal is None
    assert study.trials[6].proposal is not None
    assert study.trials[6].proposal.retry_of == 3
    assert math.isnan(study.trials[3].curve[1].val_accuracy)
    assert study.trials[0].result is not None
    assert study.trials[0].result.confusion[4][4] == 27


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process is set by POSIX means")
def test_times_are_right_in_any_time_zone(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_study(f"sqlite:///{stored}", "demo").trials[0].started
    try:
        with monkeypatch.context() as zone:
            zone.setenv("TZ", "Asia/Kolkata")
            time.tzset()
            assert read_study(f"sqlite:///{stored}", "demo").trials[0].started == expected
            theirs = optuna.load_study(study_name="demo", storage=f"sqlite:///{stored}").trials[0].datetime_start
            assert theirs is not None
            assert theirs.astimezone(UTC) == expected
    finally:
        time.tzset()


def test_an_empty_study(stored: Path) -> None:
    assert read_study(f"sqlite:///{stored}", "empty").trials == ()


def test_the_studies_of_a_storage_are_listed_without_strangers(stored: Path) -> None:
    assert list_studies(f"sqlite:///{stored}") == ("demo", "empty")


def test_without_a_verdict_optunas_state_counts(tmp_path: Path) -> None:
    cases = {
        Spec("stopped", 9000, verdict=""): "rejected",  # pruned, over the limit
        Spec("stopped", 7000, verdict=""): "stopped",  # pruned, within it
        Spec("failed", 7000, verdict=""): "failed",
        Spec("complete", 7000, verdict=""): "complete",
        Spec("running", 7000, verdict=""): "running",
        Spec("failed", 7000, verdict="nonsense: here"): "failed",
        Spec("running", 7000, verdict="failed: worker died"): "running",  # never told: it will be run again
    }
    url = make_study(tmp_path / "study.db", list(cases))
    assert [trial.state for trial in read_study(url, "demo").trials] == list(cases.values())


def test_an_enqueued_trial_is_no_proposal_yet(copy: Path) -> None:
    url = f"sqlite:///{copy}"
    study = optuna.load_study(study_name="demo", storage=url)
    study.enqueue_trial({"width": 8})
    assert study.trials[-1].state == TrialState.WAITING
    assert len(read_study(url, "demo").trials) == len(SPECS)


def test_reading_changes_nothing(copy: Path) -> None:
    before = files(copy.parent)
    read_study(f"sqlite:///{copy}", "demo")
    list_studies(f"sqlite:///{copy}")
    assert files(copy.parent) == before


def test_reading_a_resting_file_in_wal_mode_changes_nothing(copy: Path) -> None:
    connection = sqlite3.connect(copy)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    before = files(copy.parent)
    assert set(before) == {"study.db"}
    assert len(read_study(f"sqlite:///{copy}", "demo").trials) == len(SPECS)
    assert files(copy.parent) == before


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_reading_while_it_is_written_sees_what_was_committed(copy: Path, mode: str) -> None:
    writer = sqlite3.connect(copy, isolation_level=None)
    writer.execute(f"PRAGMA journal_mode={mode}")
    writer.execute("UPDATE studies SET study_name = 'renamed' WHERE study_name = 'empty'")  # in the -wal file only
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM trials")
    before = set(files(copy.parent))
    try:
        assert list_studies(f"sqlite:///{copy}") == ("demo", "renamed")
        assert len(read_study(f"sqlite:///{copy}", "demo").trials) == len(SPECS)
        assert set(files(copy.parent)) == before
        writer.execute("COMMIT")  # the reader did not stand in the way
        assert read_study(f"sqlite:///{copy}", "demo").trials == ()
    finally:
        writer.close()


@contextlib.contextmanager
def read_only_folder(path: Path) -> Iterator[Path]:
    """The files beside `path` in a folder that this process cannot write to, as root neither."""
    if os.name != "posix":
        pytest.skip("a folder is made read-only by POSIX permissions")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        shutil.copytree(path.parent, folder)
        for file in folder.iterdir():
            file.chmod(0o444)
        Path(name).chmod(0o755)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            assert not os.access(folder, os.W_OK, effective_ids=True)
            yield folder / path.name
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_read_only_folder(copy: Path) -> None:
    with read_only_folder(copy) as path:
        assert snapshot(path).execute("SELECT count(*) FROM trials").fetchone() == (len(SPECS),)


@pytest.mark.parametrize("left", [("-wal", "-shm"), ("-wal",), ()])
def test_a_read_only_folder_with_what_a_killed_search_left(copy: Path, tmp_path: Path, left: tuple[str, ...]) -> None:
    writer = sqlite3.connect(copy)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("DELETE FROM trials WHERE number > 0")
    writer.commit()
    killed = tmp_path / "killed"
    killed.mkdir()
    for suffix in ("", *left):
        shutil.copy(f"{copy}{suffix}", killed / f"study.db{suffix}")
    writer.close()
    before = files(killed)
    assert snapshot(killed / "study.db").execute("SELECT count(*) FROM trials").fetchone() == (
        (1,) if left else (len(SPECS),)
    )
    assert files(killed).keys() == before.keys(), "nothing is created where it could be"
    with read_only_folder(killed / "study.db") as path:
        before = files(path.parent)
        found = snapshot(path).execute("SELECT count(*) FROM trials").fetchone()
        assert found == ((1,) if left else (len(SPECS),)), "the deletion is in the -wal file"
        assert files(path.parent) == before


def test_a_crashed_transaction_is_rolled_back_in_the_copy_only(copy: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(copy, isolation_level=None)
    writer.execute("PRAGMA cache_size=1")  # changed pages go to the file before the commit
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM trials")
    writer.execute("UPDATE trial_user_attributes SET value_json = hex(zeroblob(4000))")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for suffix in ("", "-journal"):
        shutil.copy(f"{copy}{suffix}", crashed / f"study.db{suffix}")
    writer.execute("ROLLBACK")
    writer.close()
    before = files(crashed)
    assert before["study.db"] != copy.read_bytes()
    assert len(read_study(f"sqlite:///{crashed / 'study.db'}", "demo").trials) == len(SPECS)
    assert files(crashed) == before


def fails(url: str, name: str = "demo") -> str:
    with pytest.raises(UserError) as caught:
        read_study(url, name)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    return message


def test_a_missing_file_is_named_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "study.db"
    assert f"no study database at {path}" in fails(f"sqlite:///{path}")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(b"these are not the bytes of a database, by no means" * 100)
    assert "is no SQLite database" in fails(f"sqlite:///{path}")


@pytest.mark.parametrize("keep", [100, 5000])
def test_a_truncated_database(copy: Path, keep: int) -> None:
    copy.write_bytes(copy.read_bytes()[:keep])
    assert "is damaged" in fails(f"sqlite:///{copy}")


def test_an_empty_file_and_somebody_elses_database(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.touch()
    assert "no Optuna storage" in fails(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE trials (number)")
    connection.close()
    assert "no Optuna storage" in fails(f"sqlite:///{path}")


def test_an_unknown_study_names_those_there(stored: Path) -> None:
    assert "no study 'dem'" in (message := fails(f"sqlite:///{stored}", "dem"))
    assert "demo, empty" in message


def test_a_study_of_another_program(stored: Path) -> None:
    assert "was not made by underbudget" in fails(f"sqlite:///{stored}", "stranger")


def test_a_study_of_a_newer_version(tmp_path: Path) -> None:
    url = make_study(tmp_path / "study.db", study_settings=settings(record_version=2))
    assert "made by a newer underbudget (record version 2, this one reads 1)" in fails(url)


@pytest.mark.parametrize("version", [None, "1", 0])
def test_a_study_without_a_sound_record_version(tmp_path: Path, version: object) -> None:
    url = make_study(tmp_path / "study.db", study_settings=settings(record_version=version))
    assert "has no record version" in fails(url)


def edit(path: Path, key: str, value: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE trial_user_attributes SET value_json = ? WHERE key = ? AND trial_id = 1", (value, key))
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("record", '{"record_version": 2}', "trial 0 of study 'demo' was made by a newer underbudget"),
        ("record", '{"record_version": 1}', "not as version 1 defines it"),
        ("record", '"text"', "not as version 1 defines it"),
        ("curve", "[[1, 2]]", "not as version 1 defines it"),
        ("result", '{"score": 99}', "not as version 1 defines it"),
        ("result", "{", "not as version 1 defines it"),
    ],
)
def test_a_trial_record_that_was_changed(copy: Path, key: str, value: str, says: str) -> None:
    edit(copy, key, value)
    assert says in fails(f"sqlite:///{copy}")


def test_a_schema_of_another_optuna(copy: Path) -> None:
    connection = sqlite3.connect(copy)
    connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    connection.commit()
    connection.close()
    assert "optuna" in fails(f"sqlite:///{copy}")


@pytest.mark.parametrize("url", ["runs/demo/study.db", "", "nonsense://host/db"])
def test_a_storage_that_is_no_database_url(url: str) -> None:
    fails(url)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in fails("postgresql+psycopg://user:secret@127.0.0.1:1/db")


def test_awkward_folder_names(stored: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a {b} #c ?d=e %20 ä"
    folder.mkdir()
    shutil.copy(stored, folder / "study.db")
    url = sqlalchemy.URL.create("sqlite", database=str(folder / "study.db")).render_as_string()
    assert read_study(url, "demo").name == "demo"
