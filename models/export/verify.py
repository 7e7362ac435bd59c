"""Writes an exported file only after a process that cannot import this program has found it equal to the network."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from underbudget.models import weights
from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.export import formats
from underbudget.models.export.contents import Export, check_batch, float_tensors, logits
from underbudget.models.export.formats import Format, Verification
from underbudget.models.files import synchronise

if TYPE_CHECKING:
    from torch import Tensor

TIMEOUT = 300  # seconds; importing torch is nearly all of it
TOLERANCE = 1e-4  # of the largest logit, where other arithmetic is allowed

# The fresh process runs this first: it reads the job, blocks imports of this program (a name that is None in
# sys.modules cannot be imported), and defines what a format's driver calls.
PRELUDE = """\
import base64, hashlib, json, sys
job = json.load(sys.stdin)
sys.modules["underbudget"] = None
def torch_pictures():
    import torch
    torch.set_num_threads(1)
    return torch.frombuffer(bytearray(base64.b64decode(job["pictures"])), dtype=torch.uint8).view(job["shape"])
def answer(logits, state, training, parameters):
    def content(tensor):
        return (tensor.detach().cpu().contiguous().numpy() if hasattr(tensor, "detach") else tensor).tobytes()
    digests = {name: hashlib.sha256(content(tensor)).hexdigest() for name, tensor in state.items()}
    print(json.dumps({"logits": base64.b64encode(content(logits)).decode(), "tensors": digests,
                      "training": bool(training), "parameters": int(parameters)}), flush=True)
def answer_for(network, pictures):
    import torch
    with torch.inference_mode():
        logits = network(pictures)
    answer(logits, network.state_dict(), network.training, sum(p.numel() for p in network.parameters()))
"""


def write_verified(export: Export, path: Path, force: bool = False, format: str = "py") -> Verification:
    """Write an export to `path` in a format, after the file has been run and compared with the network of
    `models.build`.

    It is written beside `path` under another name, run there, and only then renamed: whatever goes wrong leaves
    `path` as it was. Raises UserError where `path` exists (unless `force`) or cannot be written, or a package is
    missing, UnderbudgetError where the file does not do what the network does.
    """
    chosen = formats.find(format)
    check_target(path, force, chosen)
    chosen.check_installed()
    name = str(export.options.get("name") or (path.stem if chosen.suffix else path.name))
    draft = path.with_name(f".export-{uuid.uuid4().hex[:12]}{chosen.suffix}")
    try:
        with _writing(path):
            chosen.write(export, draft, name)
            _synchronise(draft)
        _check_replaced(draft, path)
        result = chosen.verify(export, draft, path)
        with _writing(path):
            _put_in_place(draft, path)
            synchronise(path.parent)
        return result
    finally:
        _remove(draft)


def verified_by(
    driver: str, export: Export, draft: Path, path: Path, tolerance: float = 0.0, **more: str
) -> Verification:
    """Run PRELUDE and a format's driver on a draft, away from this program, and compare what it answers with the
    network of `models.build`.

    The driver finds `job["file"]`, the pictures as `torch_pictures()` (or raw in `job["pictures"]`, base64 of uint8 of
    `job["shape"]`) and `more` in `job`; it calls `answer` or `answer_for` once, and may print lines after it.
    `tolerance` is a share of the largest logit, 0 for bit by bit.

    Raises UnderbudgetError, saying what differs, or with the last line of the process where no answer comes.
    """
    import torch

    pictures = check_batch(export)
    job = {
        "file": str(draft.resolve()),
        "pictures": base64.b64encode(pictures.numpy().tobytes()).decode(),
        "shape": list(pictures.shape),
        **more,
    }
    done = _run([sys.executable, "-P", "-c", PRELUDE + driver], json.dumps(job), path)
    lines = done.stdout.strip().splitlines()
    try:
        found = json.loads(lines[0])
        values, tensors, parameters = base64.b64decode(found["logits"]), found["tensors"], int(found["parameters"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise different(path, f"its process ended with {done.returncode}: {last[:300]}") from error
    expected = logits(export, pictures)
    if parameters != export.parameters:
        raise different(path, f"it has {parameters} parameters instead of {export.parameters}")
    if found["training"]:
        raise different(path, "it is in train mode")
    for name, content in float_tensors(export).items():
        if tensors.get(name) != weights.sha256(content):
            raise different(path, f"its {name} differs from that of the network")
    if len(values) != 4 * expected.numel():
        raise different(path, f"it gives {len(values) // 4} values instead of {expected.numel()}")
    given = torch.frombuffer(bytearray(values), dtype=torch.float32).view(expected.shape)
    said = said_of(expected, given, tolerance, path)
    if done.returncode:
        raise different(path, (lines[1:] or ["its process failed"])[-1][:300])
    said = f"stored tensors equal, {said}"
    return Verification(path, size(draft), parameters, len(expected), said, tuple(lines[1:]))


def said_of(expected: "Tensor", given: "Tensor", tolerance: float, path: Path) -> str:
    """How logits (k, classes) compare, in words. Raises UnderbudgetError if they differ by more than `tolerance` of the
    largest one, or (tolerance 0) in any bit, or if a prediction differs."""
    import torch

    count = f"{len(expected)} validation image{'s' if len(expected) > 1 else ''}"
    if torch.equal(given.view(torch.int32), expected.view(torch.int32)):
        return f"logits of {count} equal bit for bit"
    difference = float((given.double() - expected.double()).abs().max())
    allowed = tolerance * max(1.0, float(expected.abs().max()))
    if not difference <= allowed:
        raise different(path, f"its logits differ from those of the network by {difference:.2g}, {allowed:.2g} allowed")
    # The likeliest class is the same; if two are closer than the tolerance, either will do.
    chosen = expected.gather(1, given.argmax(1, keepdim=True))[:, 0]
    if not (expected.max(1).values - chosen <= 2 * allowed).all():
        raise different(path, "it predicts other classes than the network")
    return f"logits of {count} differ by at most {difference:.1g} ({allowed:.1g} allowed), predictions equal"


def _run(command: list[str], job: str, path: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command in an empty folder and wait for it; `job` is its standard input."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    environment.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            return subprocess.run(
                command,
                cwd=elsewhere,
                env=environment,
                input=job,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise different(path, f"its process did not end within {TIMEOUT} s") from error


def check_target(path: Path, force: bool, format: Format) -> None:
    """Raises UserError if a format may not be written to `path`; to be called before any work is done."""
    if format.is_folder:
        if path.exists() and not path.is_dir():
            raise UserError(f"{path} is a file, {format.name} is a folder: give another --output")
        if path.is_dir() and any(path.iterdir()):
            if not force:
                raise UserError(f"{path} exists: give --force or another --output")
            if not format.recognises(path):
                raise UserError(f"{path} holds other files than an export in {format.name}: give another --output")
    elif path.is_dir():
        raise UserError(f"{path} is a folder: give the name of a file with --output")
    elif path.suffix != format.suffix:
        raise UserError(
            f"a file in the format {format.name} ends in {format.suffix}, {path.name} does not: "
            "rename it or give --format"
        )
    elif path.exists() and not force:
        raise UserError(f"{path} exists: give --force or another --output")
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}: make it or give another --output")


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in _files(path))


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _synchronise(path: Path) -> None:
    """Wait until everything is on the disk; a full disk shows here at the latest."""
    for file in _files(path):
        synchronise(file)


def _check_replaced(draft: Path, path: Path) -> None:
    """Raises UserError if a folder to be replaced holds anything that would not be written again."""
    if path.is_dir() and (others := {one.name for one in path.iterdir()} - {one.name for one in draft.iterdir()}):
        raise UserError(f"{path} holds other files ({min(others)}), which would be lost: give another --output")


def _put_in_place(draft: Path, path: Path) -> None:
    """Rename a draft to `path`; an old folder is kept aside until that is done."""
    if not path.is_dir():
        os.replace(draft, path)
        return
    aside = path.with_name(f".export-{uuid.uuid4().hex[:12]}")
    os.rename(path, aside)
    try:
        os.rename(draft, path)
    except OSError:
        os.rename(aside, path)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):  # the folder may not be writable
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror or error}): give another --output") from error


def different(path: Path, what: str) -> UnderbudgetError:
    """The error for an exported file that does not do what the network does."""
    return UnderbudgetError(f"{path} was not written: the exported file is not the network, {what}")
