"""A process that reads recordings: `python -m underbudget.search.data.sounds_worker`, for `search.data.sounds`."""

import os
import stat
from collections.abc import Callable
from typing import Any

import numpy as np

from underbudget.models.export.sound import centred, read, resample, spectrogram
from underbudget.search.data import parallel


def look(path: str) -> list[int] | str:
    """[rate, samples] of a recording, or why it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "is no regular file"
        samples, rate = read(path)
        return [rate, len(samples)]
    except (OSError, ValueError, MemoryError) as error:
        return _reason(error)


def reader(task: dict[str, Any], first: int) -> Callable[[str | None], str]:
    """Reads recordings into the rows of an array file, from row `first` on; answers "" or why one cannot be read."""
    images, frontend = np.load(task["file"], mmap_mode="r+"), task["frontend"]
    row = first - 1

    def answer(path: str | None) -> str:
        nonlocal row
        row += 1
        if path is None:
            return ""
        try:
            samples, rate = read(path)
            samples = centred(resample(samples, rate, frontend["sample_rate"]), frontend["samples"])
            images[row] = spectrogram(samples, frontend).numpy()
        except (OSError, ValueError, MemoryError) as error:
            return _reason(error)
        return ""

    return answer


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def make(task: dict[str, Any], first: int) -> Callable[[Any], Any]:
    """The function that the task asks for."""
    return look if task["what"] == "look" else reader(task, first)


if __name__ == "__main__":
    parallel.serve(make)
