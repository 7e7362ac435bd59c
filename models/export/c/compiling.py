"""C compilers: the host's, to run an exported network, and Arm's, to measure what it needs on a Cortex-M4."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from underbudget.models.compiler import c_compiler
from underbudget.models.errors import UnavailableError, UnderbudgetError

FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic")
TIMEOUT = 600  # seconds, of a compiler and of a run
ARM = "arm-none-eabi-gcc"
ARM_FLAGS = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-Os", "-std=c99")


@dataclass(frozen=True)
class Footprint:
    """What a network needs on a Cortex-M4, bytes of its object file."""

    flash: int  # code and constants
    ram: int  # static
    stack: int  # the frames of all its functions together, more than is ever in use


def compiler() -> str:
    """The host's C compiler. Raises UnavailableError without any."""
    if found := c_compiler():
        return found
    raise UnavailableError(
        "the C format is verified by compiling it, and no cc, gcc or clang was found: install one or set CC"
    )


def compiled(folder: Path, prefix: str, target: Path, command: Sequence[str] = ()) -> None:
    """Make the test program of a folder with `<prefix>.c` and `<prefix>_main.c` at `target`.

    `command` is the compiler with its flags, the host's by default. Raises UnderbudgetError with its first error.
    """
    sources = [str((folder / name).resolve()) for name in (f"{prefix}.c", f"{prefix}_main.c")]
    _done([*(command or (compiler(), *FLAGS)), *sources, "-o", str(target)])


def run(program: Path, pictures: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], str]:
    """Predictions (n,), stored logits (n, classes) and the line about the time, for uint8 pictures (n, c, h, w)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pictures"
        file.write_bytes(np.ascontiguousarray(pictures.transpose(0, 2, 3, 1)).tobytes())
        done = _done([str(program), str(file)])
    rows = np.array([line.split() for line in done.stdout.splitlines()], np.float64)
    return rows[:, 0].astype(np.int64), rows[:, 1:], done.stderr.strip()


def selftest(program: Path) -> str:
    """The line that the program's own test prints. Raises UnderbudgetError where it fails."""
    return _done([str(program)]).stdout.strip()


def footprint(folder: Path, prefix: str) -> Footprint | None:
    """What `<prefix>.c` of a folder needs, None if Arm's compiler is not installed."""
    gcc, size = shutil.which(ARM), shutil.which(ARM.replace("gcc", "size"))
    if gcc is None or size is None:
        return None
    with tempfile.TemporaryDirectory() as work:
        target = Path(work) / f"{prefix}.o"
        source = str((folder / f"{prefix}.c").resolve())
        _done([gcc, *ARM_FLAGS, "-fstack-usage", "-c", source, "-o", str(target)])
        text, data, bss = map(int, _done([size, str(target)]).stdout.splitlines()[1].split()[:3])
        frames = target.with_suffix(".su").read_text(encoding="utf-8").splitlines()
    return Footprint(text + data, data + bss, sum(int(line.split("\t")[1]) for line in frames))


def _done(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command. Raises UnderbudgetError with its first error or its last line if it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnderbudgetError(f"{Path(command[0]).name} did not end within {TIMEOUT} s") from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()
        said = next((line for line in lines if "error" in line), lines[-1])
        raise UnderbudgetError(f"{Path(command[0]).name} failed ({done.returncode}): {said[:300]}")
    return done
