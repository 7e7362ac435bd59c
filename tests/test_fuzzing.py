"""Mutated inputs for every parser and every file that is read (fuzzing.py), as many as a few seconds allow."""

from pathlib import Path

import fuzz_targets
import fuzzing
import pytest

from underbudget.models.errors import UnderbudgetError

MOST = 200  # inputs of a target


def test_every_input_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    targets = fuzz_targets.targets(tmp_path)
    found = fuzzing.attack(targets, seconds=1200, seed=1, most=MOST)
    assert found.faults == [], "\n".join(found.lines())
    assert found.tried == {target.name: MOST * target.share for target in targets}
    # Mutations leave some inputs valid: more than the first check of a parser is reached.
    assert all(found.accepted.values())


def test_json_nested_deeper_than_python_reads_is_refused(tmp_path: Path) -> None:
    by_name = {target.name: target for target in fuzz_targets.targets(tmp_path)}
    for name in ("dataset.json", "config.json", "samples.json", "run"):
        for text in ("[" * 100_000, '{"a":' * 100_000):
            with pytest.raises(UnderbudgetError):
                by_name[name].read(text)
    assert by_name["mistakes.json"].read("[" * 100_000) is None


def test_half_a_surrogate_pair_is_no_name(tmp_path: Path) -> None:
    target = next(target for target in fuzz_targets.targets(tmp_path) if target.name == "dataset.json")
    header = target.inputs[0]
    for name in ("name", "title", "checksum"):
        with pytest.raises(UnderbudgetError):
            target.read({**header, "info": {**header["info"], name: "\ud800"}})
    images = header["files"]["train-images.npy"]
    with pytest.raises(UnderbudgetError):
        target.read({**header, "files": {**header["files"], "train-images.npy": {**images, "sha256": "\ud800"}}})
    target.read(header)


def test_a_fault_is_found() -> None:
    target = fuzzing.Target("number", ("1", "22"), int)
    found = fuzzing.attack([target], seconds=60, most=50)
    assert found.faults
    assert found.faults[0][0] == "number"
    assert found.faults[0][2].startswith("ValueError: ")
    again = fuzzing.attack([target], seconds=60, most=50)
    assert again.faults == found.faults
