"""A process that decodes pictures: `python -m underbudget.search.data.pictures_worker`, for `search.data.pictures`."""

import os
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from underbudget.search.data import parallel

_SIDEWAYS = range(5, 9)  # EXIF orientations that swap height and width


def look(path: str) -> list[int] | str:
    """[height, width, channels, frames] of a picture by its head alone, or why it cannot be read."""
    from PIL import Image

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "is no regular file"
        with Image.open(path) as picture:
            width, height = picture.size
            if picture.getexif().get(0x0112) in _SIDEWAYS:
                width, height = height, width
            is_grey = picture.mode in ("1", "L", "LA", "La", "I", "F") or picture.mode.startswith("I;")
            return [height, width, 1 if is_grey else 3, int(getattr(picture, "n_frames", 1))]
    except Exception as error:  # whatever Pillow's readers raise for a broken file
        return _reason(error)


def reader(task: dict[str, Any], first: int) -> Callable[[str | None], str]:
    """Reads pictures into the rows of an array file, as `parallel.row_writer`; whatever Pillow's readers raise is a
    reason."""
    from underbudget.models.export.picture import fit, read

    _, channels, height, width = np.load(task["file"], mmap_mode="r").shape

    def image_of(path: str) -> Any:
        pixels, _ = fit(read(Path(path), channels), (channels, height, width), "any")
        return pixels[0].round().byte().numpy()

    return parallel.row_writer(task["file"], first, image_of, _reason)


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "is no picture"
    return " ".join(str(error).split())[:200] or type(error).__name__


def make(task: dict[str, Any], first: int) -> Callable[[Any], Any]:
    """The function that the task asks for."""
    warnings.simplefilter("ignore")  # Pillow's, of pictures
    return look if task["what"] == "look" else reader(task, first)


if __name__ == "__main__":
    parallel.serve(make)
