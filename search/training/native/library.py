"""The C kernels of this folder, compiled on first use by the system's compiler and kept in the user's cache folder.

The compiled file is named by a digest of sources, compiler, options and processor, so that a change of any of them
compiles anew, and by the checksum of its own content: a file that was damaged is never loaded, which could crash the
process, but compiled again. It appears whole, by a rename, so that processes may compile at once.
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
from underbudget.models.files import synchronise
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
        return _kept_or_compiled()
    except (Unavailable, OSError, subprocess.SubprocessError, AttributeError) as error:
        return " ".join(str(error).split())[:300]


def _kept_or_compiled() -> Library:
    compiler = c_compiler()
    if compiler is None:
        raise Unavailable("no C compiler was found (cc, gcc or clang)")
    folder, name = _folder(), f"training-{_key(compiler)}"
    for kept in sorted(folder.glob(f"{name}-*.so")):
        with suppress(OSError):
            if kept.stem == f"{name}-{_checksum(kept)}":
                return _load(kept)
    with suppress(OSError, Unavailable):  # a full disk, say, or a folder that cannot be written
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".compiling-") as work:
            target = _compiled(compiler, Path(work))
            kept = folder / f"{name}-{_checksum(target)}.so"
            synchronise(target)
            os.replace(target, kept)
            synchronise(folder)
        return _load(kept)
    # Compiled for this process alone, which keeps it when its file is gone, in a folder that no other user can put a
    # library into.
    with tempfile.TemporaryDirectory(prefix="underbudget-", ignore_cleanup_errors=True) as work:
        return _load(_compiled(compiler, Path(work)))


def _key(compiler: str) -> str:
    """Stands for all that decides what is compiled."""
    digest = hashlib.sha256()
    # what the processor can do, too: a cache folder may be shared by machines, or a virtual one moved to another host
    machine = (platform.machine(), processor(), cpuinfo("flags", "Features"))
    for part in (compiler, _output([compiler, "--version"]), OPTIONS, *machine):
        digest.update(repr(part).encode())
    for source in sorted(SOURCES.glob("*.[ch]")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:20]


def _checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:20]


def _compiled(compiler: str, folder: Path) -> Path:
    target = folder / "training.so"
    _output([compiler, *OPTIONS, str(SOURCES / "training.c"), "-o", str(target), "-lm"])
    return target


def _folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("underbudget", appauthor=False)) / "kernels"


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
