"""The commands of the README are run as they stand."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import underbudget
from underbudget.search.data.store import Dataset

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(words: str) -> list[str]:
    """The lines of the one bash block that holds `words`."""
    (block,) = [block for block in blocks("bash") if words in block]
    return block.splitlines()


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """An empty folder, and an environment in which `underbudget` and `python` are this checkout's."""
    folder = tmp_path_factory.mktemp("readme")
    programs = folder / "bin"
    programs.mkdir()
    start = f'#!/bin/sh\nexec "{sys.executable}" -P'
    (programs / "underbudget").write_text(f'{start} -m underbudget "$@"\n')
    (programs / "python").write_text(f'{start} "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return folder, {**os.environ, "PATH": path, "PYTHONPATH": str(Path(underbudget.__file__).parents[1])}


def run(line: str, shell: tuple[Path, dict[str, str]], data: Path) -> str:
    folder, environment = shell
    environment = {**environment, "UNDERBUDGET_DATA": str(data)}
    done = subprocess.run(shlex.split(line), cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert done.stderr == "", line
    return done.stdout


def test_the_first_search(shell: tuple[Path, dict[str, str]], digits: Dataset) -> None:
    lines = commands("launch first")
    assert lines[0] == "source .venv/bin/activate"
    output = [run(line, shell, digits.folder.parents[1]) for line in lines[1:]]
    assert "4 trained," in output[0]
    assert "target 90 %" in output[0]
    assert (shell[0] / "runs" / "first" / "report" / "index.html").is_file()
    assert (shell[0] / "winner.py").is_file()


def test_networks_in_one_line(shell: tuple[Path, dict[str, str]], digits: Dataset) -> None:
    for line in commands("underbudget references"):
        assert run(line, shell, digits.folder.parents[1])


def test_searches_on_mnist(shell: tuple[Path, dict[str, str]], mnist_dir: Path) -> None:
    for line in commands("--start-from references"):
        assert 'dataset = "mnist"' in run(line, shell, mnist_dir)


def test_from_python(shell: tuple[Path, dict[str, str]], digits: Dataset) -> None:
    (block,) = blocks("python")
    (shell[0] / "example.py").write_text(block)
    assert "score" in run("python example.py", shell, digits.folder.parents[1])
    assert (shell[0] / "fashion.py").is_file()


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_are_quoted_with_double_quotes_only() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for line in re.findall(r"^.*underbudget (?:launch|show|export|report|status).*$", text, re.MULTILINE):
            assert "'" not in line.partition("underbudget ")[2].partition("#")[0].partition("`")[0], line


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_two_commands_are_targets_of_the_makefile() -> None:
    for target in ("demo", "test"):
        assert f"make {target} " in README
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
