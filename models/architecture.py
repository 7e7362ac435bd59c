"""An architecture: a frozen description of a network, without weights and without torch.

An architecture is a chain of stages. A stage is one primary operation (convolution, pool, linear, ...) and an ordered
tail of operations that keep the shape (batch norm, activation, dropout). The order of the tail is part of the
architecture: `relu bn` and `bn relu` are two networks. Input channels are not part of it; a plan works them out.

Every part checks its own numbers and raises UserError, so that each architecture that exists can be written down and
read again (`models.language`).
"""

import hashlib
from dataclasses import dataclass, field

from underbudget.models.errors import UserError

Pair = tuple[int, int]  # (height, width)

# Far above use, and low enough that every count stays exact and every walk quick.
MAX_SIZE = 1_000_000  # any one number of a layer: width, kernel, stride, padding, groups
MAX_STAGES = 1_000  # stages of an architecture
MAX_TAIL = 20  # operations in the tail of a stage

# Name in the layer language -> class in torch.nn, built without arguments. One entry is all that a new activation
# takes, as long as the class is element-wise and has no trainable tensors.
ACTIVATIONS = {"relu": "ReLU"}


def _check_size(what: str, least: int, *sizes: int) -> None:
    for size in sizes:
        if not least <= size <= MAX_SIZE:
            raise UserError(f"{what} must be from {least} to {MAX_SIZE}, not {size}")


@dataclass(frozen=True)
class Conv:
    """2-d convolution, `torch.nn.Conv2d` semantics, dilation 1."""

    width: int  # output channels
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)  # zeros added on each side
    groups: int = 1
    bias: bool = False

    def __post_init__(self) -> None:
        _check_size("the output width", 1, self.width)
        _check_size("a kernel", 1, *self.kernel)
        _check_size("a stride", 1, *self.stride)
        _check_size("a padding", 0, *self.padding)
        _check_size("the number of groups", 1, self.groups)


@dataclass(frozen=True)
class SeparableConv:
    """Depthwise convolution (one filter per input channel) followed by a 1x1 convolution (MobileNet, Howard et al.
    2017), with nothing between the two; the plan expands it into both."""

    width: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    bias: bool = False  # of both convolutions

    def __post_init__(self) -> None:
        Conv(self.width, self.kernel, self.stride, self.padding)  # the same rules


@dataclass(frozen=True)
class Pool:
    """`torch.nn.MaxPool2d` or `AvgPool2d` (padding counted in the average, as torch does by default)."""

    kind: str  # "max" or "avg"
    kernel: Pair
    stride: Pair  # the kernel, unless written
    padding: Pair = (0, 0)  # at most half the kernel, torch's rule

    def __post_init__(self) -> None:
        if self.kind not in ("max", "avg"):
            raise UserError(f"a pool is max or avg, not {self.kind!r}")
        _check_size("a kernel", 1, *self.kernel)
        _check_size("a stride", 1, *self.stride)
        _check_size("a padding", 0, *self.padding)
        if 2 * self.padding[0] > self.kernel[0] or 2 * self.padding[1] > self.kernel[1]:
            raise UserError(
                "the padding of a pool must be at most half its kernel: use less padding or a larger kernel"
            )


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over the whole map, leaving 1x1."""

    # The map size as a person wrote it, `gap(6x6)`: checked by the plan, no part of the architecture's identity.
    expected: Pair | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _check_size("a map", 1, *(self.expected or ()))


@dataclass(frozen=True)
class Linear:
    """Fully connected layer on the flattened map."""

    width: int  # output features
    bias: bool = True

    def __post_init__(self) -> None:
        _check_size("the output width", 1, self.width)


@dataclass(frozen=True)
class BatchNorm:
    """`torch.nn.BatchNorm2d` with affine parameters (`BatchNorm1d` after a linear layer), torch's defaults."""


@dataclass(frozen=True)
class Activation:
    """Element-wise non-linearity, by its name in ACTIVATIONS."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in ACTIVATIONS:
            raise UserError(f"an activation is one of {', '.join(ACTIVATIONS)}, not {self.name!r}")


@dataclass(frozen=True)
class Dropout:
    """Element-wise dropout, `torch.nn.Dropout`."""

    rate: float  # probability of a zero, 0 < rate < 1

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise UserError(f"a dropout rate must be over 0 and under 1, not {self.rate}: leave the layer out for 0")


Primary = Conv | SeparableConv | Pool | GlobalAveragePool | Linear
Tail = BatchNorm | Activation | Dropout


@dataclass(frozen=True)
class Stage:
    primary: Primary
    tail: tuple[Tail, ...] = ()

    def __post_init__(self) -> None:
        if len(self.tail) > MAX_TAIL:
            raise UserError(f"a stage has at most {MAX_TAIL} operations after its first, not {len(self.tail)}")


@dataclass(frozen=True)
class Architecture:
    """An ordered, non-empty chain of stages; `str(architecture)` is its text in the layer language."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.stages) <= MAX_STAGES:
            raise UserError(f"an architecture has from 1 to {MAX_STAGES} stages, not {len(self.stages)}")

    def __str__(self) -> str:
        from underbudget.models.language import render

        return render(self)

    @property
    def id(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the canonical text: equal networks have equal ids."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:12]
