"""Images as text, for a JSON file: base64 of the zlib-compressed uint8 values."""

import base64
import math
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def pack(images: npt.NDArray[np.uint8]) -> str:
    """The values of an array of any shape, in C order; the shape is stored by the caller."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(images).tobytes(), 9)).decode("ascii")


def unpack(text: str, shape: Sequence[int]) -> npt.NDArray[np.uint8]:
    """The inverse of `pack`. Raises ValueError where the text is damaged or of another shape."""
    try:  # no more than that: a small text can stand for any amount of memory
        values = zlib.decompressobj().decompress(base64.b64decode(text), math.prod(shape) + 1)
    except (zlib.error, OverflowError, MemoryError) as error:
        raise ValueError(str(error)) from error
    return np.frombuffer(bytearray(values), dtype=np.uint8).reshape(shape)
