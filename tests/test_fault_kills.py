"""SIGKILL to the coordinator, with early stopping: a sample of what `make campaign` does many times."""

from pathlib import Path
from typing import Any

import pytest
import simulated
from kills import kill_and_resume, search

TRIALS = 12
PAUSE = 0.01  # seconds per message: the search takes longer than the latest kill waits, on any machine


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What a search that nobody kills proposes, and what becomes of it."""
    folder = tmp_path_factory.mktemp("whole")
    search(folder, TRIALS, "mo-asha")
    return simulated.proposals(folder)


def test_the_search_that_is_killed_stops_trials_early(whole: list[Any]) -> None:
    states = [state for _, _, state, _ in whole]
    assert states.count("PRUNED") >= 3
    assert states.count("COMPLETE") >= 2


@pytest.mark.parametrize("seconds", [0.0, 0.07, 0.15, 0.24, 0.33])
def test_a_search_that_was_killed_ends_as_one_that_was_not(seconds: float, whole: list[Any], tmp_path: Path) -> None:
    result = kill_and_resume(tmp_path, TRIALS, "mo-asha", seconds, PAUSE, whole)
    assert result["kept"]
    assert result["trained"] == TRIALS
    assert result["as_uninterrupted"]
