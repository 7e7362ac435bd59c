"""An architecture: a frozen description of a network, without weights and without torch.

An architecture is a chain of stages. A stage is one primary operation (convolution, pool, linear, ...) and an ordered
tail of operations that keep the shape (batch norm, activation, dropout). The order of the tail is part of the
architecture: `relu bn` and `bn relu` are two networks. Input channels are not part of it; a plan works them out.

Every part checks its own numbers and raises UserError. `str` gives its canonical text in the layer language, which
`models.language` reads again: `parse(str(architecture)) == architecture`.
"""

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal

from underbudget.models.errors import UserError

Pair = tuple[int, int]  # (height, width)

# Far above use, and low enough that every count stays exact and every walk quick.
MAX_SIZE = 1_000_000  # any one number of a layer: width, kernel, stride, padding, groups
MAX_STAGES = 1_000  # stages of an architecture
MAX_TAIL = 20  # operations in the tail of a stage

# Name in the layer language -> class in torch.nn, built without arguments. One entry is all that a new activation
# takes, as long as the class is element-wise and has no trainable tensors.
ACTIVATIONS = {"relu": "ReLU"}


def size_text(sizes: tuple[int, ...]) -> str:
    """Sizes as people write them: "1x28x28"."""
    return "x".join(str(size) for size in sizes)


def _short(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else size_text(pair)


def _window_arguments(padding: Pair, stride: Pair, default_stride: Pair) -> list[str]:
    """Padding and stride as arguments of a layer, where they are not the default."""
    arguments = [f"p{_short(padding)}"] if padding != (0, 0) else []
    return arguments if stride == default_stride else [*arguments, f"s{_short(stride)}"]


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

    def __str__(self) -> str:
        arguments = [str(self.width), *_window_arguments(self.padding, self.stride, (1, 1))]
        if self.groups != 1:
            arguments.append(f"g{self.groups}")
        if self.bias:
            arguments.append("bias=T")
        return f"conv{size_text(self.kernel)}({','.join(arguments)})"


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
        self._as_conv()  # the same rules

    def _as_conv(self) -> Conv:
        return Conv(self.width, self.kernel, self.stride, self.padding, bias=self.bias)

    def __str__(self) -> str:
        return f"sep{str(self._as_conv()).removeprefix('conv')}"


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

    def __str__(self) -> str:
        # The stride first, unlike that of a convolution: ids of architectures are made of this text.
        arguments = _window_arguments(self.padding, self.stride, self.kernel)[::-1]
        return f"{self.kind}pool{_short(self.kernel)}" + (f"({','.join(arguments)})" if arguments else "")


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over the whole map, leaving 1x1."""

    # The map size as a person wrote it, `gap(6x6)`: checked by the plan, no part of the architecture's identity.
    expected: Pair | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _check_size("a map", 1, *(self.expected or ()))

    def __str__(self) -> str:
        return "gap"


@dataclass(frozen=True)
class Linear:
    """Fully connected layer on the flattened map."""

    width: int  # output features
    bias: bool = True

    def __post_init__(self) -> None:
        _check_size("the output width", 1, self.width)

    def __str__(self) -> str:
        return f"linear({self.width})" if self.bias else f"linear({self.width},bias=F)"


@dataclass(frozen=True)
class BatchNorm:
    """`torch.nn.BatchNorm2d` with affine parameters (`BatchNorm1d` after a linear layer), torch's defaults."""

    def __str__(self) -> str:
        return "bn"


@dataclass(frozen=True)
class Activation:
    """Element-wise non-linearity, by its name in ACTIVATIONS."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in ACTIVATIONS:
            raise UserError(f"an activation is one of {', '.join(ACTIVATIONS)}, not {self.name!r}")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Dropout:
    """Element-wise dropout, `torch.nn.Dropout`."""

    rate: float  # probability of a zero, 0 < rate < 1

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise UserError(f"a dropout rate must be over 0 and under 1, not {self.rate}: leave the layer out for 0")

    def __str__(self) -> str:
        return f"drop{Decimal(repr(float(self.rate))):f}"  # the shortest text that reads back as the same number


Primitive = Conv | Pool | GlobalAveragePool | Linear
Primary = Primitive | SeparableConv
Tail = BatchNorm | Activation | Dropout


@dataclass(frozen=True)
class Stage:
    primary: Primary
    tail: tuple[Tail, ...] = ()

    def __post_init__(self) -> None:
        if len(self.tail) > MAX_TAIL:
            raise UserError(f"a stage has at most {MAX_TAIL} operations after its first, not {len(self.tail)}")

    def __str__(self) -> str:
        return " ".join(map(str, (self.primary, *self.tail)))


@dataclass(frozen=True)
class Architecture:
    """An ordered, non-empty chain of stages."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.stages) <= MAX_STAGES:
            raise UserError(f"an architecture has from 1 to {MAX_STAGES} stages, not {len(self.stages)}")

    def __str__(self) -> str:
        return " | ".join(map(str, self.stages))

    @property
    def id(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the canonical text: equal networks have equal ids."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:12]
