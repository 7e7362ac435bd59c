"""The set-up stops with one line, goes on after an interruption, and leaves a finished environment alone."""

import ast
import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import setup_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setup_environment import Environment, SetupError

ROOT = Path(__file__).resolve().parent.parent
FILES = ("Makefile", "setup_environment.py", "pyproject.toml", "constraints.txt")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def environment(checkout: Path) -> Environment:
    """An environment whose pip is not whole, as an interrupted set-up leaves it."""
    environment = Environment(checkout)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment.folder)], check=True)
    (site_packages(environment) / "pip-99.0.dist-info").mkdir()
    return environment


def site_packages(environment: Environment) -> Path:
    return next(environment.folder.glob("[Ll]ib/**/site-packages"))


def make(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run make as from a terminal: the tests themselves may have been started by one."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=inherited, capture_output=True, text=True, check=False
    )


def test_an_old_python_understands_the_script() -> None:
    ast.parse((ROOT / "setup_environment.py").read_text(), feature_version=(3, 6))


def test_an_old_python_is_refused() -> None:
    setup_environment.check_python((3, 11, 0))
    setup_environment.check_python((4, 0, 0))
    with pytest.raises(SetupError, match=r"^Python 3.11 or newer is needed, .* is 3\.10: .*PYTHON=python3\.13$"):
        setup_environment.check_python((3, 10, 14), "python3.13")


def test_a_missing_module_is_named() -> None:
    present: Callable[[str], object] = {"venv": 1}.get
    with pytest.raises(SetupError, match=r"has no module ensurepip: install it .*python3\.\d+-venv"):
        setup_environment.check_modules(present)


def test_the_disk_must_hold_what_is_not_there_yet() -> None:
    needed, with_cache = setup_environment.NEEDED, setup_environment.NEEDED_WITH_CACHE
    assert not setup_environment.check_disk(ROOT, needed, 0)
    assert setup_environment.check_disk(ROOT, with_cache, 0)
    assert setup_environment.check_disk(ROOT, with_cache - 1e9, 1e9)
    with pytest.raises(SetupError, match=r"GB of free disk are needed in .*, there are 1\.5 GB"):
        setup_environment.check_disk(ROOT, 1.5e9, 1e9)


def test_what_is_announced_is_what_is_missing() -> None:
    assert setup_environment.announcement(ROOT, 0).startswith(f"Setting up {ROOT}: the pinned packages take about ")
    assert setup_environment.announcement(ROOT, setup_environment.INSTALLED) == f"Bringing {ROOT} up to date."


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("import sys; sys.version_info = (3, 9, 2, 'final', 0)", "is 3.9: give another one"),
        ("import importlib.util; importlib.util.find_spec = lambda name: None", "has no module venv and ensurepip"),
        ("import shutil; shutil.disk_usage = lambda path: type('', (), {'free': 2e9})", "there are 2.0 GB"),
    ],
)
@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_stops_with_one_line(checkout: Path, before: str, said: str, target: str) -> None:
    stub = checkout / "stub"
    code = f"import sys, runpy; {before}; runpy.run_path(sys.argv[1], run_name='__main__')"
    stub.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    stub.chmod(0o755)
    done = make(checkout, target, f"PYTHON={stub}")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1
    assert said in lines[0]
    assert not (checkout / ".venv").exists()


def test_make_names_a_missing_python(checkout: Path) -> None:
    done = make(checkout, "test", "PYTHON=python-that-is-not-there")
    assert done.returncode != 0
    assert done.stderr.startswith("error: no python-that-is-not-there found: install Python 3.11 or newer")


def test_make_goes_on_and_fails_with_one_line(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says first what it installs and mends pip, which then finds no package to install."""
    checkout = environment.root
    assert environment.python_version() is None
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    done = make(checkout, "set-up", f"PYTHON={sys.executable}")
    assert done.returncode != 0
    assert done.stdout.startswith(f"Setting up {checkout / '.venv'}: the pinned packages take about ")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "pip could not install the packages (its exit code is 1" in errors[0]
    assert "No matching distribution" in (checkout / ".venv" / "install.log").read_text()
    assert "  removed half-installed pip-99.0.dist-info" in done.stdout
    assert environment.python_version() == sys.version_info[:3]
    assert not environment.is_complete()
    assert not (checkout / ".venv" / "tmp").exists()


def test_a_finished_environment_is_left_alone(environment: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    (site_packages(environment) / "pip.py").touch()
    version = environment.python_version()
    assert not environment.is_complete()
    assert version == sys.version_info[:3]
    environment.stamp.write_text(setup_environment.fingerprint(environment.root, str(version)))
    assert environment.is_complete()
    setup_environment.set_up(environment.root)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_what_is_asked_for_and_where_makes_a_difference(checkout: Path, name: str) -> None:
    before = setup_environment.fingerprint(checkout, "3.11.7")
    assert before != setup_environment.fingerprint(checkout, "3.12.0")
    (checkout / name).write_text("other")
    assert before != setup_environment.fingerprint(checkout, "3.11.7")
    for file in FILES:
        shutil.copy(ROOT / file, checkout)
    assert before == setup_environment.fingerprint(checkout, "3.11.7")
    moved = checkout.parent / f"{checkout.name}-moved"
    checkout.rename(moved)
    assert before != setup_environment.fingerprint(moved, "3.11.7")


def test_a_half_installed_package_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    for name in ("whole-1.0.dist-info", "half-1.0.dist-info", "~orch", "orch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "METADATA").touch()
    (tmp_path / "whole-1.0.dist-info" / "INSTALLER").touch()
    (tmp_path / "~ix.py").touch()
    assert setup_environment.forget_half_installed(tmp_path) == ["half-1.0.dist-info", "~ix.py", "~orch"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orch", "whole-1.0.dist-info"]


def test_progress_names_what_is_large_and_goes_on_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "Collecting torch==2.15.0 (from underbudget)",
        "  Downloading torch-2.15.0-cp311.whl (1.2 GB)",
        "Collecting bottle (from underbudget)",
        "  Using cached bottle-0.13.4-py3.whl (104 kB)",
        "",
        "Installing collected packages: torch, bottle",
        "",
        "ERROR: no space",
    ]
    counts = iter((5, 6))
    log = io.StringIO()
    setup_environment.show_progress(iter(lines), log, lambda: next(counts))
    shown = capsys.readouterr()
    said = [line.rpartition(",")[0] if line.endswith(" s") else line for line in shown.out.splitlines()]
    assert said == [
        "  fetching torch-2.15.0-cp311.whl (1,200 MB)",
        "  2 packages found, 1,200 MB fetched or under way",
        "  packages to unpack: 2 (1,200 MB fetched)",
        "  1 of 2 packages unpacked",
    ]
    assert shown.err == "  ERROR: no space\n"
    assert log.getvalue().splitlines() == [line for line in lines if line]


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
