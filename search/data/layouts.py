"""How the axes of an array of examples are told: images, or windows of sensor values. N examples, H height, W width,
C channels, T time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.architecture import size_text
from underbudget.models.errors import UserError
from underbudget.search.data.definition import LAYOUTS

# Each with its axes in the order N, C, H, W; None stands for an axis of one.
_ORDERS: dict[str, tuple[int | None, ...]] = {  # of LAYOUTS
    "NHWC": (0, 3, 1, 2),
    "NCHW": (0, 1, 2, 3),
    "NHW": (0, None, 1, 2),
    "NTC": (0, 2, 1, None),
    "NCT": (0, 1, 2, None),
}
SIGNALS = ("NTC", "NCT")
_MOST_CHANNELS = 16  # an axis as short as this may be that of the channels
_LONG = 4  # so many times longer than the channels, an axis is taken for time


def layout_of(name: str, array: npt.NDArray[Any], asked: str | None) -> str:
    """The layout of an array, told by its shape unless it is asked for.

    Raises UserError for a shape that no layout has, one that several may have, and another number of axes than asked.
    """
    shape = array.shape
    axes = sorted({len(layout) for layout in LAYOUTS})
    if len(shape) not in axes:
        raise UserError(
            f"{name} has the shape {size_text(shape)}: images have 3 or 4 axes (NHW, NHWC, NCHW), windows of sensors 3 "
            "(NTC; of one channel N x T x 1)"
        )
    if asked is not None:
        if len(asked) != len(shape):
            raise UserError(f"--layout {asked} has {len(asked)} axes, {name} has the shape {size_text(shape)}")
        return asked
    found = _of_windows(shape, array.dtype == np.uint8) if len(shape) == 3 else _of_images(shape)
    if len(found) != 1:
        raise UserError(f"{name} has the shape {size_text(shape)}, which may be {' or '.join(found)}: say by --layout")
    return found[0]


def _of_images(shape: Sequence[int]) -> list[str]:
    """The layouts that four axes may have: the channels are 1 or 3, else few and fewer than the pixels of a side."""
    _, first, middle, last = shape
    ends = {"NCHW": (first, min(middle, last)), "NHWC": (last, min(first, middle))}
    few = [layout for layout, (channels, _) in ends.items() if channels in (1, 3)]
    fewer = [layout for layout, (channels, side) in ends.items() if channels < min(side, _MOST_CHANNELS + 1)]
    return few or fewer or list(ends)


def _of_windows(shape: Sequence[int], is_bytes: bool) -> list[str]:
    """The layouts that three axes may have. Sides of like lengths are an image's; bytes are hardly a sensor's."""
    _, first, second = shape
    if max(first, second) <= 2 * min(first, second):
        return ["NHW"]
    if second <= _MOST_CHANNELS and first >= _LONG * second:
        return ["NHW", "NTC"] if is_bytes else ["NTC"]
    if first <= _MOST_CHANNELS and second >= _LONG * first:
        return ["NHW", "NCT"]
    return ["NHW"] if is_bytes else ["NHW", "NTC"]


def as_images(array: npt.NDArray[Any], layout: str) -> npt.NDArray[Any]:
    """A view of the array as images (n, channels, height, width); a window's time is its height, its width is 1."""
    order = _ORDERS[layout]
    images = array.transpose([axis for axis in order if axis is not None])
    return np.expand_dims(images, order.index(None)) if None in order else images
