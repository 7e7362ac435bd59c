"""The wheel: what is in it, and that it works in a virtual environment of its own."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import underbudget

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("models", "budget", "reports", "search")
DATA = (".c", ".h", ".tsv", ".html", ".css", ".js", ".json")  # kinds of files that belong to the packages, besides .py


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since setuptools builds in the source folder."""
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in (*PACKAGES, "src", "tests", "docs"):
        shutil.copytree(ROOT / folder, source / folder, symlinks=True)
    for pattern in ("*.py", "*.toml", "*.md", "LICENSE"):
        for file in ROOT.glob(pattern):
            shutil.copy(file, source)
    command = ["wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(output), str(source)]
    run([sys.executable, "-m", "pip", *command], source)
    return next(output.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the executables of a virtual environment that has the wheel.

    The dependencies are those of the running environment, by a path file: it adds their folder, but not what path
    files in there add, so that an editable install of the checkout is out of sight.
    """
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder)
    executables = folder / ("Scripts" if os.name == "nt" else "bin")
    python = str(executables / "python")
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", str(wheel)], folder)
    torch = importlib.util.find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    site_packages = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    (Path(site_packages) / "dependencies.pth").write_text(f"{Path(torch.origin).parent.parent}\n")
    return executables


def run(command: list[str], folder: Path) -> str:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    kept = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert {Path(name).suffix for name in kept} <= {".py", *DATA}
    above = {"__init__.py", "__main__.py", "version.py", "py.typed"}
    assert names == {f"underbudget/{name}" for name in kept | above}


def test_the_wheel_names_licence_version_and_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = f"underbudget-{underbudget.__version__}.dist-info"
        metadata = archive.read(f"{folder}/METADATA").decode()
        assert b"underbudget = underbudget.__main__:main" in archive.read(f"{folder}/entry_points.txt")
        assert b"MIT License" in archive.read(f"{folder}/licenses/LICENSE")
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata


def test_an_installed_one_is_complete(environment: Path, tmp_path: Path) -> None:
    names = ["underbudget", *(f"underbudget.{package}" for package in PACKAGES)]
    code = f"import {', '.join(names)}; print(*({', '.join(names)}), sep='\\n')"
    where = run([str(environment / "python"), "-c", code], tmp_path)
    assert where.count(str(environment.parent)) == len(names)
    assert str(ROOT) not in where
    assert run([str(environment / "underbudget"), "--version"], tmp_path).split()[-1] == underbudget.__version__
    assert "7,600" in run([str(environment / "python"), "-m", "underbudget.budget", "saish-m4"], tmp_path)
