"""Hypothesis strategies: random architectures, any that can be written, and such as fit their input.

The sizes of maps are worked out here with plain loops over window positions, so that nothing of models.plan takes part
in choosing what underbudget.models.plan is tested with.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from underbudget.models.architecture import (
    ACTIVATIONS,
    MAX_SIZE,
    Activation,
    Architecture,
    BatchNorm,
    Conv,
    Dropout,
    GlobalAveragePool,
    Linear,
    Pair,
    Pool,
    Primary,
    SeparableConv,
    Stage,
    Tail,
)

Shape = tuple[int, int, int]  # (channels, height, width)


def input_shapes(max_channels: int = 4, max_side: int = 20) -> st.SearchStrategy[Shape]:
    """Input shapes, not square in general, from 1x1x1 on."""
    return st.tuples(st.integers(1, max_channels), st.integers(1, max_side), st.integers(1, max_side))


def tails(max_size: int = 3) -> st.SearchStrategy[tuple[Tail, ...]]:
    """Tails in any order, repetitions included."""
    return st.lists(_TAIL, max_size=max_size).map(tuple)


_RATES = st.one_of(st.sampled_from([0.008, 0.05, 0.1, 0.25, 0.5]), st.floats(0, 1, exclude_min=True, exclude_max=True))
_TAIL = st.one_of(
    st.just(BatchNorm()),
    st.sampled_from(sorted(ACTIVATIONS)).map(Activation),
    _RATES.map(Dropout),
)


@st.composite
def _any_pool(draw: st.DrawFn) -> Pool:
    kernel = draw(_pairs(1, MAX_SIZE))
    stride = draw(st.one_of(st.just(kernel), _pairs(1, MAX_SIZE)))
    padding = draw(st.tuples(st.integers(0, kernel[0] // 2), st.integers(0, kernel[1] // 2)))
    return Pool(draw(st.sampled_from(["max", "avg"])), kernel, stride, padding)


def _pairs(least: int, most: int) -> st.SearchStrategy[Pair]:
    number = st.one_of(st.integers(least, min(most, 5)), st.integers(least, most))
    return st.one_of(number.map(lambda size: (size, size)), st.tuples(number, number))


def architectures(max_stages: int = 8) -> st.SearchStrategy[Architecture]:
    """Any architecture that can be written, up to the largest numbers; most fit no input."""
    width = st.one_of(st.integers(1, 64), st.integers(1, MAX_SIZE))
    window = (width, _pairs(1, MAX_SIZE), _pairs(1, MAX_SIZE), _pairs(0, MAX_SIZE))
    primary: st.SearchStrategy[Primary] = st.one_of(
        st.builds(Conv, *window, width, st.booleans()),
        st.builds(SeparableConv, *window, st.booleans()),
        _any_pool(),
        st.just(GlobalAveragePool()),
        st.builds(Linear, width, st.booleans()),
    )
    return st.lists(st.builds(Stage, primary, tails()), min_size=1, max_size=max_stages).map(
        lambda stages: Architecture(tuple(stages))
    )


@dataclass(frozen=True)
class Placed:
    """An architecture with an input that it fits, and the number of its outputs."""

    architecture: Architecture
    input_shape: Shape
    classes: int


@st.composite
def placed_architectures(
    draw: st.DrawFn, input_shape: Shape | None = None, classes: int | None = None, max_stages: int = 6
) -> Placed:
    """Small architectures that fit their input: every operation, non-square windows, strides, padding, groups, bias.

    `input_shape` and `classes` are random unless given.
    """
    shape = input_shape or draw(input_shapes())
    outputs = classes or draw(st.integers(1, 12))
    stages: list[Stage] = []
    channels, height, width = shape
    for _ in range(draw(st.integers(0, max_stages - 1))):
        primary = draw(_fitting(channels, (height, width)))
        match primary:
            case Conv() | SeparableConv():
                channels = primary.width
                height, width = (_positions(primary, axis, (height, width)[axis]) for axis in (0, 1))
            case Pool():
                height, width = (_positions(primary, axis, (height, width)[axis]) for axis in (0, 1))
            case GlobalAveragePool():
                height, width = 1, 1
        stages.append(Stage(primary, draw(tails())))
    stages += draw(_endings((height, width), outputs))
    return Placed(Architecture(tuple(stages)), shape, outputs)


def _positions(window: Conv | SeparableConv | Pool, axis: int, size: int) -> int:
    """How many times a window fits on one axis: every start from the padding on, step by step, while its end fits."""
    kernel, stride, padding = window.kernel[axis], window.stride[axis], window.padding[axis]
    return len(range(-padding, size + padding - kernel + 1, stride))


@st.composite
def _fitting(draw: st.DrawFn, channels: int, size: Pair) -> Primary:
    """A primary operation that leaves a map of at least 1x1."""
    kind = draw(st.sampled_from(["conv", "conv", "conv", "sep", "pool", "pool", "gap"]))
    if kind == "gap":
        return GlobalAveragePool(draw(st.sampled_from([None, size])))
    stride = draw(st.one_of(st.just((1, 1)), _pairs(1, 3)))
    if kind == "pool":
        kernel = draw(st.tuples(st.integers(1, min(4, size[0])), st.integers(1, min(4, size[1]))))
        padding = draw(st.tuples(st.integers(0, kernel[0] // 2), st.integers(0, kernel[1] // 2)))
        return Pool(draw(st.sampled_from(["max", "avg"])), kernel, draw(st.sampled_from([kernel, stride])), padding)
    padding = draw(st.one_of(st.just((0, 0)), _pairs(0, 2)))
    most = min(5, size[0] + 2 * padding[0]), min(5, size[1] + 2 * padding[1])
    kernel = draw(st.tuples(st.integers(1, most[0]), st.integers(1, most[1])))
    if kind == "sep":
        return SeparableConv(draw(st.integers(1, 12)), kernel, stride, padding, draw(st.booleans()))
    groups = draw(st.sampled_from([count for count in range(1, channels + 1) if channels % count == 0]))
    width = groups * draw(st.integers(1, max(1, 12 // groups)))
    return Conv(width, kernel, stride, padding, groups, draw(st.booleans()))


@st.composite
def _endings(draw: st.DrawFn, size: Pair, outputs: int) -> list[Stage]:
    """Stages that bring a map to a vector of `outputs` values."""
    bias = draw(st.booleans())
    kind = draw(st.sampled_from(["gap conv", "conv gap", "map conv", "linear", "linear linear", "gap linear"]))
    gap = Stage(GlobalAveragePool(), draw(tails(1)))
    point = Stage(Conv(outputs, (1, 1), bias=bias), draw(tails(1)))
    linear = Stage(Linear(outputs, bias), draw(tails(1)))
    match kind:
        case "gap conv":
            return [gap, point]
        case "conv gap":
            return [point, gap]
        case "map conv":
            return [Stage(Conv(outputs, size, bias=bias))]
        case "linear linear":
            return [Stage(Linear(draw(st.integers(1, 16)), draw(st.booleans())), draw(tails())), linear]
        case "gap linear":
            return [gap, linear]
        case _:
            return [linear]
