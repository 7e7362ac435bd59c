"""Kills, interrupts and moves of real searches: a sample of what `make campaign` does hundreds of times."""

from pathlib import Path

import attacks
import pytest

from underbudget.search.data.store import Dataset


@pytest.fixture(scope="module")
def whole(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search that nobody kills."""
    runs = tmp_path_factory.mktemp("whole")
    attacks.search(runs, digits)
    return runs / attacks.NAME


@pytest.mark.parametrize("unit", [3, 4])
def test_killed(unit: int, whole: Path, digits: Dataset, tmp_path: Path) -> None:
    done = attacks.kill(unit, tmp_path / "runs", digits, whole)
    assert done["killed"] == ["coordinator", "worker"][unit % 3]


@pytest.mark.parametrize("unit", [1, 2])
def test_interrupted(unit: int, digits: Dataset, tmp_path: Path) -> None:
    assert len(attacks.interrupt(unit, tmp_path / "runs", digits)["signals"]) == unit + 1


@pytest.mark.parametrize("unit", [2, 6])
def test_moved(unit: int, digits: Dataset, tmp_path: Path) -> None:
    assert attacks.move(unit, tmp_path / "runs", digits)["what"] == {2: "folder deleted", 6: "lock deleted"}[unit]
