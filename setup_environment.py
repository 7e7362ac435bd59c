"""Makes the virtual environment .venv and installs the pinned dependencies into it; the Makefile calls this first.

Standard library only, in the syntax of Python 3.6, so that an old Python is answered with a sentence. A stamp is
written last: an interrupted installation is taken up where it stopped, a finished one is left alone.
"""

import hashlib
import importlib.util
import os
import platform
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Callable, Iterator, List, Optional, Tuple

MINIMUM_PYTHON = (3, 11)
GB = 1e9
ON_LINUX = platform.system() == "Linux"
# Measured on Linux with Python 3.11; elsewhere torch comes without CUDA, these are guesses on the safe side.
INSTALLED = 6.3 * GB if ON_LINUX else 2 * GB  # .venv when finished
FETCHED = 2.7 * GB if ON_LINUX else 1 * GB  # archives
NEEDED = INSTALLED + FETCHED
NEEDED_WITH_CACHE = NEEDED + FETCHED  # pip keeps a copy of what it fetches
HEARTBEAT = 10  # seconds of silence after which a line says that work goes on
WORTH_A_LINE = 20.0  # MB of a download


class SetupError(Exception):
    """The set-up can't go on; the message says why and what to do, on one line."""


def check_python(version: Tuple[int, ...] = sys.version_info[:3], newer: Optional[str] = None) -> None:
    """Raise SetupError for a Python that is too old. `newer` is the command of one that would do, if there is one."""
    if tuple(version[:2]) < MINIMUM_PYTHON:
        raise SetupError(
            f"Python {MINIMUM_PYTHON[0]}.{MINIMUM_PYTHON[1]} or newer is needed, {sys.executable} is "
            f"{version[0]}.{version[1]}: give another one, e.g. make demo PYTHON={newer or '/path/to/python3.12'}"
        )


def newer_python() -> Optional[str]:
    """Command of an installed Python that is new enough, e.g. "python3.12"."""
    for minor in range(20, MINIMUM_PYTHON[1] - 1, -1):
        command = f"python3.{minor}"
        # A version manager's stand-in may be found and yet not run.
        if shutil.which(command) and subprocess.call([command, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return command
    return None


def check_modules(find: Callable[[str], object] = importlib.util.find_spec) -> None:
    """Raise SetupError when this Python can't make virtual environments. Debian packs ensurepip separately."""
    missing = [name for name in ("venv", "ensurepip") if find(name) is None]
    if missing:
        raise SetupError(
            f"{sys.executable} has no module {' and '.join(missing)}: install it (Debian and Ubuntu: apt install "
            f"python{sys.version_info[0]}.{sys.version_info[1]}-venv) or give another Python, make demo PYTHON=..."
        )


def check_disk(folder: Path, free: float, present: float) -> bool:
    """Raise SetupError when `free` bytes are too few, `present` of the bytes being installed already.

    Returns whether there is room for pip's own copies of the archives too.
    """
    if free + present < NEEDED:
        raise SetupError(
            f"{(NEEDED - present) / GB:.0f} GB of free disk are needed in {folder}, there are {free / GB:.1f} GB: "
            "free some, or move the checkout to a larger disk"
        )
    return free + present >= NEEDED_WITH_CACHE


def announcement(folder: Path, present: float) -> str:
    """What is about to be installed where, `present` bytes of it being there already."""
    if present > 0.9 * INSTALLED:
        return f"Bringing {folder} up to date."
    torch = "torch with CUDA" if ON_LINUX else "torch"
    return (
        f"Setting up {folder}: the pinned packages take about {INSTALLED / GB:.0f} GB ({FETCHED / GB:.1f} GB to "
        f"fetch), most of it {torch}; nothing is installed elsewhere."
    )


def size(folder: Path) -> float:
    """Bytes of the files below a folder, 0 where there is none."""
    return float(sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()))


def fingerprint(root: Path, python: str) -> str:
    """What an installation depends on: the two files, the place (the editable install names it) and the Python."""
    parts = [(root / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
    return "\n".join((digest, str(root), python)) + "\n"


def forget_half_installed(site_packages: Path) -> List[str]:
    """Remove what an interrupted pip left of a package, since pip takes the bare metadata for a finished one.

    pip writes INSTALLER after all other files of a package, and renames a package it removes to `~...`. Returns the
    names removed.
    """
    broken = [folder for folder in site_packages.glob("*.dist-info") if not (folder / "INSTALLER").exists()]
    broken += site_packages.glob("~*")
    for path in broken:
        if path.is_dir():
            shutil.rmtree(str(path))
        else:
            path.unlink()
    return sorted(path.name for path in broken)


class Environment:
    """The virtual environment of a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.stamp = self.folder / "installed.txt"
        self.log = self.folder / "install.log"
        self.temporary = self.folder / "tmp"

    def python_version(self) -> Optional[Tuple[int, ...]]:
        """Version of its Python, None while there is none that has pip."""
        code = "import sys, pip; print(*sys.version_info[:3])"
        try:
            # Isolated, and from elsewhere: a file pip.py in the working folder is not pip.
            output = subprocess.check_output([str(self.python), "-I", "-c", code], stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            return None
        return tuple(int(part) for part in output.split())

    def is_complete(self) -> bool:
        version = self.python_version()
        return (
            version is not None
            and self.stamp.exists()
            and self.stamp.read_text() == fingerprint(self.root, str(version))
        )

    def create(self) -> None:
        """Make the environment, or complete one that lacks pip. Never deletes what may be somebody's."""
        version = self.python_version()
        if version is None:
            self.forget_half_installed()
            subprocess.call([sys.executable, "-m", "venv", str(self.folder)])
            version = self.python_version()
        if version is None:
            raise SetupError(f"{self.folder} has no working Python with pip: remove it and try again")
        if version[:2] < MINIMUM_PYTHON:
            made_with = f"{version[0]}.{version[1]}"
            raise SetupError(f"{self.folder} was made with Python {made_with}: remove it and try again")

    def forget_half_installed(self) -> None:
        for site_packages in self.folder.glob("[Ll]ib/**/site-packages"):
            for name in forget_half_installed(site_packages):
                print(f"  removed half-installed {name}", flush=True)

    def count_installed(self) -> int:
        return sum(1 for _ in self.folder.glob("[Ll]ib/**/site-packages/*.dist-info/INSTALLER"))

    def install(self, keep_archives: bool) -> None:
        """Install what pyproject.toml asks for, in the versions of constraints.txt. Raises SetupError if pip fails."""
        self.forget_half_installed()
        if self.stamp.exists():
            self.stamp.unlink()
        self.temporary.mkdir(exist_ok=True)
        # pip unpacks in the temporary folder, and /tmp is often a small memory disk.
        variables = dict(os.environ, TMPDIR=str(self.temporary), PIP_DISABLE_PIP_VERSION_CHECK="1")
        command = [str(self.python), "-m", "pip", "install", "-c", "constraints.txt", "-e", ".[dev]"]
        if not keep_archives:
            command.append("--no-cache-dir")
        process = subprocess.Popen(
            command, cwd=str(self.root), env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            with self.log.open("w", encoding="utf-8") as log:
                show_progress(timed_lines(process), log, self.count_installed)
            code = process.wait()
        finally:
            process.terminate()  # where we were interrupted; no effect on one that has ended
            process.wait()
            shutil.rmtree(str(self.temporary), ignore_errors=True)
        if code != 0:
            raise SetupError(
                f"pip could not install the packages (its exit code is {code}, its output is in {self.log}); the same "
                "command again goes on from here"
            )
        self.stamp.write_text(fingerprint(self.root, str(self.python_version())))


def timed_lines(process: "subprocess.Popen[bytes]") -> Iterator[str]:
    """Lines of a process, and an empty one after every HEARTBEAT seconds of silence."""
    lines = queue.Queue()  # type: queue.Queue[Optional[str]]

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.decode("utf-8", "replace").rstrip())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=HEARTBEAT)
        except queue.Empty:
            line = ""
        if line is None:
            return
        yield line


def show_progress(lines: Iterator[str], log: IO[str], count_installed: Callable[[], int]) -> None:
    """Say in a few lines what pip is doing; all its lines go to the log."""
    started, collected, megabytes = time.monotonic(), 0, 0.0
    unpacking, before = 0, count_installed()
    for line in lines:
        if line:
            log.write(line + "\n")
            log.flush()
        download = re.match(r"\s*(?:Downloading|Using cached) (\S+) \(([\d.]+) (kB|MB|GB)\)", line)
        if line.startswith("Collecting "):
            collected += 1
        elif download:
            amount = float(download.group(2)) * {"kB": 1e-3, "MB": 1.0, "GB": 1e3}[download.group(3)]
            megabytes += amount
            if amount >= WORTH_A_LINE:
                print(f"  fetching {download.group(1)} ({amount:,.0f} MB)", flush=True)
        elif line.startswith("Installing collected packages: "):
            unpacking = len(line.split(","))
            print(f"  packages to unpack: {unpacking} ({megabytes:,.0f} MB fetched)", flush=True)
        elif line.startswith(("ERROR", "error", "WARNING: Retrying")):
            print("  " + line, file=sys.stderr, flush=True)
        elif not line:
            seconds = time.monotonic() - started
            if unpacking:
                done = max(0, count_installed() - before)
                state = f"{done} of {unpacking} packages unpacked"
            else:
                state = f"{collected} packages found, {megabytes:,.0f} MB fetched or under way"
            print(f"  {state}, {seconds:.0f} s", flush=True)


def set_up(root: Path) -> None:
    """Bring the environment of the checkout `root` to completion. Raises SetupError."""
    try:
        check_python()
    except SetupError:
        check_python(newer=newer_python())
    environment = Environment(root)
    if environment.is_complete():
        return
    check_modules()
    present = size(environment.folder)
    print(announcement(environment.folder, present), flush=True)
    keep_archives = check_disk(root, shutil.disk_usage(str(root)).free, present)
    environment.create()
    started = time.monotonic()
    environment.install(keep_archives)
    print(f"Set up in {time.monotonic() - started:.0f} s.", flush=True)


def main() -> int:
    try:
        set_up(Path(__file__).resolve().parent)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command again goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
