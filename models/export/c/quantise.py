"""Steps in 8-bit integers, by the LiteRT 8-bit quantisation specification (ai.google.dev/edge/litert, "quantization
spec"; arithmetic as in gemmlowp, Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference").

Maps are int8 with one scale and one zero point each, weights symmetric int8 in -127..127 with one scale per output
channel, biases int32 on the scale of input x weights, results brought to the output's scale by a fixed-point multiplier
and a shift per output channel. The ranges of the maps are the least and greatest values that calibration pictures give
rise to. A batch norm that stays by itself is a depthwise convolution of 1x1 kernels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from underbudget.models.export.c.steps import Step

if TYPE_CHECKING:
    from torch import nn

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]

LEAST, MOST = -128, 127
BATCH = 250  # calibration pictures at a time
PIXEL_BITS = 16  # fraction bits of the multiply-add that brings pixels to int8
SUM_LIMIT = 2.0**30  # of an accumulator in the worst case: half of int32, so that rounding and doubling cannot overflow
SMALLEST = 1e-30  # of a scale, far above the least float32
HEADROOM = 1 + 1e-6  # keeps the multipliers below 1, so that nothing is ever shifted left


@dataclass(frozen=True)
class Grid:
    """The values that an int8 map can take: real value = scale * (stored value - zero)."""

    scale: float  # exact in float32
    zero: int  # -128..127, stands for 0


@dataclass(frozen=True)
class IntegerStep:
    """A step with integer weights."""

    step: Step
    source: Grid
    target: Grid
    weight: Int8 | None  # shaped as the step's
    bias: Int32 | None  # (outputs,)
    scales: tuple[float, ...]  # of the weights, by output channel, exact in float32
    multiplier: tuple[int, ...]  # below 2^31, by output channel; one for a mean; none for pools
    shift: tuple[int, ...]  # 0..31 to the right, beside the 31 bits that belong to the multiplier

    @property
    def low(self) -> int:
        """The least value that may be stored: the zero point behind a ReLU."""
        return self.target.zero if self.step.relu else LEAST


@dataclass(frozen=True)
class Integers:
    """A network in integers."""

    pixels: tuple[tuple[int, int], ...]  # (factor, offset) by channel: stored = (pixel * factor + offset) >> PIXEL_BITS
    steps: tuple[IntegerStep, ...]

    @property
    def logits(self) -> Grid:
        return self.steps[-1].target


def observe(
    network: "nn.Sequential",
    chain: Sequence[Step],
    pictures: npt.NDArray[np.uint8],
    mean: Sequence[float],
    std: Sequence[float],
) -> list[tuple[float, float]]:
    """Least and greatest value of each step's output over uint8 pictures (n, channels, height, width)."""
    import torch

    from underbudget.models.export.standalone import normalise

    ends = {step.last: number for number, step in enumerate(chain)}
    ranges = [(math.inf, -math.inf)] * len(chain)
    with torch.inference_mode():
        for start in range(0, len(pictures), BATCH):
            x = normalise(torch.from_numpy(np.array(pictures[start : start + BATCH])), tuple(mean), tuple(std))
            for index, layer in enumerate(network):
                x = layer(x)
                if index in ends:
                    least, most = ranges[ends[index]]
                    ranges[ends[index]] = min(least, float(x.min())), max(most, float(x.max()))
    return ranges


def integers(
    chain: Sequence[Step], ranges: Sequence[tuple[float, float]], mean: Sequence[float], std: Sequence[float]
) -> Integers:
    """The steps in integers, `ranges` being those of their outputs, mean and std those of the pixels in 0..1."""
    ends = [((0 - m) / s, (1 - m) / s) for m, s in zip(mean, std, strict=True)]
    source = _grid(min(least for least, _ in ends), max(most for _, most in ends))
    one = 2**PIXEL_BITS
    pixels = tuple(
        (round(one / (255 * s * source.scale)), round(one * (source.zero - m / (s * source.scale))) + one // 2)
        for m, s in zip(mean, std, strict=True)
    )
    done = []
    for step, (least, most) in zip(chain, ranges, strict=True):
        done.append(_integer_step(step, source, least, most))
        source = done[-1].target
    return Integers(pixels, tuple(done))


def _integer_step(step: Step, source: Grid, least: float, most: float) -> IntegerStep:
    if step.kind in ("maxpool", "avgpool"):  # on the grid of their input, a rule of the specification
        return IntegerStep(step, source, source, None, None, (), (), ())
    if step.kind == "mean":
        count = math.prod(step.kernel)
        doublings = count.bit_length() - 1
        target = _grid(least, most, HEADROOM * source.scale / 2**doublings)
        multiplier, shift = fixed_point(source.scale / target.scale)
        # LiteRT's mean divides the multiplier by the count and does not normalise it again: one rounding less
        doublings = min(doublings, 31 - shift)
        multiplier, shift = (multiplier << doublings) // count, shift + doublings
        return IntegerStep(step, source, target, None, None, (), (multiplier,), (shift,))
    assert step.weight is not None and step.bias is not None, "all other kinds have both"  # noqa: PT018
    # outputs first, everything that goes into one output behind
    rows = step.weight if step.kind == "conv" else np.moveaxis(step.weight, -1, 0)
    rows = rows.reshape(len(step.bias), -1)
    worst = 255 * np.abs(rows).sum(1) + np.abs(step.bias) / source.scale
    scales = np.maximum(np.abs(rows).max(1) / MOST, worst / SUM_LIMIT).astype(np.float32)
    dead = scales < SMALLEST  # no weights and no bias: any scale will do
    scales[dead] = scales.max() if not dead.all() else 1
    target = _grid(least, most, HEADROOM * source.scale * float(scales.max()))
    units = scales.astype(np.float64)
    weight = np.clip(_rounded(rows / units[:, None]), -MOST, MOST).astype(np.int8)
    if step.kind == "conv":
        shaped = weight.reshape(step.weight.shape)
    else:
        shaped = np.moveaxis(weight.reshape(-1, *step.weight.shape[:-1]), 0, -1)
    bias = _rounded(step.bias / (source.scale * units)).astype(np.int32)
    factors = zip(*(fixed_point(source.scale * unit / target.scale) for unit in units.tolist()), strict=True)
    return IntegerStep(step, source, target, np.ascontiguousarray(shaped), bias, tuple(units.tolist()), *factors)


def _grid(least: float, most: float, finest: float = 0.0) -> Grid:
    """The grid for values from `least` to `most` and 0, its scale not below `finest`."""
    least, most = min(least, 0.0), max(most, 0.0)
    wanted = (most - least) / (MOST - LEAST) or 1 / (MOST - LEAST)
    scale = float(np.float32(max(wanted, finest, SMALLEST)))
    return Grid(scale, min(MOST, max(LEAST, round(LEAST - least / scale))))


def fixed_point(factor: float) -> tuple[int, int]:
    """(multiplier, shift) with factor = multiplier / 2^31 / 2^shift; a factor below 2^-32 is 0. LiteRT's
    QuantizeMultiplier, whose shift counts to the left. Below a factor of 1 the shift is from 0 to 31."""
    fraction, exponent = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    if exponent < -31:
        return 0, 0
    return multiplier, -exponent


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """To the nearest whole number, halves away from zero."""
    result: npt.NDArray[np.float64] = np.sign(values) * np.floor(np.abs(values) + 0.5)
    return result
