"""What an exported file does by itself: read a picture, make it what the network takes, load the network, predict, test
itself, answer on the command line.

Everything below the marker is copied into exported files as it stands, hence it uses torch alone, Pillow where a file
is read, and constants that an exported file defines for its own network; the values here are examples.
"""

import argparse
import base64
import hashlib
import json
import os
import stat
import struct
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from PIL import Image

CLASSES: tuple[str, ...] = ("0", "1")
INPUT_SHAPE = (1, 28, 28)  # channels, height, width
MEAN: tuple[float, ...] = (0.13,)
STD: tuple[float, ...] = (0.31,)
BACKGROUND = "dark"  # of the pictures of the training
PARAMETERS = 6
METADATA: dict[str, object] = {}
SAMPLE_LABELS: tuple[int, ...] = ()
TOLERANCE = 1e-4
SAMPLES = SAMPLES_SHA256 = WEIGHTS = WEIGHTS_SHA256 = ""


class Network(nn.Module):
    """The network itself, written out layer by layer."""


def background(pictures: Tensor) -> str:
    """The background of training pictures (n, channels, height, width): "dark", "light", or "any" where less than
    three quarters agree. Pictures of several channels have "any": what they show needs no contrast to a background.
    """
    if pictures.shape[1] != 1:
        return "any"
    light = sum(has_light_background(picture) for picture in pictures)
    if 4 * light >= 3 * len(pictures):
        return "light"
    return "dark" if 4 * light <= len(pictures) else "any"


# --- copied into exported files from here ---


def pixels(picture: "Image.Image", channels: int = INPUT_SHAPE[0]) -> Tensor:
    """A Pillow image as uint8, shape (channels, height, width): grey or RGB as the network takes it."""
    mode = {1: "L", 3: "RGB"}.get(channels)
    if mode is None:
        raise ValueError(f"the network takes {channels} channels, a picture has 1 or 3: give a tensor")
    if picture.mode.startswith("I"):  # 16 bit
        picture = picture.convert("F").point(lambda value: value * (1 / 257)).convert("L")
    transparent = picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info
    if transparent:
        picture = picture.convert("RGBA")
        mode = {"L": "LA", "RGB": "RGBA"}[mode]
    picture = picture.convert(mode)
    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    values = values.view(picture.height, picture.width, -1).permute(2, 0, 1)
    if transparent:  # ink on glass: lay it on white paper, light ink on black
        colour, alpha = values[:-1].float(), values[-1:].float() / 255
        ink = (colour * alpha).sum() / (len(colour) * alpha.sum()).clamp(min=1)
        paper = 255 if ink < 128 else 0
        values = (colour * alpha + paper * (1 - alpha)).round().to(torch.uint8)
    return values


MOST_PIXELS = 40_000_000  # of a picture: each takes up to 24 bytes


def read(path: str | Path, channels: int = INPUT_SHAPE[0]) -> Tensor:
    """The picture in a file, as `pixels` gives it; a JPEG over MOST_PIXELS is decoded at a quarter of its size."""
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError:
        raise ImportError("reading a picture needs Pillow: pip install pillow") from None
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("is no regular file")  # a pipe might say nothing for ever
    too_large = ValueError(f"has more than {MOST_PIXELS:,} pixels: make it smaller")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of the file
        try:
            with Image.open(path) as file:
                if file.width * file.height > MOST_PIXELS:
                    file.draft(None, (file.width // 4, file.height // 4))  # does it for a JPEG alone
                if file.width * file.height > MOST_PIXELS:
                    raise too_large
                return pixels(ImageOps.exif_transpose(file), channels)  # a photo lies as it was held
        except Image.DecompressionBombError:
            raise too_large from None
        except SyntaxError as error:  # a damaged PNG to Pillow
            raise ValueError(str(error)) from error


def border(picture: Tensor) -> Tensor:
    """Median of the outermost pixels of each channel of (channels, height, width): the colour of the background."""
    sides = picture[:, 0], picture[:, -1], picture[:, :, 0], picture[:, :, -1]
    return torch.cat(sides, 1).double().quantile(0.5, 1)


def has_light_background(picture: Tensor) -> bool:
    """Whether the border is lighter than the picture as a whole."""
    return bool(border(picture).mean() > picture.double().mean())


def normalise(pictures: Tensor, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> Tensor:
    """Pixels 0..255, shape (n, channels, height, width), as the network takes them."""
    centre, scale = (torch.tensor(values, dtype=torch.float32).view(-1, 1, 1) for values in (mean, std))
    return (pictures.float() / 255 - centre) / scale


def fit(
    picture: Tensor, shape: tuple[int, int, int] = INPUT_SHAPE, ground: str = BACKGROUND
) -> tuple[Tensor, list[str]]:
    """A uint8 picture (channels, height, width) of any size as a batch of one, whole pixels 0..255 as float32, and what
    was done to it.

    It keeps its proportions: what is missing at the sides is filled with the colour of its border. A picture of one
    channel is inverted where its background is not that of the training pictures.
    """
    if picture.dtype != torch.uint8 or picture.ndim != 3 or len(picture) != shape[0]:
        raise ValueError(
            f"a picture must be uint8 of shape ({shape[0]}, height, width), "
            f"not {picture.dtype} of shape {tuple(picture.shape)}"
        )
    steps = []
    if ground != "any" and has_light_background(picture) != (ground == "light"):
        picture = 255 - picture
        steps.append("inverted")
    height, width = picture.shape[1:]
    scale = min(shape[1] / height, shape[2] / width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    x = picture.float()[None]
    if size != (height, width):
        x = nn.functional.interpolate(x, size, mode="bilinear", antialias=True)
        steps.append(f"resized {width}x{height} to {size[1]}x{size[0]}")
    if size != shape[1:]:
        top, left = (shape[1] - size[0]) // 2, (shape[2] - size[1]) // 2
        filled = border(picture).float().view(1, -1, 1, 1).repeat(1, 1, *shape[1:])
        filled[:, :, top : top + size[0], left : left + size[1]] = x
        x = filled
        steps.append(f"padded to {shape[2]}x{shape[1]}")
    return x.round(), steps


def preprocess(picture: "str | Path | Image.Image | Tensor") -> Tensor:
    """A picture file, Pillow image or uint8 tensor (channels, height, width) as a batch of one for the network."""
    if isinstance(picture, (str, Path)):
        picture = read(picture)
    return normalise(fit(picture if isinstance(picture, Tensor) else pixels(picture))[0])


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


def predict(picture: "str | Path | Image.Image | Tensor") -> list[tuple[str, float]]:
    """Every class with its probability (0..1), the likeliest first, for a picture as `preprocess` takes it."""
    return rank(load(), preprocess(picture))


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
    facts = {"classes": list(CLASSES), "input_shape": list(INPUT_SHAPE), "background": BACKGROUND, "metadata": METADATA}
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
    """Print what the picture in a file shows; False where it cannot be read."""
    try:
        picture, steps = fit(read(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        print(f"{shown(path)}: {shown(str(reason))}", file=sys.stderr)
        return False
    ranking = rank(network, normalise(picture))
    best = ", ".join(f"{shown(name)} {100 * probability:.1f} %" for name, probability in ranking[:3])
    print(f"{shown(path)}: {shown(ranking[0][0])} ({best})" + (f" [{', '.join(steps)}]" if steps else ""))
    return True


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Say what a picture shows.")
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help="a picture file of any size")
    parser.add_argument("--selftest", action="store_true", help="check weights and arithmetic, exit code 1 on failure")
    parser.add_argument("--info", action="store_true", help="print the metadata as JSON")
    parser.add_argument("--onnx", metavar="FILE", help="write the network as an ONNX file")
    options = parser.parse_args(arguments)
    if not (options.pictures or options.selftest or options.info or options.onnx):
        parser.error("give a picture, --selftest, --info or --onnx")
    failed = False
    try:
        if options.info:
            print(json.dumps(METADATA, indent=2))
        if options.selftest:
            failed = not selftest()
        if options.onnx:
            write_onnx(options.onnx)
        if options.pictures:
            network = load()
            failed |= [answer(network, path) for path in options.pictures].count(False) > 0
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough: nothing more is written, not at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        failed = True
    except (ImportError, OSError, ValueError) as error:
        print(shown(str(error)), file=sys.stderr)
        failed = True
    return int(failed)
