"""Values that are no bytes (spectrograms, sensors, 16-bit images) as 8 bits, with an offset and a scale per channel."""

from typing import Any

import numpy as np
import numpy.typing as npt

TAIL = 0.0005  # share of the training values that lie below, and above, what 8 bits can tell apart


def scales(images: npt.NDArray[np.float32]) -> dict[str, list[float]]:
    """Offset and scale per channel of float images (n, channels, height, width), of the training part: a value v
    becomes the byte round(255 * (v - offset) / scale), within 0..255."""
    offsets, widths = [], []
    for channel in range(images.shape[1]):
        low, high = np.quantile(images[:, channel], (TAIL, 1 - TAIL)).tolist()
        offsets.append(float(np.float32(low)))
        widths.append(float(np.float32(high - low)) or 1.0)
    return {"offset": offsets, "scale": widths}


def to_bytes(images: npt.NDArray[np.float32], scale: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """Float images (n, channels, height, width) as uint8, in float32 arithmetic, halves rounded to even."""
    offset, width = (np.asarray(scale[name], np.float32)[:, None, None] for name in ("offset", "scale"))
    result = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), 1024):
        block = (images[start : start + 1024] - offset) * (np.float32(255) / width)
        result[start : start + 1024] = np.clip(np.rint(block), 0, 255)
    return result
