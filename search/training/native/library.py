"""The C kernels of this folder, compiled on first use by the system's compiler and kept in the user's cache folder.

The compiled file is named by a digest of sources, compiler, options and processor: a change of any of them compiles
anew, and two processes that compile at once write equal files.
"""

import ctypes
import hashlib
import os
import platform
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from underbudget.models.compiler import c_compiler
from underbudget.search.training.environment import cpuinfo, processor

SOURCES = Path(__file__).parent
OPTIONS = (
    "-O3",
    "-march=native",
    "-std=gnu11",
    "-fPIC",
    "-shared",
    "-D_GNU_SOURCE",
    "-fno-math-errno",
    "-fno-trapping-math",
)
COMPILE_SECONDS = 120  # a compiler that takes longer is given up


class Unavailable(Exception):  # noqa: N818, a reason rather than an error
    """The kernels cannot be used here, or not for a plan; the message says why, on one line."""


@dataclass(frozen=True)
class Library:
    """The loaded kernels."""

    functions: ctypes.CDLL
    isa: str  # instruction set that they were compiled for: "avx512", "avx2", "neon" or "generic"


def library() -> Library:
    """The kernels, compiled if need be (about 3 s, once per machine). Raises Unavailable with the reason."""
    outcome = _outcome()
    if isinstance(outcome, str):
        raise Unavailable(outcome)
    return outcome


@cache
def _outcome() -> Library | str:
    """The library, or the reason why there is none: looked for once per process."""
    try:
        return _load(_compiled())
    except (Unavailable, OSError, subprocess.SubprocessError, AttributeError) as error:
        return " ".join(str(error).split())[:300]


def _compiled() -> Path:
    compiler = c_compiler()
    if compiler is None:
        raise Unavailable("no C compiler was found (cc, gcc or clang)")
    digest = hashlib.sha256()
    # what the processor can do, too: a cache folder may be shared by machines, or a virtual one moved to another host
    machine = (platform.machine(), processor(), cpuinfo("flags", "Features"))
    for part in (compiler, _output([compiler, "--version"]), OPTIONS, *machine):
        digest.update(repr(part).encode())
    for source in sorted(SOURCES.glob("*.[ch]")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    result = _folder() / f"training-{digest.hexdigest()[:20]}.so"
    if not result.exists():
        with tempfile.TemporaryDirectory(dir=result.parent) as folder:
            target = Path(folder) / result.name
            _output([compiler, *OPTIONS, str(SOURCES / "training.c"), "-o", str(target), "-lm"])
            os.replace(target, result)
    return result


def _folder() -> Path:
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("underbudget", appauthor=False)) / "kernels"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    # a folder of this user's alone: a library that anybody could put there must not be loaded
    return Path(tempfile.mkdtemp(prefix="underbudget-kernels-"))


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
    if done.returncode:
        complaint = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
        raise Unavailable(f"{Path(command[0]).name} failed with exit code {done.returncode}: {complaint}")
    return done.stdout


def _load(path: Path) -> Library:
    functions = ctypes.CDLL(str(path))
    pointer, whole, small = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    signatures: dict[str, tuple[type | None, tuple[type, ...]]] = {
        "isa": (ctypes.c_char_p, ()),
        **{f"size_of_{name}": (whole, ()) for name in ("layer", "net", "step")},
        "allocate": (small, (pointer,)),
        "release": (None, (pointer,)),
        "train_step": (None, (pointer, pointer)),
        "evaluate": (None, (pointer, pointer, pointer, whole, pointer, pointer)),
        "read_input": (None, (pointer, small, pointer)),
        "read_dropout": (None, (pointer, whole, small, small, small, pointer)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(functions, name)
        function.restype, function.argtypes = result, arguments
    return Library(functions, functions.isa().decode())
