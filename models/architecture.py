"""An architecture: a frozen description of a network, without weights and without torch.

An architecture is a chain of stages. A stage is one primary operation (convolution, pool, linear, ...) and an ordered
tail of operations that keep the shape (batch norm, activation, dropout). The order of the tail is part of the
architecture: `relu bn` and `bn relu` are two networks. Input channels are not part of it; a plan works them out.
"""

import hashlib
from dataclasses import dataclass, field

Pair = tuple[int, int]  # (height, width)


@dataclass(frozen=True)
class Conv:
    """2-d convolution, `torch.nn.Conv2d` semantics, dilation 1."""

    width: int  # output channels
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)  # zeros added on each side
    groups: int = 1
    bias: bool = False


@dataclass(frozen=True)
class SeparableConv:
    """Depthwise convolution (one filter per input channel) followed by a 1x1 convolution (MobileNet, Howard et al.
    2017), with nothing between the two; the plan expands it into both."""

    width: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    bias: bool = False  # of both convolutions


@dataclass(frozen=True)
class Pool:
    """`torch.nn.MaxPool2d` or `AvgPool2d` (padding counted in the average, as torch does by default)."""

    kind: str  # "max" or "avg"
    kernel: Pair
    stride: Pair  # the kernel, unless written
    padding: Pair = (0, 0)


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over the whole map, leaving 1x1."""

    # The map size as a person wrote it, `gap(6x6)`: checked by the plan, no part of the architecture's identity.
    expected: Pair | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Linear:
    """Fully connected layer on the flattened map."""

    width: int  # output features
    bias: bool = True


@dataclass(frozen=True)
class BatchNorm:
    """`torch.nn.BatchNorm2d` with affine parameters (`BatchNorm1d` after a linear layer), torch's defaults."""


@dataclass(frozen=True)
class Activation:
    """Element-wise non-linearity, by its name in ACTIVATIONS."""

    name: str


@dataclass(frozen=True)
class Dropout:
    """Element-wise dropout, `torch.nn.Dropout`."""

    rate: float  # probability of a zero, 0 < rate < 1


# name in the layer language -> class in torch.nn (built without arguments)
ACTIVATIONS = {"relu": "ReLU"}

Primary = Conv | SeparableConv | Pool | GlobalAveragePool | Linear
Tail = BatchNorm | Activation | Dropout


@dataclass(frozen=True)
class Stage:
    primary: Primary
    tail: tuple[Tail, ...] = ()


@dataclass(frozen=True)
class Architecture:
    """An ordered, non-empty chain of stages; `str(architecture)` is its text in the layer language."""

    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        from models.language import render

        return render(self)

    @property
    def id(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the canonical text: equal networks have equal ids."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:12]
