"""A study on a PostgreSQL server: killed and resumed, two coordinators from different folders, a server that goes away.

Needs a server: UNDERBUDGET_POSTGRESQL names a database by whose rights others can be created, e.g.
postgresql://postgres:secret@127.0.0.1/postgres, and the driver psycopg is installed.
"""

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from faults import NAME, Stock, check_goal, instant, launched, request, search_instantly, stock

from underbudget.models.errors import UserError
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.study import locks
from underbudget.search.study.location import StudyLocation

SERVER = os.environ.get("UNDERBUDGET_POSTGRESQL", "")
pytestmark = pytest.mark.skipif(not SERVER, reason="PostgreSQL: set UNDERBUDGET_POSTGRESQL to the URL of a server")


@pytest.fixture
def url() -> Iterator[str]:
    """A database of its own on the server, dropped afterwards."""
    name = f"underbudget_{uuid.uuid4().hex}"
    run_sql(SERVER, f"CREATE DATABASE {name}")
    yield sqlalchemy.make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    run_sql(SERVER, f"DROP DATABASE {name} WITH (FORCE)")


def run_sql(server: str, statement: str) -> None:
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(statement))


def finished(study: Stock) -> dict[int, Any]:
    return {trial.number: trial for trial in study.trials if trial.state.is_finished()}


def check_kept(url: str, before: dict[int, Any]) -> None:
    after = finished(stock(url))
    assert {number: after.get(number) for number in before} == before


def test_a_killed_search_is_resumed_and_no_second_coordinator_comes_in(
    url: str, digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Real workers; the second coordinator comes from another runs folder."""
    here, there = tmp_path / "here", tmp_path / "there"
    assert search_instantly(request(here, digits, 2, storage=url)).reached
    before = finished(stock(url))
    with launched(request(here, digits, 500, storage=url, workers=1)) as launch:
        launch.until("epoch", epoch=2)
        with pytest.raises(UserError, match="is being searched by another process"):
            search_instantly(request(there, digits, 5, storage=url))
        assert run(["status", NAME, "--storage", url, "--runs", str(there)]) == 0
        assert "running now" in capfd.readouterr().out
        launch.process.kill()
        launch.process.wait()
        launch.check_gone()
    check_kept(url, before)
    assert [trial for trial in stock(url).trials if trial.state.name == "RUNNING"]
    assert run(["status", NAME, "--storage", url, "--runs", str(there)]) == 0
    shown = capfd.readouterr().out
    assert "killed" in shown
    assert sqlalchemy.make_url(url).password not in shown.split()
    goal = len(finished(stock(url))) + 2
    assert search_instantly(request(here, digits, goal, storage=url)).reached
    check_kept(url, before)
    check_goal(stock(url), here / NAME, goal)


def test_a_server_that_goes_away_breaks_the_search_off_and_it_is_resumed(
    url: str, digits: Dataset, tmp_path: Path
) -> None:
    with instant(request(tmp_path, digits, 1_000, storage=url), "pause = 0.02") as launch:
        launch.until("ended")
        before = finished(stock(url))
        name = sqlalchemy.make_url(url).database
        run_sql(SERVER, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        errors = launch.end(1)
    assert errors.startswith("error: the search was broken off (")
    assert "trials stored so far are kept, mend that and launch again" in errors
    assert errors.count("\n") == 1
    check_kept(url, before)
    goal = len(finished(stock(url))) + 2
    assert search_instantly(request(tmp_path, digits, goal, storage=url)).reached
    check_goal(stock(url), tmp_path / NAME, goal)


def test_the_lock_outlives_the_server_s_limit_for_idle_connections(url: str, tmp_path: Path) -> None:
    name = sqlalchemy.make_url(url).database
    run_sql(url, f"ALTER DATABASE {name} SET idle_session_timeout = '200ms'")
    one, other = (StudyLocation(NAME, tmp_path / folder, url) for folder in ("one", "other"))
    for location in (one, other):
        location.folder.mkdir()
    with locks.held(one):
        time.sleep(0.8)
        assert locks.is_held(other)
        with pytest.raises(UserError, match="is being searched by another process"), locks.held(other):
            pytest.fail("two coordinators on one study")
        with locks.held(StudyLocation("another", tmp_path / "other", url)):
            pass  # another study of the same database
    assert not locks.is_held(other)
    with locks.held(other):
        assert locks.is_held(one)
