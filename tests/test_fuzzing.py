"""Mutated inputs for every parser and every file that is read (fuzzing.py), as many as a few seconds allow."""

from pathlib import Path

import fuzzing
import pytest


@pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning"
)  # Pillow's, of pictures
def test_every_input_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    found = fuzzing.attack(fuzzing.targets(tmp_path), seconds=600, seed=1, most=500)
    assert found.faults == [], "\n".join(found.lines())
    assert set(found.tried.values()) == {500}
    assert found.accepted["config.json"] > 10  # mutations leave some inputs valid: more than the first check is reached


def test_a_fault_is_found() -> None:
    target = fuzzing.Target("number", ("1", "22"), int)
    found = fuzzing.attack([target], seconds=60, most=50)
    assert found.faults
    assert found.faults[0][0] == "number"
    assert found.faults[0][2].startswith("ValueError: ")
    again = fuzzing.attack([target], seconds=60, most=50)
    assert again.faults == found.faults
