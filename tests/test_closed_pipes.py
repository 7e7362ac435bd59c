"""A reader that has seen enough, as `| head -1` has, ends a program without a word."""

import subprocess
import sys
from pathlib import Path

import pytest
from exports import export_of, small

from underbudget.models.export.python import source


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
