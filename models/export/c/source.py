"""The texts of a network in C, from the files in `templates/`: the header and source for the firmware, the program that
tests them (which can run on the target too). Equal exports give equal texts."""

import functools
import math
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from underbudget.models.export.c.literals import array, braces, floats, string, whole
from underbudget.models.export.c.program import VALUE_TYPES, Program
from underbudget.models.export.c.quantise import PIXEL_BITS, IntegerStep
from underbudget.models.export.c.sound import MOST_OFF, images_of, sound_of
from underbudget.models.export.c.steps import WEIGHTED, Step
from underbudget.models.export.recordings import is_of_sound, made

if TYPE_CHECKING:
    from jinja2 import Environment

WINDOWED = ("conv", "depthwise", "maxpool", "avgpool")  # kinds that slide a window
ROUNDED = ("conv", "depthwise", "scale", "mean")  # kinds that end in a multiplier


def header(program: Program) -> str:
    """Text of `<prefix>.h`."""
    scale, zero = program.logit_grid
    return _render("network.h", program, logit_scale=floats(np.array([scale]))[0], logit_zero=zero)


def source(program: Program) -> str:
    """Text of `<prefix>.c`."""
    export, int8 = program.export, program.integers is not None
    size, places = program.arena
    kinds = {step.kind for step in program.chain}
    weighted = [step.name for step in program.chain if step.kind in WEIGHTED]
    copies = is_of_sound(export) or (not int8 and bool(weighted))
    used = {"float.h": not int8 and "maxpool" in kinds, "stddef.h": True, "string.h": copies}
    return _render(
        "network.c",
        program,
        includes=[name for name, needed in used.items() if needed],
        sum="int32_t" if int8 else "float",
        kinds=kinds,
        windowed=kinds & {*WINDOWED},
        rounded=kinds & {*ROUNDED},
        layers=[_layer(step, one) for step, one in _steps(program)],
        labels=[string(name) for name in export.classes],
        arena_values=size,
        weighted=weighted,
        checksum=_checksum(program),
        pixel_bits=PIXEL_BITS,
        pixel_constants=_pixel_constants(program),
        places=places,
        steps=list(zip(program.chain, places, strict=True)),
    )


def self_test(
    program: Program, pictures: npt.NDArray[np.uint8], logits: npt.NDArray[np.float32], tolerance: float
) -> str:
    """Text of `<prefix>_main.c`: uint8 pictures (n, channels, height, width) and their stored logits (n, classes)."""
    rows = pictures.transpose(0, 2, 3, 1).reshape(len(pictures), -1)
    return _render(
        "main.c",
        program,
        pictures=[whole(row) for row in rows],
        expected=[whole(row.astype(int)) if program.integers is not None else floats(row) for row in logits],
        predictions=whole(logits.argmax(1)),
        tolerance=floats(np.array([tolerance]))[0],
        made_image=whole(_made_image(program)),
        most_off=MOST_OFF,
    )


def _made_image(program: Program) -> list[int]:
    """The image of the recording that the test program makes, row by row."""
    frontend = program.export.frontend
    if frontend is None or not is_of_sound(program.export):
        return []
    recording = np.array(made(int(str(frontend["samples"]))), np.int16)
    values: list[int] = images_of([recording], frontend).ravel().tolist()
    return values


@functools.cache
def _templates() -> "Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates", encoding="utf-8"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _render(template: str, program: Program, **values: Any) -> str:
    file = _templates().get_template(template)
    return file.render(
        program=program,
        plan=program.export.plan,
        prefix=program.prefix,
        upper=program.prefix.upper(),
        value=VALUE_TYPES[program.precision],
        int8=program.integers is not None,
        sound=sound_of(program.export.frontend, math.prod(program.export.plan.input_shape)),
        raw=_raw_values(program),
        array=array,
        braces=braces,
        **values,
    )


def _raw_values(program: Program) -> dict[str, str] | None:
    """Offset and scale per channel, as C writes a list, of values that become bytes; None where there are none, and for
    sound, which has functions for it."""
    frontend = program.export.frontend
    if frontend is None or is_of_sound(program.export) or "offset" not in frontend:
        return None
    return {name: ", ".join(floats(np.array(frontend[name], np.float32))) for name in ("offset", "scale")}


def _steps(program: Program) -> list[tuple[Step, IntegerStep | None]]:
    """The steps, each with its integers where the program is in int8."""
    return list(zip_longest(program.chain, program.integers.steps if program.integers is not None else ()))


def _layer(step: Step, one: IntegerStep | None) -> tuple[Step, str, dict[str, tuple[str, list[str]]]]:
    """A step, the fields about its values, and its arrays: by field, their type and items."""
    arrays: dict[str, tuple[str, list[str]]] = {}
    if one is None:
        used = f".relu = {int(step.relu)},"
        if step.weight is not None and step.bias is not None:
            arrays = {"weights": ("float", floats(step.weight)), "bias": ("float", floats(step.bias))}
    else:
        used = f".in_zero = {one.source.zero}, .out_zero = {one.target.zero}, .low = {one.low},"
        if one.weight is not None and one.bias is not None:
            arrays["weights"] = "int8_t", whole(one.weight.ravel().tolist())
            arrays["bias"] = "int32_t", whole(one.bias.tolist())
        if one.multiplier:
            arrays |= {"multiplier": ("int32_t", whole(one.multiplier)), "shift": ("uint8_t", whole(one.shift))}
    return step, used, arrays


def _pixel_constants(program: Program) -> dict[str, list[str]]:
    """What brings pixels to the values of the first map, one number per channel."""
    if program.integers is None:
        return {"centre": floats(np.array(program.export.mean)), "spread": floats(np.array(program.export.std))}
    factors, offsets = zip(*program.integers.pixels, strict=True)
    return {"factor": whole(factors), "offset": whole(offsets)}


def _checksum(program: Program) -> int:
    """FNV-1a (Fowler, Noll, Vo) over all weights, one value at a time: any one changed value changes it."""
    value = 2166136261
    for step, one in _steps(program):
        words: list[int] = []
        if one is None:
            for tensor in (step.weight, step.bias):
                if tensor is not None:
                    words += np.ascontiguousarray(tensor, np.float32).view(np.uint32).ravel().tolist()
        elif one.weight is not None and one.bias is not None:
            words += one.weight.view(np.uint8).ravel().tolist()
            words += one.bias.view(np.uint32).tolist()
            words += [*one.multiplier, *one.shift]
        for word in words:
            value = (value ^ word) * 16777619 & 0xFFFFFFFF
    return value
