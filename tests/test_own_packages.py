"""A user's own packages `models`, `search`, `reports` and `budget` are imported beside ours, in one process."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import underbudget
from underbudget.search.data.store import Dataset

NAMES = ("models", "search", "reports", "budget")
SMALL = {"width": [4, 6], "n_before": [1, 2], "n_after": [1, 2]}
CODE = """\
import sys
sys.path.insert(0, {project!r})
from underbudget import launch
import models.mine, search.mine, reports.mine, budget.mine
study = launch("mine", dataset="digits", data_dir={data!r}, runs={runs!r}, trials=1, epochs=1, workers=1,
               batch_size=64, space={space!r})
import models, underbudget.models.plan
assert underbudget.models is not models
print(models.mine.NAME, search.mine.NAME, reports.mine.NAME, budget.mine.NAME, study.best.score)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a package of each name."""
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "mine.py").write_text(f"NAME = 'my-{name}'\n")
    return tmp_path


def code(project: Path, digits: Dataset) -> str:
    return CODE.format(
        project=str(project), data=str(digits.folder.parents[1]), runs=str(project / "runs"), space=SMALL
    )


def check(printed: str) -> None:
    *names, score = printed.split()
    assert names == [f"my-{name}" for name in NAMES]
    assert 0 <= float(score) <= 100


def environment() -> dict[str, str]:
    """Where a checkout is not installed, subprocesses find it too; the project itself may shadow nothing of it."""
    return {**os.environ, "PYTHONPATH": str(Path(underbudget.__file__).parents[1])}


def test_in_a_script_without_a_main_guard(project: Path, digits: Dataset) -> None:
    (project / "script.py").write_text(code(project, digits))
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    check(done.stdout)


def test_in_a_notebook(project: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code(project, digits))])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(project)}}).execute()
    printed = [output.text for output in notebook.cells[0].outputs if output.get("name") == "stdout"]
    check("".join(printed))


def test_the_command_in_the_projects_folder(project: Path) -> None:
    for arguments in (["-m", "underbudget", "--version"], ["-m", "underbudget.budget", "saish-m4"]):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=project, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
