"""The layer language: one line of text that people can read and type, and that round-trips.

    conv3x3(8) relu bn drop0.05 | conv3x3(16,p1) relu bn | maxpool2 | conv1x1(10) | gap | linear(10,bias=F)

Stages are separated by `|`. A stage is a primary operation and a tail.

    convKxK(OUT, pP, sS, gG, bias=T)    convolution: kernel height x width, padding, stride, groups; without bias
    sepKxK(OUT, pP, sS, bias=T)         depthwise-separable convolution
    maxpoolK(sS, pP)  avgpoolK(sS, pP)  pooling, stride K unless given; K and P and S may be written HxW
    gap  gap(HxW)                       global average pooling; the map size, where written, is checked by the plan
    linear(OUT, bias=F)                 fully connected, with bias unless `bias=F`
    bn  relu  dropRATE                  the tail, in the order in which they are applied

`parse(render(a)) == a` for every architecture, and `render(parse(text))` is the canonical text.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from models.architecture import (
    ACTIVATIONS,
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
from models.errors import UserError

MAX_SIZE = 1_000_000  # of any single number in the language: far above use, low enough to count with


class LayerTextError(UserError):
    """A layer text that does not parse; the message points at the place."""

    def __init__(self, text: str, position: int, what: str) -> None:
        self.position = position
        line = " ".join(text.split("\n"))
        start = max(0, position - 40)
        shown = ("..." if start else "") + line[start:position] + ">>>" + line[position : position + 24]
        rest = "..." if len(line) > position + 24 else ""
        super().__init__(f"layer text, character {position + 1}: {what}, at {shown}{rest}")


@dataclass(frozen=True)
class _Token:
    text: str
    start: int


_WORD = re.compile(r"[^\s|()]+(\([^()|]*\))?")
_HEAD = re.compile(r"([a-z]+)(.*?)(?:\((.*)\))?$", re.DOTALL)
_PAIR = re.compile(r"(\d+)(?:x(\d+))?$")
_WORDS = ("conv3x3", "conv1x1", "sep3x3", "maxpool2", "avgpool2", "gap", "linear", "bn", "drop0.1", *ACTIVATIONS)


class _Arguments:
    """The comma-separated arguments of one operation, taken away one by one; what is left over is an error."""

    def __init__(self, source: str, token: _Token, inner: str | None) -> None:
        self.source = source
        self.token = token
        self.items: list[tuple[str, int]] = []
        if inner is not None:
            position = token.start + len(token.text) - 1 - len(inner)
            for item in inner.split(","):
                self.items.append((item.strip(), position + len(item) - len(item.lstrip())))
                position += len(item) + 1

    def fail(self, what: str, position: int | None = None) -> LayerTextError:
        return LayerTextError(self.source, self.token.start if position is None else position, what)

    def width(self) -> int:
        if not self.items:
            raise self.fail(f"{self.token.text.split('(')[0]} needs its output width in brackets, e.g. (8)")
        item, position = self.items.pop(0)
        if not item.isdecimal() or not 1 <= int(item) <= MAX_SIZE:
            raise self.fail(f"the output width must be a whole number from 1 to {MAX_SIZE}, not {item!r}", position)
        return int(item)

    def letter(self, letter: str, least: int, default: Pair) -> Pair:
        for index, (item, position) in enumerate(self.items):
            if item[:1] == letter and (match := _PAIR.match(item[1:])):
                del self.items[index]
                return _pair(match, least, self, position)
        return default

    def bias(self, default: bool) -> bool:
        for index, (item, position) in enumerate(self.items):
            if item.replace(" ", "").startswith("bias="):
                value = item.replace(" ", "")[5:]
                if value not in ("T", "F"):
                    raise self.fail(f"bias is T or F, not {value!r}", position)
                del self.items[index]
                return value == "T"
        return default

    def done(self, allowed: str) -> None:
        if self.items:
            item, position = self.items[0]
            raise self.fail(f"unknown argument {item!r}, allowed here: {allowed}", position)


def _pair(match: re.Match[str], least: int, arguments: _Arguments, position: int | None = None) -> Pair:
    height = int(match[1])
    width = int(match[2]) if match[2] else height
    if not (least <= height <= MAX_SIZE and least <= width <= MAX_SIZE):
        raise arguments.fail(f"a size here must be from {least} to {MAX_SIZE}, not {match[0]!r}", position)
    return height, width


def _kernel(arguments: _Arguments, size: str) -> Pair:
    match = _PAIR.match(size)
    if not match:
        raise arguments.fail(f"a kernel is written like 3x3, not {size!r}")
    return _pair(match, 1, arguments)


def _parse_conv(arguments: _Arguments, size: str) -> Primary:
    kernel = _kernel(arguments, size)
    width = arguments.width()
    padding, stride = arguments.letter("p", 0, (0, 0)), arguments.letter("s", 1, (1, 1))
    groups, bias = arguments.letter("g", 1, (1, 1)), arguments.bias(False)
    arguments.done("pP, sS, gG, bias=T")
    if groups[0] != groups[1]:
        raise arguments.fail("groups is one whole number")
    return Conv(width, kernel, stride, padding, groups[0], bias)


def _parse_separable(arguments: _Arguments, size: str) -> Primary:
    kernel = _kernel(arguments, size)
    width = arguments.width()
    padding, stride = arguments.letter("p", 0, (0, 0)), arguments.letter("s", 1, (1, 1))
    bias = arguments.bias(False)
    arguments.done("pP, sS, bias=T")
    return SeparableConv(width, kernel, stride, padding, bias)


def _parse_pool(kind: str) -> Callable[[_Arguments, str], Primary]:
    def parse_pool(arguments: _Arguments, size: str) -> Primary:
        kernel = _kernel(arguments, size)
        stride, padding = arguments.letter("s", 1, kernel), arguments.letter("p", 0, (0, 0))
        arguments.done("sS, pP")
        if 2 * padding[0] > kernel[0] or 2 * padding[1] > kernel[1]:
            raise arguments.fail("the padding of a pool is at most half its kernel")
        return Pool(kind, kernel, stride, padding)

    return parse_pool


def _parse_gap(arguments: _Arguments, size: str) -> Primary:
    if size:
        raise arguments.fail(f"gap takes no size before the bracket, not {size!r}")
    expected = None
    if arguments.items and (match := _PAIR.match(arguments.items[0][0])):
        expected = _pair(match, 1, arguments, arguments.items.pop(0)[1])
    arguments.done("the map size, e.g. gap(6x6)")
    return GlobalAveragePool(expected)


def _parse_linear(arguments: _Arguments, size: str) -> Primary:
    if size:
        raise arguments.fail(f"linear takes its width in brackets, e.g. linear(10), not {size!r}")
    width = arguments.width()
    bias = arguments.bias(True)
    arguments.done("bias=F")
    return Linear(width, bias)


_PRIMARY: dict[str, Callable[[_Arguments, str], Primary]] = {
    "conv": _parse_conv,
    "sep": _parse_separable,
    "maxpool": _parse_pool("max"),
    "avgpool": _parse_pool("avg"),
    "gap": _parse_gap,
    "linear": _parse_linear,
}


def _parse_tail(arguments: _Arguments, name: str, size: str) -> Tail | None:
    if name == "drop":
        try:
            rate = float(size)
        except ValueError:
            rate = -1.0
        if not re.fullmatch(r"\d*\.?\d+", size) or not 0 < rate < 1:
            raise arguments.fail(f"a dropout rate is over 0 and under 1, e.g. drop0.1, not {size!r}")
        return Dropout(rate)
    if size:
        return None
    if name == "bn":
        return BatchNorm()
    return Activation(name) if name in ACTIVATIONS else None


def parse(text: str) -> Architecture:
    """Read an architecture from its text.

    Raises LayerTextError, which names the character and the way out, for anything that is not in the language.
    """
    stages: list[Stage] = []
    start = 0
    for part in text.split("|"):
        stages.append(_parse_stage(text, part, start))
        start += len(part) + 1
    return Architecture(tuple(stages))


def _parse_stage(text: str, part: str, start: int) -> Stage:
    primary: Primary | None = None
    tail: list[Tail] = []
    position = 0
    while True:
        position += len(part[position:]) - len(part[position:].lstrip())
        if position >= len(part):
            break
        match = _WORD.match(part, position)
        if not match:
            raise LayerTextError(text, start + position, f"unexpected {part[position]!r}")
        token = _Token(match[0], start + position)
        position = match.end()
        parts = _HEAD.match(token.text)
        name, size, inner = (parts[1], parts[2], parts[3]) if parts else ("", "", None)
        arguments = _Arguments(text, token, inner)
        if name in _PRIMARY:
            if primary is not None:
                raise arguments.fail("a stage has one primary operation, separate stages with |")
            primary = _PRIMARY[name](arguments, size)
            continue
        layer = _parse_tail(arguments, name, size)
        if layer is None or inner is not None:
            near = difflib.get_close_matches(token.text, _WORDS, 1, 0.5)
            hint = f", did you mean {near[0]}?" if near else f", known: {' '.join(_WORDS)}"
            raise arguments.fail(f"unknown layer {token.text!r}{hint}")
        if primary is None:
            raise arguments.fail(f"a stage begins with a convolution, pool, gap or linear, not {token.text!r}")
        tail.append(layer)
    if primary is None:
        raise LayerTextError(
            text, min(start + position, len(text)), "an empty stage, expected a layer such as conv3x3(8)"
        )
    return Stage(primary, tuple(tail))


def _size(pair: Pair, square: bool = False) -> str:
    return str(pair[0]) if pair[0] == pair[1] and not square else f"{pair[0]}x{pair[1]}"


def render_primary(layer: Primary) -> str:
    """Canonical text of a primary operation."""
    match layer:
        case Conv() | SeparableConv():
            arguments = [str(layer.width)]
            if layer.padding != (0, 0):
                arguments.append(f"p{_size(layer.padding)}")
            if layer.stride != (1, 1):
                arguments.append(f"s{_size(layer.stride)}")
            if isinstance(layer, Conv) and layer.groups != 1:
                arguments.append(f"g{layer.groups}")
            if layer.bias:
                arguments.append("bias=T")
            word = "conv" if isinstance(layer, Conv) else "sep"
            return f"{word}{_size(layer.kernel, True)}({','.join(arguments)})"
        case Pool():
            arguments = [] if layer.stride == layer.kernel else [f"s{_size(layer.stride)}"]
            if layer.padding != (0, 0):
                arguments.append(f"p{_size(layer.padding)}")
            return f"{layer.kind}pool{_size(layer.kernel)}" + (f"({','.join(arguments)})" if arguments else "")
        case GlobalAveragePool():
            return "gap"
        case Linear():
            return f"linear({layer.width})" if layer.bias else f"linear({layer.width},bias=F)"


def render_tail(layer: Tail) -> str:
    """Canonical text of an operation of the tail."""
    match layer:
        case BatchNorm():
            return "bn"
        case Activation():
            return layer.name
        case Dropout():
            return f"drop{Decimal(repr(layer.rate)):f}"  # shortest text that reads back as the same number


def render_stage(stage: Stage) -> str:
    """Canonical text of a stage: the primary operation and its tail, separated by blanks."""
    return " ".join([render_primary(stage.primary), *(render_tail(layer) for layer in stage.tail)])


def render(architecture: Architecture) -> str:
    """Canonical text of an architecture; the inverse of `parse`."""
    return " | ".join(render_stage(stage) for stage in architecture.stages)
