"""From the parameters of a space to an architecture that fits its input, whatever the input.

The chain is: convolutions, pool, convolutions (with a second pool among them), head. Its geometry follows from the
input size, for each axis by itself, so that every parameter vector is a network:

- over 40 pixels a convolution before the pool takes stride 2; what is still over 40 after the last of them is halved
  by extra max pools;
- a 3x3 convolution that would leave a side of fewer than 2 pixels is padded by 1 and keeps the side: on a 2x2 map each
  of the nine weights still meets a pixel, on a 1x1 map only one would;
- a pool that would leave a side of fewer than 2 pixels is left out on that side.

At 28x28 the first rule never applies, and neither pool is ever left out.

Where one side of the input is 1 (a signal in time), the space has a dimension `kernel` K, and all this is done along
the other side alone: what is written 3x3 is Kx1, padded by (K - 1) / 2, and a pool is 2x1.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from underbudget.models import architecture as arch

LARGE_SIDE = 40  # pixels; larger maps are shrunk at once (MNIST has 28, CIFAR 32)
LEAST_SIDE = 2  # pixels; no layer shrinks a side below it

TRANSITIONS = ("none", "before", "after")
TRANSITION_TAILS = ("plain", "full")
PADDINGS = ("none", "first", "last")
PADDINGS_OF_LARGE = (*PADDINGS, "all")  # of images of at least LARGE pixels a side, whose borders matter too
LARGE = 32
HEADS = ("gap_conv", "conv1x1_gap", "conv3x3_gap", "gap_hidden_conv")
ORDERS = ("relu_bn", "bn_relu")
FIRST_TAILS = ("full", "activation")
BLOCKS = ("conv", "separable")
KERNELS = ("3", "5", "7", "9")  # lengths, of inputs with a side of 1


def is_one_dimensional(input_shape: tuple[int, int, int]) -> bool:
    """Whether an input (channels, height, width) has one side of 1, as a signal in time has."""
    return (input_shape[1] == 1) != (input_shape[2] == 1)


def active(name: str, params: Mapping[str, Any]) -> bool:
    """Whether `decode` reads the parameter `name`, given the parameters that stand before it in the space."""
    condition = _condition(name)
    return condition is None or condition(params)


@functools.cache
def _condition(name: str) -> Callable[[Mapping[str, Any]], bool] | None:
    """When `decode` reads a parameter, None for always."""
    for part in ("before", "after"):
        if name.startswith(f"width_{part}_"):
            index, layers = int(name.rpartition("_")[2]), f"n_{part}"
            return lambda params: bool(index <= params[layers])
    if name in ("transition_width", "transition_tail"):
        return lambda params: bool(params["transition"] != "none")
    if name == "hidden_width":
        return lambda params: bool(params["head"] == "gap_hidden_conv")
    return None


def decode(params: Mapping[str, Any], input_shape: tuple[int, int, int], classes: int) -> arch.Architecture:
    """The architecture for an input (channels, height, width). Raises KeyError where a parameter is missing."""
    norm: tuple[arch.Tail, ...] = (arch.Activation("relu"), arch.BatchNorm())
    if params["order"] == "bn_relu":
        norm = norm[::-1]
    rate = round(params["dropout"], 6)  # a grid of floats: 0.15000000000000002 is 0.15
    full = (*norm, arch.Dropout(rate)) if rate else norm
    separable = params["block"] == "separable"
    size = input_shape[1], input_shape[2]
    kernel = (3, 3)
    if "kernel" in params:
        length = int(params["kernel"])
        kernel = (length if size[0] > 1 else 1, length if size[1] > 1 else 1)
    chain, padded = _Chain(size, kernel), params["padding"]

    for index in range(1, params["n_before"] + 1):
        first = index == 1
        tail = (arch.Activation("relu"),) if first and params["first_tail"] == "activation" else full
        chain.conv(params[f"width_before_{index}"], tail, padded in ("first", "all"), separable and not first)
    chain.shrink()
    transition = params["transition"]
    if transition == "before":
        chain.conv1x1(params["transition_width"], full if params["transition_tail"] == "full" else ())
    chain.pool()
    if transition == "after":
        chain.conv1x1(params["transition_width"], full if params["transition_tail"] == "full" else ())
    count = params["n_after"]
    for index in range(1, count + 1):
        is_padded = padded == "all" or (padded == "last" and index == count)
        chain.conv(params[f"width_after_{index}"], full, is_padded, separable)
        if params["pools"] == 2 and index == (count + 1) // 2:
            chain.pool()

    head = params["head"]
    if head == "conv1x1_gap":
        chain.conv1x1(classes)
    elif head == "conv3x3_gap":
        chain.conv(classes, (), padded == "all", separable)
    chain.stages.append(_GAP)
    if head == "gap_hidden_conv":
        chain.conv1x1(params["hidden_width"], full)
    if head in ("gap_conv", "gap_hidden_conv"):
        chain.conv1x1(classes)
    return arch.Architecture(tuple(chain.stages))


_GAP = arch.Stage(arch.GlobalAveragePool())


@functools.cache  # few different ones are made, some hundred thousand times
def _conv1x1(width: int, tail: tuple[arch.Tail, ...]) -> arch.Stage:
    return arch.Stage(arch.Conv(width, (1, 1)), tail)


@functools.cache
def _max_pool(kernel: arch.Pair) -> arch.Stage:
    return arch.Stage(arch.Pool("max", kernel, kernel))


@functools.cache
def _conv(
    width: int, kernel: arch.Pair, stride: arch.Pair, padding: arch.Pair, separable: bool, tail: tuple[arch.Tail, ...]
) -> arch.Stage:
    return arch.Stage((arch.SeparableConv if separable else arch.Conv)(width, kernel, stride, padding), tail)


class _Chain:
    """The stages so far and the size of the map that they leave."""

    def __init__(self, size: arch.Pair, kernel: arch.Pair) -> None:
        self.size = size
        self.kernel = kernel  # of the convolutions that are no 1x1
        self.stages: list[arch.Stage] = []

    def conv(self, width: int, tail: tuple[arch.Tail, ...], padded: bool, separable: bool) -> None:
        pads = [
            length // 2 if padded or side - length + 1 < LEAST_SIDE else 0
            for side, length in zip(self.size, self.kernel, strict=True)
        ]
        steps = [2 if side > LARGE_SIDE else 1 for side in self.size]
        padding, stride = (pads[0], pads[1]), (steps[0], steps[1])
        self.stages.append(_conv(width, self.kernel, stride, padding, separable, tail))
        after = [(self.size[axis] + 2 * pads[axis] - self.kernel[axis]) // steps[axis] + 1 for axis in (0, 1)]
        self.size = (after[0], after[1])

    def conv1x1(self, width: int, tail: tuple[arch.Tail, ...] = ()) -> None:
        self.stages.append(_conv1x1(width, tail))

    def shrink(self) -> None:
        while max(self.size) > LARGE_SIDE:
            self._pool([side > LARGE_SIDE for side in self.size])

    def pool(self) -> None:
        self._pool([side // 2 >= LEAST_SIDE for side in self.size])

    def _pool(self, halved: list[bool]) -> None:
        kernel = (2 if halved[0] else 1, 2 if halved[1] else 1)
        if kernel != (1, 1):
            self.stages.append(_max_pool(kernel))
            self.size = (self.size[0] // kernel[0], self.size[1] // kernel[1])
