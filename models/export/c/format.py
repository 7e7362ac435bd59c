"""The format `c`: a folder with `float32/` and `int8/`, each a header, a source and a test program of one name."""

import atexit
import hashlib
import json
import math
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.export.c import compiling
from underbudget.models.export.c.literals import prefix_of
from underbudget.models.export.c.program import Program, precision_of, programs
from underbudget.models.export.c.simulate import simulate
from underbudget.models.export.c.sound import MOST_OFF, images_of, sixteen_bits
from underbudget.models.export.c.sound import run as run_sound
from underbudget.models.export.c.source import header, self_test, source
from underbudget.models.export.contents import MOST_CHECKED, Export, check_batch, description, logits
from underbudget.models.export.formats import Model, Verification, reading
from underbudget.models.export.recordings import recordings
from underbudget.models.export.verify import TOLERANCE, different, said_of, size

if TYPE_CHECKING:
    from torch import Tensor

MARKER = "c-export.json"  # in the folder and in that of each precision
STORED_BYTES = 6_400  # of pictures in a test program, at most, though there is always one

Pictures = npt.NDArray[np.uint8]


def write(export: Export, path: Path, name: str) -> None:
    """Write the folder. Raises UserError if there is no C compiler to verify it, or for bad options."""
    compiling.compiler()
    made = programs(export, name)
    path.mkdir()
    for program in made:
        folder, texts = path / program.precision, _texts(program)
        folder.mkdir()
        for file, text in texts.items():
            (folder / file).write_bytes(text.encode("ascii"))
        (folder / MARKER).write_text(json.dumps(_facts(program, texts), indent=2) + "\n", "ascii")
    (path / MARKER).write_text(json.dumps({"precisions": [program.precision for program in made]}) + "\n", "ascii")


def verify(export: Export, file: Path, path: Path) -> Verification:
    """Compile each precision as C99 without warnings and compare its logits for all validation images: float32 with
    those of torch, within TOLERANCE; int8, for MOST_CHECKED of them, with those of `simulate`, bit for bit. What int8
    loses is measured on all."""
    pictures = check_batch(export).numpy() if export.validation is None else export.validation[0]
    wanted = _logits(export, pictures)
    said, lines = [], []
    for program in programs(export, path.name):
        folder = file / program.precision
        try:
            with tempfile.TemporaryDirectory() as work:
                target = Path(work) / "network"
                compiling.compiled(folder, program.prefix, target)
                compiling.selftest(target)
                predictions, stored, time = compiling.run(target, pictures)
                heard = _heard(program, target, path)
            footprint = compiling.footprint(folder, program.prefix)
        except UnderbudgetError as error:
            raise different(path, f"{program.precision}: {error}") from error
        if stored.shape != wanted.shape:
            raise different(path, f"{program.precision}: it gives logits of {stored.shape}, not {wanted.shape}")
        if not (np.take_along_axis(stored, predictions[:, None], 1)[:, 0] == stored.max(1)).all():
            raise different(path, f"{program.precision}: it predicts another class than its logits say")
        said.append(f"{program.precision}: {_compared(program, pictures, stored, wanted, path)}")
        lines += heard
        if export.validation is not None:
            lines.append(_accuracies(program.precision, export, export.validation[1], predictions, wanted))
        lines.append(f"{program.precision}: {time.partition(', ')[2]} on this machine; {_takes(footprint)}")
    if len(said) == 1 and export.options.get("precision") is None:
        lines.append("int8 was left out: it is calibrated on training images, which are not here")
    return Verification(path, size(file), export.parameters, len(pictures), "; ".join(said), tuple(lines))


def _heard(program: Program, target: Path, path: Path) -> list[str]:
    """How a compiled program does on recordings, in words; nothing where it takes none.

    Raises UnderbudgetError where its images are more than MOST_OFF from the search's, or its logits are not those of
    its images.
    """
    export = program.export
    with recordings(export) as files:
        if export.frontend is None or not files:
            return []
        samples = [sixteen_bits(file, export.frontend) for file in files]
    wanted = images_of(samples, export.frontend)
    _, stored, images = run_sound(target, samples, export.plan.input_shape)
    off = np.abs(images.astype(int) - wanted)
    if off.max() > MOST_OFF:
        raise different(path, f"{program.precision}: its images of recordings are off by {off.max()} of 255")
    _compared(program, images, stored, _logits(export, images), path)
    if program.integers is None:
        theirs = _logits(export, wanted)
    else:
        theirs = simulate(program.integers, wanted).astype(np.float32)
    differ = int((stored.argmax(1) != theirs.argmax(1)).sum())
    share, largest = 100 * (off > 0).mean(), program.logit_grid[0] * np.abs(stored - theirs).max()
    return [
        f"{program.precision}: {share:.2g} % of the values in images of {len(files)} recordings are off by 1 of 255 "
        f"from those of the search, logits by at most {largest:.2g}; {differ} predictions differ"
    ]


def load(path: Path) -> Model:
    """The network of a folder, int8 where there is a choice, compiled for `underbudget predict`; the folder of one
    precision will do. Raises UserError where a file was changed."""
    import torch

    facts = _read(path)
    if "precisions" in facts:
        path = path / ("int8" if "int8" in facts["precisions"] else "float32")
        facts = _read(path)
    work = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, work, ignore_errors=True)
    target = Path(work) / "network"

    def answers(pixels: "Tensor") -> "Tensor":
        pictures = pixels.round().clamp(0, 255).to(torch.uint8).numpy()
        return torch.from_numpy(scale * (compiling.run(target, pictures)[1] - zero)).float()

    with reading(path, "folder in C"):
        found = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in facts["sha256"]}
        changed = next((name for name, digest in facts["sha256"].items() if found[name] != digest), None)
        scale, zero, prefix = float(facts["logit_scale"]), int(facts["logit_zero"]), prefix_of(facts["prefix"])
        model = Model.of(answers, facts)
    if changed is not None:
        raise UserError(f"{path / changed} does not match its checksum: the file was changed, export it again")
    compiling.compiled(path, prefix, target)
    return model


def _texts(program: Program) -> dict[str, str]:
    """The files of a precision by their names."""
    most = max(1, STORED_BYTES // math.prod(program.export.plan.input_shape))
    pictures = np.asarray(program.export.samples)[:most]
    wanted = _logits(program.export, pictures)
    tolerance = TOLERANCE * max(1.0, float(np.abs(wanted).max()))
    if program.integers is not None:
        wanted, tolerance = simulate(program.integers, pictures).astype(np.float32), 0.0
    return {
        f"{program.prefix}.h": header(program),
        f"{program.prefix}.c": source(program),
        f"{program.prefix}_main.c": self_test(program, pictures, wanted, tolerance),
    }


def _facts(program: Program, files: Mapping[str, str]) -> dict[str, Any]:
    scale, zero = program.logit_grid
    return {
        **description(program.export),
        "prefix": program.prefix,
        "precision": program.precision,
        "logit_scale": scale,
        "logit_zero": zero,
        "sha256": {name: hashlib.sha256(text.encode("ascii")).hexdigest() for name, text in files.items()},
    }


def _read(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / MARKER).read_text("ascii"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / MARKER} cannot be read ({error}): export the network again") from error
    if not isinstance(facts, dict):
        raise UserError(f"{folder / MARKER} was changed: export the network again")
    return facts


def _logits(export: Export, pictures: Pictures) -> npt.NDArray[np.float32]:
    """Logits of torch (n, classes) for uint8 pictures (n, channels, height, width)."""
    import torch

    found: npt.NDArray[np.float32] = logits(export, torch.from_numpy(np.array(pictures))).numpy()
    return found


def _compared(
    program: Program, pictures: Pictures, stored: npt.NDArray[Any], wanted: npt.NDArray[Any], path: Path
) -> str:
    """How the logits of a program compare, in words. Raises UnderbudgetError if they are wrong."""
    import torch

    if program.integers is None:
        return said_of(torch.from_numpy(wanted), torch.from_numpy(stored).float(), TOLERANCE, path)
    pictures = pictures[:MOST_CHECKED]  # NumPy takes its time
    if not np.array_equal(simulate(program.integers, pictures), stored[: len(pictures)]):
        raise different(path, "int8: its logits are not those of the LiteRT arithmetic")
    return f"logits of {len(pictures)} equal to the LiteRT arithmetic bit for bit"


def _accuracies(
    precision: str, export: Export, labels: npt.NDArray[Any], predictions: npt.NDArray[Any], wanted: npt.NDArray[Any]
) -> str:
    known = ", which it was trained on," if export.metadata.get("protocol") in ("confirm", "published") else ""
    theirs, ours = (100 * float((found == labels).mean()) for found in (wanted.argmax(1), predictions))
    differ = int((wanted.argmax(1) != predictions).sum())
    lost = f"{theirs - ours:.2f} points lost" if ours <= theirs else f"{ours - theirs:.2f} points gained"
    return (
        f"{precision}: {ours:.2f} % of {len(labels):,} validation images{known or ','} the trained network "
        f"{theirs:.2f} %: {lost}, {differ} prediction{'' if differ == 1 else 's'} differ{'s' if differ == 1 else ''}"
    )


def _takes(footprint: compiling.Footprint | None) -> str:
    if footprint is None:
        return f"flash and RAM on a Cortex-M4: not measured, {compiling.ARM} is not installed"
    return (
        f"on a Cortex-M4 ({compiling.ARM} -Os) {footprint.flash:,} bytes of flash, {footprint.ram:,} bytes of static "
        f"RAM, at most {footprint.stack:,} bytes of stack"
    )


def usage(path: Path, example: str = "picture.png") -> list[str]:
    """How to compile and run the test program of a folder."""
    precision = next((name for name in ("int8", "float32") if (path / name).is_dir()), "int8")
    return [f"cc -std=c99 -O2 {shlex.quote(str(path))}/{precision}/*.c -o network && ./network"]


OPTIONS = {"prefix": prefix_of, "precision": precision_of}
