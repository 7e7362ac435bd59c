"""The program that tests a network in C: not part of a firmware, though it can run on the target."""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from underbudget.models.export.c.literal import braces, floats, whole
from underbudget.models.export.c.program import Program


def testing(
    program: Program, pictures: npt.NDArray[np.uint8], logits: npt.NDArray[np.float32], tolerance: float
) -> str:
    """Text of `<prefix>_main.c`, which computes uint8 pictures (n, channels, height, width) and compares their logits
    (n, classes), as stored, with what is expected."""
    names = {"PREFIX": program.prefix, "UPPER": program.prefix.upper()}
    rows = pictures.transpose(0, 2, 3, 1).reshape(len(pictures), -1)
    expected = [whole(row.astype(int)) if program.precision == "int8" else floats(row) for row in logits]
    (allowed,) = floats(np.array([tolerance]))
    parts = [
        program.about,
        "/* Without arguments it computes the pictures below again; with a file of raw pictures it predicts them:\n"
        "   cc -std=c99 -O2 PREFIX.c PREFIX_main.c -o PREFIX && ./PREFIX */",
        '#include "PREFIX.h"\n\n#include <stdio.h>\n#include <time.h>',
        f"#define SAMPLES {len(rows)}\n#define TOLERANCE {allowed}",
        _table("static const uint8_t pictures[SAMPLES][UPPER_PIXELS]", [whole(row) for row in rows]),
        _table("static const PREFIX_logit expected[SAMPLES][UPPER_CLASSES]", expected),
        f"static const int predictions[SAMPLES] = {braces(whole(logits.argmax(1)), 40)};",
        Path(__file__).with_name("testing.c").read_text(encoding="utf-8").strip("\n"),
    ]
    named = [re.sub("PREFIX|UPPER", lambda found: names[found[0]], part) for part in parts[1:]]
    return "\n\n".join([parts[0], *named]) + "\n"


def _table(declaration: str, rows: list[list[str]]) -> str:
    return "\n".join([f"{declaration} = {{", *(f"{braces(row)}," for row in rows), "};"])
