"""Writing an exported file only once it has proved itself, in a process that knows nothing of this program."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from models.errors import UnderbudgetError, UserError
from models.export.python import Export, sample_logits, source

OURS = ("underbudget", "models", "budget", "reports", "search")
TIMEOUT = 300  # seconds; importing torch is nearly all of it

# Runs in the fresh process, with the file as its argument: counts and computes, then runs the file as a user would.
# A name that is None in sys.modules cannot be imported.
DRIVER = """\
import json, runpy, sys
sys.modules.update(dict.fromkeys(json.loads(sys.argv.pop()), None))
import torch
torch.set_num_threads(1)
names = runpy.run_path(sys.argv[1])
network = names["load"]()
content = names["decode"]("samples", names["SAMPLES"], names["SAMPLES_SHA256"])
shape = len(names["SAMPLE_LABELS"]), *names["INPUT_SHAPE"]
size = torch.Size(shape).numel()
pictures = torch.frombuffer(bytearray(content[:size]), dtype=torch.uint8).view(shape)
with torch.inference_mode():
    logits = network(names["normalise"](pictures))
parameters = sum(parameter.numel() for parameter in network.parameters())
print(json.dumps({"parameters": parameters, "training": network.training, "logits": logits.view(torch.int32).tolist()}))
sys.argv = [sys.argv[1], "--selftest"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True)
class Verification:
    """What a fresh process found in an exported file."""

    path: Path
    bytes: int  # size of the file
    parameters: int  # counted on the loaded module, equal to the plan's
    samples: int  # pictures whose logits equal those of `models.build` bit for bit
    selftest: str  # the line that the file's own self-test printed


def write_verified(export: Export, path: Path, force: bool = False) -> Verification:
    """Write the file of an export to `path`, after it has been run and compared with the network of `models.build`.

    It is written beside `path` under another name, run there, and only then renamed: whatever goes wrong leaves
    `path` as it was. Raises UserError where `path` exists (unless `force`) or cannot be written, UnderbudgetError where
    the file does not do what the network does.
    """
    check_target(path, force)
    text = source(export)
    draft = path.with_name(f".export-{uuid.uuid4().hex[:12]}.py")
    try:
        try:
            with draft.open("x", encoding="ascii", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(path, error) from error
        result = verify(export, draft, path)
        try:
            os.replace(draft, path)
        except OSError as error:
            raise _unwritable(path, error) from error
        return result
    finally:
        with contextlib.suppress(OSError):  # there is none where the folder cannot be written
            draft.unlink(missing_ok=True)


def verify(export: Export, file: Path, path: Path | None = None) -> Verification:
    """Run an exported file in a fresh process and compare it with the network of `models.build`.

    `path` is the name to speak of, `file` by default. Raises UnderbudgetError, saying what differs.
    """
    import torch

    path = path or file
    expected = sample_logits(export)
    done = _run(file, path)
    lines = done.stdout.strip().splitlines()
    try:
        found = json.loads(lines[0])
        parameters, logits, training = found["parameters"], found["logits"], found["training"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise _different(path, f"its process ended with {done.returncode}: {last[:300]}") from error
    stated = sum(layer.params for layer in export.plan.layers)
    if parameters != stated:
        raise _different(path, f"it has {parameters} parameters instead of {stated}")
    if training:
        raise _different(path, "it is in train mode")
    if logits != expected.view(torch.int32).tolist():  # equal bits
        raise _different(path, "its logits differ from those of the network")
    if done.returncode:
        raise _different(path, lines[-1][:300])
    return Verification(path, file.stat().st_size, parameters, len(logits), lines[-1])


def _run(file: Path, path: Path) -> "subprocess.CompletedProcess[str]":
    """The driver's process, ended, for `file`."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-P", "-c", DRIVER, str(file.resolve()), json.dumps(OURS)]
    with tempfile.TemporaryDirectory() as elsewhere:
        try:
            return subprocess.run(
                command,
                cwd=elsewhere,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _different(path, f"its process did not end within {TIMEOUT} s") from error


def check_target(path: Path, force: bool) -> None:
    """Raises UserError where a file may not be written to `path`; for asking before any work is done."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the name of a file with --output")
    if path.exists() and not force:
        raise UserError(f"{path} exists: give --force or another --output")
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}: make it or give another --output")


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"cannot write {path} ({error.strerror or error}): give another --output")


def _different(path: Path, what: str) -> UnderbudgetError:
    return UnderbudgetError(f"{path} was not written: the exported file is not the network, {what}")
