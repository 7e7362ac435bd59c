"""Small images: with captions, as a page and a figure show them; packed, as JSON holds them."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Picture:
    """One image with what is written below it."""

    pixels: npt.NDArray[np.uint8]  # (channels, height, width), one channel or three
    caption: str
    detail: str = ""  # a second, smaller line


def data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    """The image as a PNG in a data URI, for a page that needs no other file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(as_rows(pixels)).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def as_rows(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(height, width) for one channel, (height, width, 3) for three."""
    return pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
