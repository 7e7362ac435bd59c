"""Sample images as characters: half blocks in a terminal's colours, or shades of plain text; signals as lines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from underbudget.reports.pictures import Picture, as_rows

if TYPE_CHECKING:
    from rich.text import Text

_SIDE = 16  # characters of a sample's width, and rows of pixels of its height, at most
_SHADES = " .:-=+*#%@"
_LEVELS = "▁▂▃▄▅▆▇█"
_POINTS = 32  # of a drawn signal


def lines(pictures: Sequence[Picture], in_colour: bool) -> "list[Text]":
    """The samples of one class side by side, as lines of text."""
    from rich.text import Text

    rows = [_drawn(picture.pixels, in_colour) for picture in pictures]
    height = max(map(len, rows), default=0)
    found = []
    for row in range(height):
        line = Text("  ")
        for sample in rows:
            line.append_text(sample[row] if row < len(sample) else Text(" " * len(sample[0])))
            line.append(" ")
        found.append(line)
    return found


def _drawn(pixels: npt.NDArray[np.uint8], in_colour: bool) -> "list[Text]":
    from rich.text import Text

    channels, height, width = pixels.shape
    if (height == 1) != (width == 1):
        return [Text("".join(_LEVELS[level] for level in _curve(values))) for values in pixels.reshape(channels, -1)]
    small = _small(as_rows(pixels))
    if not in_colour:
        grey = small.mean(2) if small.ndim == 3 else small
        return [Text("".join(_SHADES[int(value) * len(_SHADES) // 256] for value in row)) for row in grey[::2]]
    colours = small if small.ndim == 3 else np.repeat(small[..., None], 3, 2)
    if len(colours) % 2:
        colours = np.concatenate([colours, np.zeros_like(colours[:1])])
    found = []
    for upper, lower in zip(colours[::2].tolist(), colours[1::2].tolist(), strict=True):
        line = Text()
        for above, below in zip(upper, lower, strict=True):
            line.append("▀", f"rgb({','.join(map(str, above))}) on rgb({','.join(map(str, below))})")
        found.append(line)
    return found


def _curve(values: npt.NDArray[np.uint8]) -> list[int]:
    """The means of a signal's pieces, as numbers of _LEVELS."""
    pieces = np.array_split(values, min(_POINTS, len(values)))
    return [int(piece.mean()) * len(_LEVELS) // 256 for piece in pieces]


def _small(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    height, width = rows.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(rows).resize(size, Image.Resampling.BOX))
