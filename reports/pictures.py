"""Small images: with captions for pages and figures, and packed for JSON."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CURVE_SIZE = (64, 96)  # height and width of a drawn signal
CURVES = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))  # Okabe and Ito


@dataclass(frozen=True)
class Picture:
    """An image with its caption."""

    pixels: npt.NDArray[np.uint8]  # (channels, height, width)
    caption: str
    detail: str = ""  # a second, smaller line


def data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    """The image as a PNG in a data URI, for a page that needs no other file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(as_rows(pixels)).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def as_rows(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """An image (channels, height, width) to be shown: (height, width) grey or (height, width, 3) in colour.

    One channel is grey, three are red, green and blue, of other numbers the mean is shown. A signal, whose one side is
    1, is drawn as a curve per channel.
    """
    channels, height, width = pixels.shape
    if (height == 1) != (width == 1):
        return _curves(pixels.reshape(channels, -1))
    if channels in (1, 3):
        return pixels[0] if channels == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    return np.asarray(pixels.mean(0).round().astype(np.uint8))


def _curves(signal: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A signal (channels, time) as a picture, the values 0 at its bottom and 255 at its top."""
    height, width = CURVE_SIZE
    canvas = np.full((height, width, 3), 255, np.uint8)
    times = np.linspace(0, signal.shape[1] - 1, width)
    for channel, values in enumerate(signal):
        level = np.interp(times, np.arange(len(values)), values)
        rows = np.rint((1 - level / 255) * (height - 1)).astype(int)
        for column, (before, now) in enumerate(zip([rows[0], *rows[:-1]], rows, strict=True)):
            canvas[min(before, now) : max(before, now) + 1, column] = CURVES[channel % len(CURVES)]
    return canvas
