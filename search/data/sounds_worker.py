"""A process that reads recordings: `python -m underbudget.search.data.sounds_worker`, for `search.data.sounds`."""

import os
import stat
from collections.abc import Callable
from typing import Any

from underbudget.models.export.sound import centred, read, resample, spectrogram
from underbudget.search.data import parallel

_KNOWN = (OSError, ValueError, MemoryError)  # of a file that cannot be read


def look(path: str) -> list[int] | str:
    """[rate, samples] of a recording, or why it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "is no regular file"
        samples, rate = read(path)
        return [rate, len(samples)]
    except _KNOWN as error:
        return _reason(error)


def reader(task: dict[str, Any], first: int) -> Callable[[str | None], str]:
    """Reads recordings into the rows of an array file, as `parallel.row_writer`."""
    frontend = task["frontend"]

    def image_of(path: str) -> Any:
        samples, rate = read(path)
        samples = centred(resample(samples, rate, frontend["sample_rate"]), frontend["samples"])
        return spectrogram(samples, frontend).numpy()

    return parallel.row_writer(task["file"], first, image_of, _reason, _KNOWN)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def make(task: dict[str, Any], first: int) -> Callable[[Any], Any]:
    """The function that the task asks for."""
    return look if task["what"] == "look" else reader(task, first)


if __name__ == "__main__":
    parallel.serve(make)
