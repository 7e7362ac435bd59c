"""The set-up by make stops with one line, goes on after an interruption, and leaves a finished environment alone."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FILES = ("Makefile", "pyproject.toml", "constraints.txt")
# Stands for python: makes an environment with itself in it, writes down what it is asked, fails as files beside it say.
STUB = """#!/bin/sh
case "$*" in
-c*) exit 0 ;;
"-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && exit ;;
esac
echo "$*" >> asked.txt
case "$*" in
*" uv") [ ! -e no-uv ] || { echo "ERROR: no uv"; exit 1; } ;;
"-m uv"*) echo " + torch==2.15.0"; [ ! -e uv-fails ] || { echo "error: no index"; exit 1; } ;;
*) echo "Collecting torch"; [ ! -e pip-fails ] || { echo "ERROR: no space left"; exit 1; } ;;
esac
"""
UV = ["-m pip install -qq -c constraints.txt uv", "-m uv pip install -c constraints.txt -e .[dev]"]
PIP = "-m pip install -c constraints.txt -e .[dev]"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the files that the set-up reads, and `stub`, which passes for a Python."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    (folder / "stub").write_text(STUB)
    (folder / "stub").chmod(0o755)
    return folder


def make(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run make as from a terminal: the tests themselves may have been started by one."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=inherited, capture_output=True, text=True, check=False
    )


def set_up(checkout: Path) -> list[str]:
    """What the stub was asked to install by `make set-up`, which must succeed."""
    done = make(checkout, "set-up", "PYTHON=./stub")
    assert done.returncode == 0, done.stdout + done.stderr
    asked = checkout / "asked.txt"
    lines = asked.read_text().splitlines() if asked.exists() else []
    asked.unlink(missing_ok=True)
    return lines


@pytest.mark.parametrize("target", ["demo", "test"])
def test_an_old_python_is_refused_with_one_line(checkout: Path, target: str) -> None:
    (checkout / "old").write_text(
        '#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[1])" "$2"\n'
    )
    (checkout / "old").chmod(0o755)
    done = make(checkout, target, "PYTHON=./old")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert lines == [
        "error: Python 3.11 or newer is needed, ./old is 3.9: name another one, e.g. make demo PYTHON=python3.12"
    ]
    assert not (checkout / ".venv").exists()


def test_a_missing_python_is_named(checkout: Path) -> None:
    done = make(checkout, "test", "PYTHON=python-that-is-not-there")
    assert done.returncode != 0
    assert done.stderr.startswith("error: no python-that-is-not-there found: install Python 3.11 or newer")


def test_a_finished_environment_is_left_alone(checkout: Path) -> None:
    assert set_up(checkout) == UV
    for name in FILES:
        (checkout / name).touch()  # as a fresh clone has them beside a cached environment
    assert set_up(checkout) == []
    done = make(checkout, "set-up", "PYTHON=./stub")
    assert (done.stdout, done.stderr) == ("", "")


def test_changed_requirements_and_a_moved_checkout_are_installed_anew(checkout: Path) -> None:
    assert set_up(checkout) == UV
    for name in ("pyproject.toml", "constraints.txt"):
        old = (checkout / name).stat()
        with (checkout / name).open("a") as file:
            file.write("\n# changed\n")
        os.utime(checkout / name, ns=(old.st_atime_ns, old.st_mtime_ns))
        assert set_up(checkout) == UV
        assert set_up(checkout) == []
    moved = checkout.rename(checkout.with_name("moved"))
    assert set_up(moved) == UV
    assert len(list((moved / ".venv").glob("installed-*"))) == 1


def test_an_interrupted_installation_is_taken_up_without_half_installed_packages(checkout: Path) -> None:
    (checkout / "uv-fails").touch()
    (checkout / "pip-fails").touch()
    done = make(checkout, "set-up", "PYTHON=./stub")
    assert done.returncode != 0
    assert done.stdout.splitlines() == [
        "Installing into .venv: about 6 GB, most of it torch with CUDA, in a few minutes",
        "error: no index",
        "Going on with pip, which is slower than uv",
        "ERROR: no space left",
    ]
    assert done.stderr.startswith("error: the installation is not complete: the same command again goes on from here")
    packages = checkout / ".venv" / "lib" / "python3.11" / "site-packages"
    for name in ("whole-1.0.dist-info", "half-1.0.dist-info"):
        (packages / name).mkdir(parents=True)
    (packages / "whole-1.0.dist-info" / "INSTALLER").touch()
    (checkout / "uv-fails").unlink()
    (checkout / "asked.txt").unlink()
    assert set_up(checkout) == UV
    assert [path.name for path in packages.iterdir()] == ["whole-1.0.dist-info"]


@pytest.mark.parametrize("missing", ["no-uv", "uv-fails"])
def test_pip_does_it_where_uv_cannot(checkout: Path, missing: str) -> None:
    (checkout / missing).touch()
    assert set_up(checkout)[-1] == PIP
    assert set_up(checkout) == []


def test_the_constraints_hold_everywhere() -> None:
    """Pins only: no address, no path, no digest, nothing that exists on Linux only."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert {"torch==2.15.0", "torchvision==0.29.2"} <= set(lines)
    for line in lines:
        name, equals, version = line.partition("==")
        assert equals, line
        assert re.fullmatch(r"[A-Za-z0-9]+([-_.][A-Za-z0-9]+)*", name), line
        assert not set(version) - set("0123456789.post"), line
        assert not name.lower().startswith(("nvidia", "cuda", "triton")), line


def test_every_needed_package_is_pinned() -> None:
    """All that pyproject.toml asks for, and what that asks for, as the installed packages say."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"]["dev"])]
    needed: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name == "underbudget":  # dev asks for our own extras
            waiting += [
                Requirement(text) for extra in requirement.extras for text in project["optional-dependencies"][extra]
            ]
            continue
        here = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if here and name not in needed and not name.startswith(("nvidia-", "cuda-", "triton")):
            needed.add(name)
            waiting += [Requirement(text) for text in importlib.metadata.requires(name) or ()]
    pinned = {
        canonicalize_name(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    assert needed <= pinned


def test_debian_packages_are_named_where_they_cannot_be_installed(checkout: Path) -> None:
    done = make(checkout, "test-tools", "TEST_PACKAGES=")
    assert (done.returncode, done.stdout) == (0, "test-tools: nothing to install\n")
    tools = checkout / "tools"
    tools.mkdir()
    for name, text in (("id", "echo 1000"), ("dpkg-query", '[ "$4" = there ] && echo "install ok installed"')):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    search = f"PATH={tools}:/usr/bin:/bin"
    assert make(checkout, "test-tools", "TEST_PACKAGES=there", search).stdout == "test-tools: nothing to install\n"
    done = make(checkout, "test-tools", "TEST_PACKAGES=there absent", search)
    assert done.returncode != 0
    assert done.stderr.startswith("error: tests need the Debian packages absent: as root, apt-get install absent\n")


def test_make_alone_lists_the_targets(checkout: Path) -> None:
    targets = [line.split()[1] for line in make(checkout).stdout.splitlines()]
    assert targets == ["demo", "test", "check", "bench", "campaign", "test-tools", "set-up"]
