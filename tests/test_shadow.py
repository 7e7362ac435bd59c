"""Another package of the same name as one of ours is named, with where it is, before anything fails far from there."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import underbudget

ROOT = Path(underbudget.__file__).resolve().parent
CHECK = "import underbudget; underbudget.check_not_shadowed()"


def run(arguments: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run Python in `folder`, which comes before the checkout on the path."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def test_ours_are_found() -> None:
    underbudget.check_not_shadowed()
    assert (ROOT / "search" / "commands").is_dir()


@pytest.mark.parametrize("name", underbudget.PACKAGES)
@pytest.mark.parametrize("shape", ["{}.py", "{}/__init__.py"])
def test_another_one_is_named_on_one_line(tmp_path: Path, name: str, shape: str) -> None:
    other = tmp_path / shape.format(name)
    other.parent.mkdir(exist_ok=True)
    other.write_text("raise SystemExit('the other one was imported')")
    done = run(["-m", "underbudget", "--version"], tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: underbudget needs its own package '{name}' of {ROOT}, but Python finds ")
    assert str(other if shape == "{}.py" else other.parent) in done.stderr


def test_a_plain_folder_is_no_other_one(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    done = run(["-c", CHECK], tmp_path)
    assert done.returncode == 0, done.stderr


def test_one_imported_earlier_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reports", ModuleType("reports"))
    with pytest.raises(underbudget.ShadowedError, match="own package 'reports'"):
        underbudget.check_not_shadowed()
