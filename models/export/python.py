"""A trained network as the text of one Python file that needs torch alone.

The file holds a class with plain layers, the weights, what it takes to read and normalise a picture, a command line
and a self-test. It imports nothing of this program and unpickles nothing. Equal exports give equal texts.
"""

import base64
import hashlib
import json
import math
import shlex
from dataclasses import replace
from pathlib import Path

from underbudget.models.architecture import size_text
from underbudget.models.errors import UserError
from underbudget.models.export.contents import Export, background, facts, float_tensors, logits
from underbudget.models.export.formats import Model, Verification, reading
from underbudget.models.export.literal import JSON, literal, plain
from underbudget.models.export.network import network_class
from underbudget.models.export.recordings import front_end_of, image_of, recordings
from underbudget.models.export.verify import verified_by

SAMPLES = 8  # stored pictures, at most
SAMPLE_BYTES = 24_000  # of them, at most, though there is always one
MARKER = "# --- copied into exported files from here ---\n"

_MODULES = ("argparse", "base64", "hashlib", "json", "os", "struct", "sys")  # of the standard library
_MORE_MODULES = {"picture": ("stat", "warnings"), "sound": ("math",), "window": ()}

_INPUTS = {
    "picture": ("pictures", "digit.png     what a picture shows"),
    "sound": ("spectrograms", "word.wav       the class of a recording"),
    "window": ("windows", "window.csv     the class of a window"),
}

# Ends the driver of the fresh process (see models.export.verify): loads the file as a program would, then runs it as a
# user would.
DRIVER = """\
import runpy
names = runpy.run_path(job["file"])
answer_for(names["load"](), names["normalise"](torch_pictures()))
for file, expected in json.loads(job["recordings"]).items():
    image = names["fit"](names["read"](file))[0].byte().numpy().tobytes()
    if hashlib.sha256(image).hexdigest() != expected:
        print("its front end makes another image of a recording than the search does")
        sys.exit(1)
sys.argv = [job["file"], "--selftest"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def source(export: Export) -> str:
    """The text of the file: ASCII, without the time or anything else that differs between equal exports."""
    import numpy as np
    import torch

    plan, front_end = export.plan, front_end_of(export)
    most = max(1, min(SAMPLES, SAMPLE_BYTES // math.prod(plan.input_shape)))
    samples = np.array(export.samples[:most])
    answers = logits(export, torch.from_numpy(samples)).numpy().astype("<f4")
    labels = tuple(int(label) for label in export.sample_labels[: len(samples)])
    constants = [
        _assignment("CLASSES: tuple[str, ...]", tuple(export.classes)),
        _assignment("INPUT_SHAPE", plan.input_shape) + "  # channels, height, width",
        _assignment("MEAN: tuple[float, ...]", tuple(map(float, export.mean))) + "  # per channel, of pixels in 0..1",
        _assignment("STD: tuple[float, ...]", tuple(map(float, export.std))),
        _assignment("BACKGROUND", background(export)) + "  # of the training pictures: dark, light or any",
        *([] if front_end == "picture" else [_assignment("FRONTEND: dict[str, Any]", dict(export.frontend or {}))]),
        _assignment("PARAMETERS", export.parameters),
        _assignment("METADATA: dict[str, object]", dict(export.metadata)),
    ]
    blobs = [
        "# The self-test: pictures of the validation part (uint8), followed by their logits (little-endian float32).",
        _assignment("SAMPLE_LABELS: tuple[int, ...]", labels),
        "TOLERANCE = 1e-4  # of the largest logit",
        *_blob("SAMPLES", samples.tobytes() + answers.tobytes()),
        "",
        "# Every float tensor of the state dict, in its order (little-endian float32).",
        *_blob("WEIGHTS", b"".join(float_tensors(export).values())),
    ]
    parts = [
        "\n".join([_docstring(export), "", *_imports(front_end), *constants]),
        network_class(plan),
        _copied(front_end),
        _copied("standalone"),
        "\n".join(blobs),
        'if __name__ == "__main__":\n    raise SystemExit(main())\n',
    ]
    return "\n\n\n".join(parts)


def _imports(front_end: str) -> list[str]:
    """What a file with this front end imports."""
    is_picture = front_end == "picture"
    return [
        *(f"import {name}" for name in sorted((*_MODULES, *_MORE_MODULES[front_end]))),
        "from pathlib import Path",
        f"from typing import {'TYPE_CHECKING' if is_picture else 'Any'}, TypeAlias",
        "",
        "import torch",
        "from torch import Tensor, nn",
        "",
        *(["if TYPE_CHECKING:", "    from PIL import Image", ""] if is_picture else []),
    ]


def _assignment(target: str, value: JSON) -> str:
    try:
        return f"{target} = {literal(value, 0, len(target) + 3)}"
    except (TypeError, ValueError) as error:
        raise UserError(f"{target.partition(':')[0].lower()} cannot be exported: {error}") from error


def _blob(name: str, content: bytes) -> list[str]:
    text = base64.b64encode(content).decode("ascii")
    lines = [text[start : start + 100] for start in range(0, len(text), 100)]
    return [f'{name}_SHA256 = "{hashlib.sha256(content).hexdigest()}"', f'{name} = """', *lines, '"""']


def _copied(module: str) -> str:
    """The part of a module below its marker."""
    text = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    return text.partition(MARKER)[2].strip("\n")


def _docstring(export: Export) -> str:
    plan = export.plan
    front_end = front_end_of(export)
    inputs, use = _INPUTS[front_end]
    what = f"{plan.classes} classes of {size_text(plan.input_shape)} {inputs}"
    needs = [
        "From Python: `from winner import load, predict`. It needs Python 3.10, torch,",
        "and Pillow to read a picture.",
    ]
    if front_end != "picture":
        needs = ["From Python: `from winner import load, predict`. It needs Python 3.10 and torch."]
    return "\n".join(
        [
            f'"""A network of {export.parameters:,} parameters that tells {what} apart.',
            "",
            *(f"    {label:<12}{plain(text, 104)}" for label, text in facts(export)),
            "",
            f"    python winner.py {use}; several may be given",
            "    python winner.py --selftest    check the weights and the arithmetic",
            "    python winner.py --info        all that is known about the network, as JSON",
            "    python winner.py --onnx F      write the network as ONNX file F",
            "",
            *needs,
            "This file is free to use; the weights are yours.",
            '"""',
        ]
    )


def write(export: Export, path: Path, name: str) -> None:
    """Write the file."""
    path.write_bytes(source(export).encode("ascii"))


def verify(export: Export, draft: Path, path: Path) -> Verification:
    """Tensors and logits of the file, loaded in a fresh process, equal to the network's bit for bit; images of
    recordings equal to those of the search; its self-test."""
    with recordings(export) as files:
        images = {str(file): hashlib.sha256(image_of(file, export)).hexdigest() for file in files}
        done = verified_by(DRIVER, export, draft, path, recordings=json.dumps(images))
    lines = (f"its images of {len(images)} recordings are those of the search",) if images else ()
    return replace(done, lines=(*done.lines, *lines))


def load(path: Path) -> Model:
    """The network of a file for `underbudget predict`. Runs the file."""
    import runpy

    import torch

    with reading(path, "Python file"):
        names = runpy.run_path(str(path))
        make, normalise = names["load"], names["normalise"]
        about = {key: names[key.upper()] for key in ("input_shape", "background", "classes", "metadata")}
        about["frontend"] = names.get("FRONTEND")
    try:
        network = make()
    except ValueError as error:  # it checks its weights
        raise UserError(f"{path}: {error}") from error
    return Model.of(torch.inference_mode()(lambda pixels: network(normalise(pixels))), about)


def usage(path: Path, example: str = "picture.png") -> list[str]:
    shown = shlex.quote(str(path))
    return [f"python {shown} {example}", f"python {shown} --selftest"]
