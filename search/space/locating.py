"""From an architecture back to parameters: some can be read off its stages, the others are tried out.

Each vector is checked by decoding it, so this file holds no second copy of the geometry.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from underbudget.models.architecture import Architecture, Conv, Dropout, SeparableConv
from underbudget.search.space.decoding import active, decode
from underbudget.search.space.dimensions import Dimension

# Dimensions whose values are tried out, in their order of preference; each has at most four values.
_TRIED = ("transition", "transition_tail", "pools", "padding", "order", "first_tail")


def locate(
    architecture: Architecture,
    dimensions: Mapping[str, Dimension],
    input_shape: tuple[int, int, int],
    classes: int,
) -> dict[str, Any] | None:
    """The first parameter vector within the dimensions that decodes to exactly this architecture, or None."""
    tried = [[(name, value) for value in dimensions[name].values()] for name in _TRIED]
    for read in _read(architecture):
        if not all(dimensions[name].contains(value) if name in dimensions else False for name, value in read.items()):
            continue
        for combination in product(*tried):
            params = read | dict(combination)
            if (params["transition"] == "none") == ("transition_width" in params):
                continue
            if decode(params, input_shape, classes) == architecture:
                return {name: params[name] for name in dimensions if active(name, params)}
    return None


def _read(architecture: Architecture) -> Iterator[dict[str, Any]]:
    """Ways to read the widths: which convolution belongs to which part, for each head and each place of the pool."""
    primaries = [stage.primary for stage in architecture.stages]
    convolutions = [primary for primary in primaries if isinstance(primary, Conv | SeparableConv)]
    rates = [layer.rate for stage in architecture.stages for layer in stage.tail if isinstance(layer, Dropout)]
    whole: dict[str, Any] = {
        "dropout": rates[0] if rates else 0.0,
        "block": "separable" if any(isinstance(primary, SeparableConv) for primary in primaries) else "conv",
    }
    kernels = {layer.kernel for layer in convolutions} - {(1, 1)}
    if kernels and kernels != {(3, 3)}:
        whole["kernel"] = str(max(map(max, kernels)))
    large = [layer.width for layer in convolutions if layer.kernel != (1, 1)]
    small = [layer.width for layer in convolutions if layer.kernel == (1, 1)]
    heads = {  # head -> widths of the 3x3 and of the 1x1 convolutions before it
        "gap_conv": (large, small[:-1]),
        "conv1x1_gap": (large, small[:-1]),
        "conv3x3_gap": (large[:-1], small),
        "gap_hidden_conv": (large, small[:-2]),
    }
    for head, (body, transitions) in heads.items():
        if len(transitions) > 1 or (head == "gap_hidden_conv" and len(small) < 2):
            continue
        found = whole | {"head": head}
        if transitions:
            found["transition_width"] = transitions[0]
        if head == "gap_hidden_conv":
            found["hidden_width"] = small[-2]
        for n_before in range(1, len(body)):
            widths = {f"width_before_{index}": width for index, width in enumerate(body[:n_before], 1)}
            widths |= {f"width_after_{index}": width for index, width in enumerate(body[n_before:], 1)}
            yield found | {"n_before": n_before, "n_after": len(body) - n_before} | widths
