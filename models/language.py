"""The layer language: one line of text that people can read and type, and that round-trips.

    conv3x3(8) relu bn drop0.05 | conv3x3(16,p1) relu bn | maxpool2 | conv1x1(10) | gap | linear(10,bias=F)

Stages are separated by `|`. A stage is a primary operation and a tail.

    convKxK(OUT, pP, sS, gG, bias=T)    convolution: kernel height x width, padding, stride, groups; without bias
    sepKxK(OUT, pP, sS, bias=T)         depthwise-separable convolution
    maxpoolK(sS, pP)  avgpoolK(sS, pP)  pooling, stride K unless given; K and P and S may be written HxW
    gap  gap(HxW)                       global average pooling; the map size, where written, is checked by the plan
    linear(OUT, bias=F)                 fully connected, with bias unless `bias=F`
    bn  relu  dropRATE                  the tail, in the order in which they are applied

`parse(str(a)) == a` for every architecture, and `str(parse(text))` is the canonical text.
"""

import contextlib
import re
from collections.abc import Iterator

from underbudget.models import architecture as arch
from underbudget.models.errors import UserError, nearest, quoted


class LayerTextError(UserError):
    """A layer text that does not parse; `position` (from 0) is the place, and the message points at it."""

    def __init__(self, text: str, position: int, what: str) -> None:
        self.position = position
        before, after = text[max(0, position - 40) : position], text[position : position + 24]
        shown = ("..." if position > 40 else "") + before + ">>>" + after
        shown += "..." if len(text) > position + 24 else ""
        line = "".join(character if character.isprintable() else " " for character in shown)
        super().__init__(f"layer text, character {position + 1}: {what}, at {line}")


_WORD = re.compile(r"(?P<word>[^\s|()]+)(?P<bracket>\((?P<inner>[^()|]*)(?P<close>\))?)?")
_WHOLE = re.compile(r"[0-9]{1,7}")  # no digits but 0-9 (\d takes any script's), and never more than a count can take
_SIZE = re.compile(r"[0-9x.]{1,9}")  # worth repeating in a hint
_RATE = re.compile(r"[0-9]*\.[0-9]+")


class _Word:
    """One operation: its name, `size` right after it, and arguments, taken away until `done` refuses the rest."""

    def __init__(self, source: str, match: re.Match[str]) -> None:
        self.source, self.start = source, match.start()
        if match["bracket"] and not match["close"]:
            raise LayerTextError(source, match.start("bracket"), "this bracket is not closed")
        self.bracketed = match["bracket"] is not None
        self.text = match["word"]
        self.name = re.split("[0-9.]", self.text, maxsplit=1)[0]
        self.size, self.size_start = self.text[len(self.name) :], self.start + len(self.name)
        self.arguments: list[tuple[str, int]] = []
        if match["inner"] and not match["inner"].isspace():
            position = match.start("inner")
            for item in match["inner"].split(","):
                self.arguments.append((item.strip(), position + len(item) - len(item.lstrip())))
                position += len(item) + 1

    def fail(self, what: str, position: int | None = None) -> LayerTextError:
        return LayerTextError(self.source, self.start if position is None else position, what)

    def whole(self, what: str, least: int, text: str, position: int) -> int:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= arch.MAX_SIZE:
            rule = f"{what} must be a whole number from {least} to {arch.MAX_SIZE}"
            raise self.fail(f"{rule}, not {quoted(text)}", position)
        return int(text)

    def pair(self, what: str, least: int, text: str, position: int) -> arch.Pair:
        height, cross, width = text.partition("x")
        first = self.whole(what, least, height, position)
        return first, self.whole(what, least, width, position + len(height) + 1) if cross else first

    def kernel(self) -> arch.Pair:
        if not self.size:
            raise self.fail(f"{self.name} is followed by its kernel, e.g. {self.name}3x3", self.size_start)
        return self.pair("a kernel", 1, self.size, self.size_start)

    def no_size(self) -> None:
        if self.size:
            raise self.fail(f"{self.name} takes no number before the bracket, not {quoted(self.size)}", self.size_start)

    def width(self) -> int:
        if not self.arguments:
            place = self.start + len(self.text)
            raise self.fail(f"{self.text} needs its output width in brackets, e.g. {self.text}(8)", place)
        return self.whole("the output width", 1, *self.arguments.pop(0))

    def take(self, prefix: str) -> tuple[str, int] | None:
        """Remove the argument that begins with `prefix`; what follows the prefix, and where."""
        found = [argument for argument in self.arguments if argument[0].startswith(prefix)]
        if len(found) > 1:
            raise self.fail(f"{prefix} is given twice", found[1][1])
        if not found:
            return None
        self.arguments.remove(found[0])
        return found[0][0][len(prefix) :], found[0][1] + len(prefix)

    def window(self, default_stride: arch.Pair = (1, 1)) -> tuple[arch.Pair, arch.Pair]:
        """Stride and padding."""
        padding, stride = self.take("p"), self.take("s")
        pair = self.pair("a padding", 0, *padding) if padding else (0, 0)
        return self.pair("a stride", 1, *stride) if stride else default_stride, pair

    def groups(self) -> int:
        found = self.take("g")
        return self.whole("the number of groups", 1, *found) if found else 1

    def bias(self, default: bool) -> bool:
        found = self.take("bias")
        if found is None:
            return default
        match = re.fullmatch(r"\s*=\s*([TF])", found[0])
        if not match:
            raise self.fail(f"bias is written bias=T or bias=F, not {quoted('bias' + found[0])}", found[1] - 4)
        return match[1] == "T"

    def done(self, allowed: str) -> None:
        if self.arguments:
            item, position = self.arguments[0]
            raise self.fail(f"unknown argument {quoted(item)}, allowed here: {allowed}", position)


_PRIMARY = ("conv", "sep", "maxpool", "avgpool", "gap", "linear")


def _parse_primary(word: _Word) -> arch.Primary:
    match word.name:
        case "conv" | "sep":
            kernel, width, bias = word.kernel(), word.width(), word.bias(False)
            stride, padding = word.window()
            if word.name == "sep":
                word.done("pP, sS, bias=T")
                return arch.SeparableConv(width, kernel, stride, padding, bias)
            groups = word.groups()
            word.done("pP, sS, gG, bias=T")
            return arch.Conv(width, kernel, stride, padding, groups, bias)
        case "maxpool" | "avgpool":
            kernel = word.kernel()
            stride, padding = word.window(kernel)
            word.done("sS, pP")
            return arch.Pool(word.name.removesuffix("pool"), kernel, stride, padding)
        case "gap":
            word.no_size()
            expected = word.pair("a map", 1, *word.arguments.pop(0)) if word.arguments else None
            word.done("the map size alone, e.g. gap(6x6)")
            return arch.GlobalAveragePool(expected)
    word.no_size()
    width, bias = word.width(), word.bias(True)
    word.done("bias=F")
    return arch.Linear(width, bias)


def _parse_tail(word: _Word) -> arch.Tail:
    layer: arch.Tail
    if word.text in arch.ACTIVATIONS:
        layer = arch.Activation(word.text)
    elif word.text == "bn":
        layer = arch.BatchNorm()
    elif word.name == "drop":
        if not _RATE.fullmatch(word.size):
            raise word.fail("drop is followed by its rate, over 0 and under 1, e.g. drop0.1", word.size_start)
        layer = arch.Dropout(float(word.size))
    else:
        raise _unknown(word)
    if word.bracketed:
        raise word.fail(f"{word.name} takes no brackets", word.start + len(word.text))
    return layer


def _unknown(word: _Word) -> LayerTextError:
    names = [*_PRIMARY, "bn", "drop", *arch.ACTIVATIONS]
    near = nearest(word.name, names)
    sized = near in ("conv", "sep", "maxpool", "avgpool", "drop") and _SIZE.fullmatch(word.size)
    hint = f"did you mean {near}{word.size if sized else ''}?" if near else f"known are {', '.join(names)}"
    return word.fail(f"unknown layer {quoted(word.text)}, {hint}")


def parse(text: str) -> arch.Architecture:
    """Read an architecture from its text. Raises LayerTextError, which names the character and the way out."""
    stages: list[arch.Stage] = []
    position = -1
    while position < len(text):
        stage, position = _parse_stage(text, position + 1)
        stages.append(stage)
    with _pointing_at(text, 0):
        return arch.Architecture(tuple(stages))


def _parse_stage(text: str, start: int) -> tuple[arch.Stage, int]:
    """The stage that begins at `start`, and where it ends: at a `|` or at the end of the text."""
    primary: arch.Primary | None = None
    tail: list[arch.Tail] = []
    position = _skip_blank(text, start)
    while position < len(text) and text[position] != "|":
        match = _WORD.match(text, position)
        word = _Word(text, match) if match else None
        following = _skip_blank(text, match.end()) if match else position
        if word is None or text[following : following + 1] in ("(", ")"):
            raise LayerTextError(text, following, "a bracket belongs right after a layer, e.g. conv3x3(8)")
        with _pointing_at(text, position):
            if word.name not in _PRIMARY:
                tail.append(_parse_tail(word))
            elif primary is None:
                primary = _parse_primary(word)
            else:
                raise UserError("a stage has one primary operation: separate stages with |")
            if primary is None:
                raise UserError(f"a stage begins with {', '.join(_PRIMARY)}, not {quoted(word.text)}")
        position = following
    if primary is None:
        raise LayerTextError(text, position, "an empty stage, expected a layer such as conv3x3(8)")
    with _pointing_at(text, _skip_blank(text, start)):
        return arch.Stage(primary, tuple(tail)), position


def _skip_blank(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


@contextlib.contextmanager
def _pointing_at(text: str, position: int) -> Iterator[None]:
    """Report a broken rule of the architecture itself as an error of the text, at `position`."""
    try:
        yield
    except LayerTextError:
        raise
    except UserError as error:
        raise LayerTextError(text, position, str(error)) from None
