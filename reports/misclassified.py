"""Misclassified validation images of a trial, for its report.

The search writes them to a JSON file beside the weights when it ends, because reports never open a data set.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.files import json_value, write_atomically
from underbudget.models.images import pack, unpack
from underbudget.reports.runs import Misclassification

FILE = "models/mistakes.json"
MOST = 60  # images kept, those of the highest confidence


@dataclass(frozen=True)
class MisclassifiedImage(Misclassification):
    """A misclassified image of the validation part, with what it shows."""

    pixels: npt.NDArray[np.uint8]  # (channels, height, width)


@dataclass(frozen=True)
class MisclassifiedImages:
    """The misclassified images of one trial."""

    trial: int
    weights_sha256: str  # of the weights that made them
    total: int  # misclassified images; of more than MOST the first in `images` are kept
    images: tuple[MisclassifiedImage, ...]


def write_misclassified(folder: Path, misclassified: MisclassifiedImages) -> None:
    """Write FILE below a study's folder. Raises OSError."""
    pixels = np.stack([each.pixels for each in misclassified.images]) if misclassified.images else np.zeros(0, np.uint8)
    stored = {
        "trial": misclassified.trial,
        "weights_sha256": misclassified.weights_sha256,
        "total": misclassified.total,
        "shape": list(pixels.shape),
        "pixels": pack(pixels),
        "missed": [[each.index, each.true, each.predicted, each.confidence] for each in misclassified.images],
    }
    write_atomically(folder / FILE, json.dumps(stored).encode())


def read_misclassified(folder: Path) -> MisclassifiedImages | None:
    """What FILE holds; None where it is missing or damaged, since a report can do without."""
    try:
        stored: dict[str, Any] = json_value((folder / FILE).read_bytes())
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
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
