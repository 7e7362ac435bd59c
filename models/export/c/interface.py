"""The header of a network in C."""

import numpy as np

from underbudget.models.export.c.literal import floats
from underbudget.models.export.c.program import VALUE_TYPES, Program


def header(program: Program) -> str:
    """Text of `<prefix>.h`."""
    prefix, upper, export = program.prefix, program.prefix.upper(), program.export
    channels, height, width = export.plan.input_shape
    scale, zero = 1.0, 0
    if program.integers is not None:
        scale, zero = program.integers.logits.scale, program.integers.logits.zero
    (scale_text,) = floats(np.array([scale]))
    return f"""\
{program.about}
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_HEIGHT {height}
#define {upper}_WIDTH {width}
#define {upper}_CHANNELS {channels}
#define {upper}_PIXELS {channels * height * width}
#define {upper}_CLASSES {export.plan.classes}
#define {upper}_ARENA_BYTES {program.arena_bytes} /* of static memory, which all maps share */

/* A logit is {upper}_LOGIT_SCALE * (stored - {upper}_LOGIT_ZERO). */
typedef {VALUE_TYPES[program.precision]} {prefix}_logit;
#define {upper}_LOGIT_SCALE {scale_text}
#define {upper}_LOGIT_ZERO ({zero})

/* The index of the likeliest class for a picture: 0..255, row by row, the channels of a pixel side by side. Writes the
   logits unless `logits` is NULL. Not re-entrant: the maps are in static memory. */
int {prefix}_predict(const uint8_t pixels[{upper}_PIXELS], {prefix}_logit logits[{upper}_CLASSES]);

/* Whether the weights are what they were when this file was made. */
int {prefix}_intact(void);

extern const char *const {prefix}_labels[{upper}_CLASSES]; /* UTF-8 */

#ifdef __cplusplus
}}
#endif

#endif
"""
