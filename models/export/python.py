"""A trained network as the text of one Python file that needs torch alone.

The file holds a class with plain layers, the weights, what it takes to read and normalise a picture, a command line
and a self-test. It imports nothing of this program and unpickles nothing. Equal exports give equal texts.
"""

import base64
import hashlib
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import UnderbudgetError, UserError
from models.export.literal import JSON, literal, plain
from models.export.network import network_class
from models.plan import Plan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor, nn

SAMPLE_BYTES = 24_000  # of stored pictures, at most, though there is always one
MARKER = "# --- copied into exported files from here ---\n"

IMPORTS = """\
import argparse
import base64
import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from PIL import Image
"""


@dataclass(frozen=True)
class Export:
    """All that an exported file is made of.

    Keys of `metadata` that the file's docstring shows, where they are there: study, trial, score and
    last_epoch_val_accuracy (percent), validation_images (how many those were measured on), dataset, data_checksum,
    id, recipe, seed, trained (when), and versions, an object of names and versions. `parameters`, where it is
    there, must be the network's count.
    """

    plan: Plan
    state: "Mapping[str, Tensor]"  # as of models.build; num_batches_tracked may be missing
    mean: tuple[float, ...]  # per channel, of pixels in 0..1
    std: tuple[float, ...]
    classes: tuple[str, ...]  # names, by label
    metadata: Mapping[str, JSON]
    samples: "npt.NDArray[np.uint8]"  # validation images (k, channels, height, width), k at least 1
    sample_labels: Sequence[int]

    def __post_init__(self) -> None:
        channels = self.plan.input_shape[0]
        if len(self.classes) != self.plan.classes:
            raise UserError(f"the network tells {self.plan.classes} classes apart, not {len(self.classes)}")
        if not len(self.mean) == len(self.std) == channels:
            raise UserError(f"mean and std need one value for each of the {channels} channels")
        if not all(math.isfinite(value) for value in self.mean) or not all(0 < value < math.inf for value in self.std):
            raise UserError(f"mean must be finite and std positive, not {self.mean} and {self.std}")
        shape = tuple(self.samples.shape)
        if shape[1:] != self.plan.input_shape or not 1 <= shape[0] == len(self.sample_labels):
            raise UserError(f"samples must be one or more labelled pictures of {self.plan.input_shape}, not {shape}")
        if str(self.samples.dtype).removeprefix("torch.") != "uint8":
            raise UserError(f"samples must be uint8, not {self.samples.dtype}")
        parameters = sum(layer.params for layer in self.plan.layers)
        if self.metadata.get("parameters", parameters) != parameters:
            raise UserError(f"metadata says {self.metadata['parameters']} parameters, the network has {parameters}")


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch, so that sums run in the same order in any process."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def module(export: Export) -> "nn.Sequential":
    """The network of `models.build` with the trained weights, on the CPU, in eval mode."""
    from models.build import build

    network = build(export.plan)
    try:
        network.load_state_dict(dict(export.state))
    except RuntimeError as error:
        what = " ".join(str(error).split())
        raise UnderbudgetError(f"the stored weights are not those of this network: {what}") from error
    return network.eval()


def sample_batch(export: Export) -> "Tensor":
    """The pictures that the file stores: uint8 (k, channels, height, width)."""
    import numpy as np
    import torch

    most = max(1, SAMPLE_BYTES // math.prod(export.plan.input_shape))
    return torch.from_numpy(np.array(export.samples[:most]))


def sample_logits(export: Export) -> "Tensor":
    """What the network of `models.build` says to `sample_batch`: float32 (k, classes).

    Raises UnderbudgetError for weights that are not this network's or give values that are not finite.
    """
    import torch

    from models.export.preprocessing import normalise

    with one_thread(), torch.inference_mode():
        logits: Tensor = module(export)(normalise(sample_batch(export), export.mean, export.std))
    if not logits.isfinite().all():
        raise UnderbudgetError("the network gives values that are not finite: its training diverged, export another")
    return logits


def source(export: Export) -> str:
    """The text of the file: ASCII, without the time or anything else that differs between equal exports."""
    from models.export.preprocessing import background

    plan = export.plan
    samples, logits = sample_batch(export), sample_logits(export)
    state = module(export).state_dict().values()
    weights = b"".join(_floats(tensor) for tensor in state if tensor.is_floating_point())
    pictures = samples.numpy().tobytes() + _floats(logits)
    labels = tuple(int(label) for label in export.sample_labels[: len(samples)])
    constants = [
        _assignment("CLASSES: tuple[str, ...]", tuple(export.classes)),
        _assignment("INPUT_SHAPE", plan.input_shape) + "  # channels, height, width",
        _assignment("MEAN: tuple[float, ...]", tuple(map(float, export.mean))) + "  # per channel, of pixels in 0..1",
        _assignment("STD: tuple[float, ...]", tuple(map(float, export.std))),
        _assignment("BACKGROUND", background(samples)) + "  # of the training pictures: dark, light or any",
        _assignment("PARAMETERS", sum(layer.params for layer in plan.layers)),
        _assignment("METADATA: dict[str, object]", dict(export.metadata)),
    ]
    blobs = [
        "# The self-test: pictures of the validation part (uint8), followed by their logits (little-endian float32).",
        _assignment("SAMPLE_LABELS: tuple[int, ...]", labels),
        "TOLERANCE = 1e-4  # of the largest logit",
        *_blob("SAMPLES", pictures),
        "",
        "# Every float tensor of the state dict, in its order (little-endian float32).",
        *_blob("WEIGHTS", weights),
    ]
    parts = [
        "\n".join([_docstring(export), "", IMPORTS, *constants]),
        network_class(plan),
        _copied("preprocessing.py"),
        _copied("standalone.py"),
        "\n".join(blobs),
        'if __name__ == "__main__":\n    raise SystemExit(main())\n',
    ]
    return "\n\n\n".join(parts)


def _assignment(target: str, value: JSON) -> str:
    try:
        return f"{target} = {literal(value, 0, len(target) + 3)}"
    except (TypeError, ValueError) as error:
        raise UserError(f"{target.partition(':')[0].lower()} cannot be exported: {error}") from error


def _floats(tensor: "Tensor") -> bytes:
    values = tensor.detach().cpu().flatten().tolist()
    return struct.pack(f"<{len(values)}f", *values)


def _blob(name: str, content: bytes) -> list[str]:
    text = base64.b64encode(content).decode("ascii")
    lines = [text[start : start + 100] for start in range(0, len(text), 100)]
    return [f'{name}_SHA256 = "{hashlib.sha256(content).hexdigest()}"', f'{name} = """', *lines, '"""']


def _copied(file: str) -> str:
    """What a module of this folder has below its marker."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    return text.partition(MARKER)[2].strip("\n")


def _docstring(export: Export) -> str:
    plan, data = export.plan, export.metadata
    versions = data.get("versions")
    versions = dict(versions) if isinstance(versions, Mapping) else {}
    shape = "x".join(str(size) for size in plan.input_shape)
    parameters = sum(layer.params for layer in plan.layers)
    images, recipe = data.get("validation_images"), data.get("recipe")
    measured = f" of {images:,} validation images" if isinstance(images, int) else ""
    rows = [
        ("study", _joined(data, ("study", "{}"), ("trial", "trial {}"), ("id", "id {}"), ("seed", "seed {}"))),
        ("score", _percent(data, "score", _score_words(data))),
        ("last epoch", _percent(data, "last_epoch_val_accuracy", measured)),
        ("parameters", f"{parameters:,}"),
        ("data", _joined(data, ("dataset", "{}"), ("data_checksum", "checksum {}"))),
        ("recipe", _joined(recipe if isinstance(recipe, Mapping) else data, ("name", "{}"), ("recipe", "{}"))),
        ("trained", _joined(data, ("trained", "{}"))),
        ("made by", f"underbudget {versions.pop('underbudget', '')}".strip()),
        ("with", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return "\n".join(
        [
            f'"""A network of {parameters:,} parameters that tells {plan.classes} classes of {shape} pictures apart.',
            "",
            *(f"    {name:<12}{plain(text, 104)}" for name, text in rows if text),
            "",
            "    python winner.py digit.png     what a picture shows; several may be given",
            "    python winner.py --selftest    check the weights and the arithmetic",
            "    python winner.py --info        all that is known about the network, as JSON",
            "",
            "From Python: `from winner import load, predict`. It needs Python 3.10, torch,",
            "and Pillow to read a picture.",
            "This file is free to use; the weights are yours.",
            '"""',
        ]
    )


def _joined(data: Mapping[str, JSON], *parts: tuple[str, str]) -> str:
    return ", ".join(form.format(data[key]) for key, form in parts if data.get(key) is not None)


def _score_words(data: Mapping[str, JSON]) -> str:
    epochs = data.get("epochs")
    if isinstance(epochs, int) and epochs <= 3:
        return f" (mean validation accuracy of the {epochs} epochs)" if epochs > 1 else " (validation, the only epoch)"
    return " (mean validation accuracy of the last three epochs)"


def _percent(data: Mapping[str, JSON], key: str, after: str) -> str:
    value = data.get(key)
    return f"{value:.2f} %{after}" if isinstance(value, float) else ""
