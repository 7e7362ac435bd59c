"""What an exported file does with a picture: read it from a file, make it what the network takes.

Everything below the marker is copied into exported files as it stands, hence it uses torch alone, Pillow where a file
is read, and constants that an exported file defines for its own network. The search reads pictures by the same
functions.
"""

import os
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from PIL import Image

INPUT_SHAPE = (1, 28, 28)  # channels, height, width
BACKGROUND = "dark"  # of the pictures of the training


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


INPUT = "picture"
FACTS: dict[str, object] = {"background": BACKGROUND}
Source: TypeAlias = "str | Path | Image.Image | Tensor"  # a file, or uint8 (channels, height, width)


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


def fit(
    picture: "Image.Image | Tensor", shape: tuple[int, int, int] = INPUT_SHAPE, ground: str = BACKGROUND
) -> tuple[Tensor, list[str]]:
    """A picture of any size, of Pillow or uint8 (channels, height, width), as a batch of one, whole pixels 0..255 as
    float32, and what was done to it.

    It keeps its proportions: what is missing at the sides is filled with the colour of its border. A picture of one
    channel is inverted where its background is not that of the training pictures.
    """
    if not isinstance(picture, Tensor):
        picture = pixels(picture, shape[0])
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
