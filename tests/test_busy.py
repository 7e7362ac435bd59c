"""Workers that are busy: how it is measured, and that a slow coordinator or database does not stall them."""

from pathlib import Path

import pytest
import sleepers
from test_stop import until

from underbudget.search.engines.job import Finished
from underbudget.search.engines.occupancy import Occupancy
from underbudget.search.engines.processes import ProcessesEngine, ahead


def test_the_share_is_of_the_time_from_the_first_job_to_the_last_submission() -> None:
    """Two places; the window is 10 to 20: 10 and 7 of 2 x 10 seconds, worked out by hand."""
    occupancy = Occupancy()
    assert occupancy.share(2, [], 30) is None
    occupancy.submitted(9)
    assert occupancy.share(2, [], 30) is None
    occupancy.ran(10, 18)
    assert occupancy.share(2, [], 30) is None  # nothing was submitted since it began
    occupancy.ran(11, 16)
    occupancy.submitted(20)
    occupancy.ran(18, 25)  # 2 of them in the window
    assert occupancy.share(2, [18], 30) == pytest.approx((8 + 5 + 2 + 2) / 20)
    assert occupancy.share(1, [], 30) == 1.0  # never more


def test_a_free_place_takes_the_next_job_while_the_coordinator_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody calls `wait`, as while a database is slow: what waits ready is begun and ended all the same."""
    sleepers.pretend(tmp_path, monkeypatch)
    for workers in (1, 2, 8):
        engine = ProcessesEngine(workers)
        try:
            assert engine.slots == workers + ahead(workers)
            for trial in range(engine.slots):
                engine.submit(sleepers.job(trial, seconds=0.05))
            until(lambda engine=engine: engine._news.qsize() == 2 * engine.slots)  # type: ignore[misc]
            said = engine.wait(0)
            assert sorted(message.trial for message in said if isinstance(message, Finished)) == [*range(engine.slots)]
        finally:
            engine.close()


def test_busy_workers_are_measured_as_busy_and_idle_ones_as_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleepers.pretend(tmp_path, monkeypatch)
    engine = ProcessesEngine(1)
    try:
        engine.submit(sleepers.job(1, seconds=1.0))
        until(lambda: engine._news.qsize() == 2)
        engine.submit(sleepers.job(2, seconds=0.2))
        busy = engine.busy_share()
        assert busy is not None
        assert busy > 0.8
        until(lambda: engine._news.qsize() == 4)
        shares = []
        for _ in range(3):  # without new work the share falls with every look at a later submission
            until(lambda: not engine._workers[0].tasks)
            engine._occupancy.submitted(engine._occupancy._last_submission + 1)
            shares.append(engine.busy_share())
        assert shares == sorted(shares, reverse=True)  # type: ignore[type-var]
        assert len(set(shares)) == 3
    finally:
        engine.close()
