"""What an exported file does by itself: load the network, predict, test itself, answer on the command line.

Everything below the marker is copied into exported files as it stands, after the text of a front end that reads what
the network takes (`picture`, `sound`), hence it uses torch alone, and constants that an exported file defines for its
own network; the values here are examples.
"""

import argparse
import base64
import hashlib
import json
import os
import struct
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from underbudget.models.export.picture import FACTS, INPUT, Source, fit, read

CLASSES: tuple[str, ...] = ("0", "1")
INPUT_SHAPE = (1, 28, 28)  # channels, height, width
MEAN: tuple[float, ...] = (0.13,)
STD: tuple[float, ...] = (0.31,)
PARAMETERS = 6
METADATA: dict[str, object] = {}
SAMPLE_LABELS: tuple[int, ...] = ()
TOLERANCE = 1e-4
SAMPLES = SAMPLES_SHA256 = WEIGHTS = WEIGHTS_SHA256 = ""


class Network(nn.Module):
    """The network itself, written out layer by layer."""


# --- copied into exported files from here ---


def normalise(pictures: Tensor, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> Tensor:
    """Pixels 0..255, shape (n, channels, height, width), as the network takes them."""
    centre, scale = (torch.tensor(values, dtype=torch.float32).view(-1, 1, 1) for values in (mean, std))
    return (pictures.float() / 255 - centre) / scale


def preprocess(source: Source) -> Tensor:
    """What `fit` takes, or a file that `read` reads, as a batch of one for the network."""
    return normalise(fit(read(source) if isinstance(source, (str, Path)) else source)[0])


def decode(what: str, text: str, sha256: str) -> bytes:
    """The bytes of a base64 text, checked."""
    try:
        content = base64.b64decode(text)
    except ValueError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"the {what} in this file do not match their checksum: the file was changed, export it again")
    return content


def floats(content: bytes) -> Tensor:
    """Little-endian float32 values."""
    return torch.tensor(struct.unpack(f"<{len(content) // 4}f", content), dtype=torch.float32)


def load() -> Network:
    """The trained network, in eval mode."""
    network = Network()
    tensors = [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
    values = floats(decode("weights", WEIGHTS, WEIGHTS_SHA256))
    parts = torch.split(values, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))
    return network.eval()


def rank(network: nn.Module, batch: Tensor) -> list[tuple[str, float]]:
    """Every class with its probability (0..1), the likeliest first, for a batch of one."""
    with torch.inference_mode():
        probabilities = network(batch)[0].softmax(0)
    order = probabilities.argsort(descending=True, stable=True).tolist()
    return [(CLASSES[index], float(probabilities[index])) for index in order]


def predict(source: Source) -> list[tuple[str, float]]:
    """Every class with its probability (0..1), the likeliest first, for what `preprocess` takes."""
    return rank(load(), preprocess(source))


def selftest() -> bool:
    """Whether the stored pictures still give the stored logits; prints one line."""
    network = load()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    content = decode("samples", SAMPLES, SAMPLES_SHA256)
    expected = floats(content[-4 * len(SAMPLE_LABELS) * len(CLASSES) :]).view(-1, len(CLASSES))
    pictures = torch.frombuffer(bytearray(content[: -4 * expected.numel()]), dtype=torch.uint8).view(-1, *INPUT_SHAPE)
    with torch.inference_mode():
        logits = network(normalise(pictures))
    difference = float((logits - expected).abs().max())
    allowed = TOLERANCE * max(1.0, float(expected.abs().max()))
    right = int(logits.argmax(1).eq(torch.tensor(SAMPLE_LABELS)).sum())
    passed = parameters == PARAMETERS and difference <= allowed
    print(
        f"selftest {'passed' if passed else 'FAILED'}: {parameters:,} parameters ({PARAMETERS:,} stated), logits of "
        f"{len(pictures)} pictures differ by {difference:.2g} ({allowed:.2g} allowed), {right} predicted as labelled"
    )
    return passed


class Pixels(nn.Module):
    """The network with its normalisation: takes pixels 0..255."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(normalise(pixels))
        return logits


def write_onnx(path: str) -> None:
    """Write the network as an ONNX file. Input "pixels": float32 (batch, channels, height, width), 0..255; output
    "logits": (batch, classes); the class names are in its metadata."""
    if Path(path).exists():
        raise ValueError(f"{path} exists: give another name, or delete it")
    shapes = ({0: torch.export.Dim("batch")},)
    try:
        program = torch.onnx.export(
            Pixels(load()).eval(),
            (torch.zeros(2, *INPUT_SHAPE),),
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_shapes=shapes,
            verbose=False,
        )
    except ImportError as error:
        raise ImportError(f"writing ONNX needs two packages ({error}): pip install onnx onnxscript") from None
    if program is None:
        raise ValueError("this torch writes no ONNX program")
    for node in program.model.graph:
        node.metadata_props.clear()  # where it was made, with the paths of this machine
    facts = {"classes": list(CLASSES), "input_shape": list(INPUT_SHAPE), "metadata": METADATA, **FACTS}
    program.model.metadata_props.update({key: json.dumps(value) for key, value in facts.items()})
    program.save(path)
    print(
        f"{shown(path)}: ONNX, input {'x'.join(map(str, INPUT_SHAPE))} pixels of 0..255, output {len(CLASSES)} logits"
    )


def shown(text: str) -> str:
    """`text` as any terminal can show it."""
    encoding = sys.stdout.encoding or "ascii"
    return (text if text.isprintable() else ascii(text)).encode(encoding, "backslashreplace").decode(encoding)


def answer(network: nn.Module, path: str) -> bool:
    """Print the class of what is in a file; False where it cannot be read."""
    try:
        image, steps = fit(read(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        print(f"{shown(path)}: {shown(str(reason))}", file=sys.stderr)
        return False
    ranking = rank(network, normalise(image))
    best = ", ".join(f"{shown(name)} {100 * probability:.1f} %" for name, probability in ranking[:3])
    print(f"{shown(path)}: {shown(ranking[0][0])} ({best})" + (f" [{', '.join(steps)}]" if steps else ""))
    return True


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=f"Say which class a {INPUT} is of.")
    parser.add_argument("files", nargs="*", metavar=INPUT.upper(), help=f"a {INPUT} of any size")
    parser.add_argument("--selftest", action="store_true", help="check weights and arithmetic, exit code 1 on failure")
    parser.add_argument("--info", action="store_true", help="print the metadata as JSON")
    parser.add_argument("--onnx", metavar="FILE", help="write the network as an ONNX file")
    options = parser.parse_args(arguments)
    if not (options.files or options.selftest or options.info or options.onnx):
        parser.error(f"give a {INPUT}, --selftest, --info or --onnx")
    failed = False
    try:
        if options.info:
            print(json.dumps(METADATA, indent=2))
        if options.selftest:
            failed = not selftest()
        if options.onnx:
            write_onnx(options.onnx)
        if options.files:
            network = load()
            failed |= [answer(network, path) for path in options.files].count(False) > 0
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough: nothing more is written, not at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        failed = True
    except (ImportError, OSError, ValueError) as error:
        print(shown(str(error)), file=sys.stderr)
        failed = True
    return int(failed)
