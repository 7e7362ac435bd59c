"""What an exported file does with a window of a sensor: read its rows from a text file, make them its network's input.

Everything below the marker is copied into exported files as it stands, hence it uses torch alone, and constants that an
exported file defines for its own network. The arithmetic is that of the search (`search.data.values`), to the last bit.
"""

from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

INPUT_SHAPE = (3, 50, 1)  # channels, time, 1
FRONTEND: dict[str, Any] = {
    "kind": "signal",
    "channels": ["x", "y", "z"],  # names of the columns, where they have some
    "offset": [-1.0, -1.0, -1.0],  # a value v becomes the byte 255 * (v - offset) / scale; without, it is a byte
    "scale": [2.0, 2.0, 2.0],
}


# --- copied into exported files from here ---


INPUT = "window"
FACTS: dict[str, object] = {"background": "any", "frontend": FRONTEND}
Source: TypeAlias = str | Path | Tensor  # a text file with a row per moment, or values (time, channels)


def read(path: str | Path, frontend: dict[str, Any] = FRONTEND) -> Tensor:
    """The rows of a CSV file, float32 (time, channels). Where its first line names the columns, those of the network
    are taken by their names."""
    with open(path, encoding="utf-8-sig") as file:
        lines = [line.replace(";", ",").replace("\t", ",").strip() for line in file]
    cells = [[cell.strip().strip('"') for cell in line.split(",")] for line in lines if line]
    names = frontend.get("channels", [])
    if cells and set(names) & set(cells[0]):
        missing = [name for name in names if name not in cells[0]]
        if missing:
            raise ValueError(f"there is no column {missing[0]}")
        places = [cells[0].index(name) for name in names]
        cells = [[row[place] for place in places if place < len(row)] for row in cells[1:]]
    if not cells or len({len(row) for row in cells}) != 1:
        raise ValueError("there are no rows of equally many values")
    return torch.tensor([[float(cell) for cell in row] for row in cells], dtype=torch.float32)


def fit(
    window: Tensor, frontend: dict[str, Any] = FRONTEND, shape: tuple[int, int, int] = INPUT_SHAPE
) -> tuple[Tensor, list[str]]:
    """Values (time, channels) as a batch of one, whole values 0..255 as float32, and what was done to them: nothing."""
    channels, length = shape[0], shape[1] * shape[2]
    if tuple(window.shape) != (length, channels):
        rows = "x".join(str(side) for side in window.shape)
        raise ValueError(f"a window has {length} rows of {channels} values, not {rows}")
    if not window.isfinite().all():
        raise ValueError("a window has finite values")
    image = window.float().T.reshape(shape)
    if "offset" in frontend:
        offset, scale = (torch.tensor(frontend[key], dtype=torch.float32).view(-1, 1, 1) for key in ("offset", "scale"))
        image = (image - offset) * (255 / scale)
    return image.round().clamp(0, 255)[None], []
