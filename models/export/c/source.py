"""The source of a network in C, for the firmware.

Equal exports give equal texts. The kernels are the files `kernels_*.c` of this folder; a source has those that it uses.
"""

import re
from pathlib import Path

import numpy as np

from underbudget.models.export.c.literal import array, floats, string, whole
from underbudget.models.export.c.program import VALUE_TYPES, Program
from underbudget.models.export.c.quantise import PIXEL_BITS, IntegerStep
from underbudget.models.export.c.steps import WEIGHTED, Step, StudyLocation

WINDOWED = ("conv", "depthwise", "maxpool", "avgpool")  # kinds that slide a window
ROUNDED = ("conv", "depthwise", "scale", "mean")  # kinds that end in a multiplier


def source(program: Program) -> str:
    """Text of `<prefix>.c`."""
    prefix, upper = program.prefix, program.prefix.upper()
    size, places = program.arena
    kinds = {step.kind for step in program.chain}
    includes = ["float.h"] if program.precision == "float32" and "maxpool" in kinds else []
    includes += ["stddef.h", *(["string.h"] if program.precision == "float32" and kinds & {*WEIGHTED} else [])]
    weighted = [step.name for step in program.chain if step.kind in WEIGHTED]
    kind = VALUE_TYPES[program.precision]
    labels = [string(name) for name in program.export.classes]
    parts = [
        program.about
        + f'\n#include "{prefix}.h"\n\n'
        + "".join(f"#include <{name}>\n" for name in includes).rstrip("\n"),
        *_kernels(program.precision, kinds),
        *_layers(program),
        array(f"const char *const {prefix}_labels[{upper}_CLASSES]", labels),
        f"static {kind} arena[{size}];",
        _intact(program, weighted),
        _predict(program, places),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(precision: str) -> dict[str, str]:
    text = Path(__file__).with_name(f"kernels_{precision}.c").read_text(encoding="utf-8")
    parts = re.split(r"^/\* --- (\w+) --- \*/\n", text, flags=re.MULTILINE)
    return {name: body.strip("\n") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _kernels(precision: str, kinds: set[str]) -> list[str]:
    """The kernels of these kinds and what they need, in the order of their file."""
    wanted = {"layer", *kinds}
    if kinds & {*WINDOWED}:
        wanted.add("window")
    if kinds & {*ROUNDED}:
        wanted.add("requantise")
    if kinds & {*WEIGHTED}:
        wanted.add("checksum")
    return [body for name, body in _sections(precision).items() if name in wanted]


def _layers(program: Program) -> list[str]:
    """The constants of each step, its arrays first."""
    integer = program.integers.steps if program.integers is not None else [None] * len(program.chain)
    return ["\n".join(_layer(step, one)) for step, one in zip(program.chain, integer, strict=True)]


def _layer(step: Step, one: IntegerStep | None) -> list[str]:
    (in_c, in_h, in_w), (out_c, out_h, out_w) = step.input_shape, step.output_shape
    arrays: list[tuple[str, str, list[str]]] = []  # field, type, items
    if one is None and step.weight is not None and step.bias is not None:
        arrays = [("weights", "float", floats(step.weight)), ("bias", "float", floats(step.bias))]
    elif one is not None:
        if one.weight is not None and one.bias is not None:
            arrays = [
                ("weights", "int8_t", whole(one.weight.ravel().tolist())),
                ("bias", "int32_t", whole(one.bias.tolist())),
            ]
        if one.multiplier:
            arrays += [
                ("multiplier", "int32_t", whole(one.multiplier)),
                ("shift", "uint8_t", whole(one.shift)),
            ]
    groups = in_c if step.kind == "scale" else step.groups
    zeros = []
    if one is None:
        zeros = [f".relu = {int(step.relu)},"]
    else:
        zeros = [f".in_zero = {one.source.zero}, .out_zero = {one.target.zero}, .low = {one.low},"]
    kernel, stride, padding = (f"{{{pair[0]}, {pair[1]}}}" for pair in (step.kernel, step.stride, step.padding))
    return [
        *(array(f"static const {kind} {step.name}_{field}[{len(items)}]", items) for field, kind, items in arrays),
        f"static const layer {step.name} = {{",
        f"    .in = {{{in_h}, {in_w}, {in_c}}}, .out = {{{out_h}, {out_w}, {out_c}}},",
        f"    .kernel = {kernel}, .stride = {stride}, .padding = {padding}, .groups = {groups},",
        *(f"    {text}" for text in zeros),
        *(f"    .{field} = {step.name}_{field}," for field, _, _ in arrays),
        "};",
    ]


def _intact(program: Program, weighted: list[str]) -> str:
    name = f"int {program.prefix}_intact(void)\n{{\n"
    if not weighted:
        return name + "    return 1;\n}"
    return (
        name
        + f"    static const layer *const layers[] = {{{', '.join(f'&{layer}' for layer in weighted)}}};\n"
        + "    uint32_t hash = UINT32_C(2166136261);\n"
        + "    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {\n"
        + "        hash = checksum(layers[i], hash);\n    }\n"
        + f"    return hash == UINT32_C({_checksum(program)});\n}}"
    )


def _checksum(program: Program) -> int:
    """FNV-1a (Fowler, Noll, Vo) over all weights, one value at a time: any one changed value changes it."""
    value = 2166136261
    integer = program.integers.steps if program.integers is not None else [None] * len(program.chain)
    for step, one in zip(program.chain, integer, strict=True):
        if step.weight is None or step.bias is None:
            continue
        words: list[int] = []
        if one is None:
            for tensor in (step.weight, step.bias):
                words += np.ascontiguousarray(tensor, np.float32).view(np.uint32).ravel().tolist()
        elif one.weight is not None and one.bias is not None:
            words += one.weight.view(np.uint8).ravel().tolist()
            words += one.bias.view(np.uint32).tolist()
            words += [*one.multiplier, *one.shift]
        for word in words:
            value = (value ^ word) * 16777619 & 0xFFFFFFFF
    return value


def _predict(program: Program, places: list[StudyLocation]) -> str:
    prefix, upper, export = program.prefix, program.prefix.upper(), program.export
    channels = len(export.mean)
    if program.integers is None:
        constants = [
            array(f"    static const float centre[{channels}]", floats(np.array(export.mean))),
            array(f"    static const float spread[{channels}]", floats(np.array(export.std))),
        ]
        value = ["arena[i] = ((float)pixels[i] / 255.0f - centre[CHANNEL]) / spread[CHANNEL];"]
    else:
        factors, offsets = zip(*program.integers.pixels, strict=True)
        constants = [
            array(f"    static const int32_t factor[{channels}]", whole(factors)),
            array(f"    static const int32_t offset[{channels}]", whole(offsets)),
        ]
        value = [
            f"const int32_t value = (pixels[i] * factor[CHANNEL] + offset[CHANNEL]) >> {PIXEL_BITS};",
            "arena[i] = (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);",
        ]
    calls = []
    for step, place in zip(program.chain, places, strict=True):
        target = "" if step.in_place else f", arena + {place.target}"
        calls.append(f"    {step.kind}(&{step.name}, arena + {place.source}{target});")
    where = f"i % {upper}_CHANNELS" if channels > 1 else "0"
    return "\n".join(
        [
            f"int {prefix}_predict(const uint8_t pixels[{upper}_PIXELS], {prefix}_logit logits[{upper}_CLASSES])",
            "{",
            *constants,
            f"    const {prefix}_logit *const result = arena + {places[-1].target};",
            "    int best = 0;",
            f"    for (int32_t i = 0; i < {upper}_PIXELS; i++) {{",
            *(f"        {line.replace('CHANNEL', where)}" for line in value),
            "    }",
            *calls,
            f"    for (int32_t i = 0; i < {upper}_CLASSES; i++) {{",
            "        if (logits) {",
            "            logits[i] = result[i];",
            "        }",
            "        if (result[i] > result[best]) {",
            "            best = (int)i;",
            "        }",
            "    }",
            "    return best;",
            "}",
        ]
    )
