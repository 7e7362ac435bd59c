"""A network in integers computed by NumPy: a second implementation that the C program must equal bit for bit.

Sums are taken in float64, where every whole number up to 2^53 is exact.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from underbudget.models.export.c.quantise import MOST, PIXEL_BITS, Integers, IntegerStep

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


def simulate(network: Integers, pictures: npt.NDArray[np.uint8]) -> Whole:
    """Stored logits, -128..127, shape (n, classes), for uint8 pictures (n, channels, height, width)."""
    return values(network, pictures)[-1].reshape(len(pictures), -1)


def values(network: Integers, pictures: npt.NDArray[np.uint8]) -> list[Whole]:
    """The stored input and the stored output of each step, int64 (n, height, width, channels)."""
    factors, offsets = np.array(network.pixels, np.int64).T
    x = (pictures.transpose(0, 2, 3, 1).astype(np.int64) * factors + offsets) >> PIXEL_BITS
    maps = [np.clip(x, -128, MOST)]
    for step in network.steps:
        maps.append(np.clip(_step(step, maps[-1]), step.low, MOST))
    return maps


def _step(one: IntegerStep, x: Whole) -> Whole:
    step = one.step
    channels, *size = step.input_shape
    x = x.reshape(len(x), *size, channels)  # a linear layer takes a map as a vector
    match step.kind:
        case "maxpool":
            result: Whole = _windows(one, x, -128).max((-2, -1))
        case "avgpool":
            sums, count = _windows(one, x, one.source.zero).sum((-2, -1)), step.kernel[0] * step.kernel[1]
            result = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
        case "mean":
            sums = (x - one.source.zero).sum((1, 2), keepdims=True)
            return _requantised(one, sums)
        case "scale":
            assert one.weight is not None, "this kind has weights"
            return _requantised(one, (x - one.source.zero) * one.weight)
        case _:
            return _requantised(one, _convolution(one, _windows(one, x, one.source.zero) - one.source.zero))
    return result


def _windows(one: IntegerStep, x: Whole, padding: int) -> Whole:
    """(n, out height, out width, channels, kernel height, kernel width)"""
    (rows, columns), stride = one.step.padding, one.step.stride
    x = np.pad(x, ((0, 0), (rows, rows), (columns, columns), (0, 0)), constant_values=padding)
    return sliding_window_view(x, one.step.kernel, (1, 2))[:, :: stride[0], :: stride[1]]


def _convolution(one: IntegerStep, windows: Whole) -> Whole:
    """Sums of products, (n, out height, out width, outputs)."""
    assert one.weight is not None, "this kind has weights"
    weight = one.weight.astype(np.float64)
    if one.step.kind == "depthwise":
        weight = np.moveaxis(weight, -1, 0)[..., None]  # one input channel for each output
    places, outputs, groups = windows.shape[:3], len(weight), one.step.groups
    inputs = windows.shape[3] // groups
    # (groups, places, inputs of a group) x (groups, inputs of a group, outputs of a group)
    columns = windows.reshape(-1, groups, inputs, *one.step.kernel).transpose(1, 0, 3, 4, 2)
    columns = columns.reshape(groups, len(columns[0]), -1).astype(np.float64)
    rows = weight.reshape(groups, outputs // groups, -1).transpose(0, 2, 1)
    sums: Floats = columns @ rows
    return sums.transpose(1, 0, 2).reshape(*places, outputs).astype(np.int64)


def _requantised(one: IntegerStep, sums: Whole) -> Whole:
    """gemmlowp's SaturatingRoundingDoublingHighMul, then its RoundingDivideByPOT, per output channel."""
    if one.bias is not None:
        sums = sums + one.bias
    products = sums * np.array(one.multiplier, np.int64)
    nudge = np.where(products >= 0, 2**30, 1 - 2**30)
    high = np.sign(products + nudge) * (np.abs(products + nudge) >> 31)  # C's division, towards zero
    shift = np.array(one.shift, np.int64)
    mask = (1 << shift) - 1
    rounded = (high >> shift) + ((high & mask) > (mask >> 1) + (high < 0))
    result: Whole = rounded + one.target.zero
    return result
