"""Misclassified validation images of a trial, kept beside its weights when a search ends: pictures for its report.

A JSON file below the study's folder, written by the search; reports have no data set to look into.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.files import write_atomically
from underbudget.models.images import pack, unpack
from underbudget.reports.runs import Misclassification

FILE = "models/mistakes.json"
MOST = 60  # images that are kept, those of the highest confidence


@dataclass(frozen=True)
class MisclassifiedImage(Misclassification):
    """A misclassified image of the validation part, with what it shows."""

    pixels: npt.NDArray[np.uint8]  # (channels, height, width)


@dataclass(frozen=True)
class MisclassifiedImages:
    """Those of one trial."""

    trial: int
    weights_sha256: str  # of the weights that made them
    total: int  # misclassified images; of more than MOST the first in `images` are kept
    images: tuple[MisclassifiedImage, ...]


def write_misclassified(folder: Path, mistakes: MisclassifiedImages) -> None:
    """Write FILE below a study's folder. Raises OSError."""
    pixels = np.stack([mistake.pixels for mistake in mistakes.images]) if mistakes.images else np.zeros(0, np.uint8)
    stored = {
        "trial": mistakes.trial,
        "weights_sha256": mistakes.weights_sha256,
        "total": mistakes.total,
        "shape": list(pixels.shape),
        "pixels": pack(pixels),
        "missed": [[each.index, each.true, each.predicted, each.confidence] for each in mistakes.images],
    }
    write_atomically(folder / FILE, json.dumps(stored).encode())


def read_misclassified(folder: Path) -> MisclassifiedImages | None:
    """What FILE holds; None where it is missing or damaged: a report can do without."""
    try:
        stored: dict[str, Any] = json.loads((folder / FILE).read_bytes())
        missed: Sequence[Any] = stored["missed"]
        pictures = unpack(stored["pixels"], stored["shape"]) if missed else ()
        return MisclassifiedImages(
            int(stored["trial"]),
            str(stored["weights_sha256"]),
            int(stored["total"]),
            tuple(
                MisclassifiedImage(int(index), int(true), int(predicted), float(confidence), pixels)
                for pixels, (index, true, predicted, confidence) in zip(pictures, missed, strict=True)
            ),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
