"""A reader that has seen enough, as `| head -1` has, and a full disk: a program ends without a word or with one line, a
search goes on."""

import subprocess
import sys
from pathlib import Path

import pytest
import simulated
from exports import export_of, small
from faults import SMALL

from underbudget.models.export.python import source
from underbudget.search.data.store import Dataset

FULL = Path("/dev/full")  # every write to it finds the disk full


def closed_early(command: list[str]) -> tuple[int, str]:
    """Exit code and standard error of a program whose reader closes the pipe before anything is written."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    return process.wait(), said


@pytest.mark.parametrize("words", [["references"], ["show", "saish-m4", "--json"], ["--help"]], ids=" ".join)
def test_of_the_command_line(words: list[str]) -> None:
    code, said = closed_early([sys.executable, "-P", "-m", "underbudget", *words])
    assert said == ""
    assert code == 1


def test_of_an_exported_file(tmp_path: Path) -> None:
    file = tmp_path / "winner.py"
    file.write_text(source(export_of(small())))
    assert closed_early([sys.executable, str(file), "--info"]) == (1, "")


@pytest.mark.skipif(not FULL.exists(), reason="/dev/full: Linux only")
def test_a_command_whose_output_finds_no_room_says_so() -> None:
    command = [sys.executable, "-P", "-m", "underbudget", "references"]
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: standard output was lost (No space left on device): all but what is shown was done\n"


@pytest.mark.parametrize("redirected", [">&-", "2>/dev/full"])
def test_a_command_without_its_streams_ends_as_ever(redirected: str) -> None:
    for words, code in (("references", 0), ("show nothing-like-it", 2)):
        command = f"{sys.executable} -P -m underbudget {words} {redirected}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("lost", "progress"), [("pipe", "plain"), ("full", "json")])
def test_a_search_outlives_its_display(lost: str, progress: str, digits: Dataset, tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text("[space]\n" + "".join(f"{name} = {value}\n" for name, value in SMALL.items()))
    command = [sys.executable, str(Path(__file__).with_name("instant.py")), "launch", "toy", "--dataset", "digits"]
    command += ["--trials", "5", "--epochs", "2", "--engine", "in-process", "--config", str(space)]
    command += ["--runs", str(tmp_path), "--data-dir", str(digits.folder.parents[1]), "--progress", progress]
    if lost == "pipe":
        code, said = closed_early(command)
        assert said == ""
    elif not FULL.exists():
        pytest.skip("/dev/full: Linux only")
    else:
        with FULL.open("w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        code, said = done.returncode, done.stderr
        assert said.startswith("error: standard output was lost (No space left on device)")
    assert code == 1
    study = simulated.stored(tmp_path / "toy")
    assert sum(trial.state.name == "COMPLETE" for trial in study.trials) == 5
    assert "the session ends: 5 trials are done" in (tmp_path / "toy" / "launch.log").read_text()
