{{ program.about }}
#ifndef {{ upper }}_H
#define {{ upper }}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define {{ upper }}_HEIGHT {{ plan.input_shape[1] }}
#define {{ upper }}_WIDTH {{ plan.input_shape[2] }}
#define {{ upper }}_CHANNELS {{ plan.input_shape[0] }}
#define {{ upper }}_PIXELS {{ plan.input_shape[0] * plan.input_shape[1] * plan.input_shape[2] }}
#define {{ upper }}_CLASSES {{ plan.classes }}
#define {{ upper }}_ARENA_BYTES {{ program.arena_bytes }} /* of static memory, which all maps share */

/* A logit is {{ upper }}_LOGIT_SCALE * (stored - {{ upper }}_LOGIT_ZERO). */
typedef {{ value }} {{ prefix }}_logit;
#define {{ upper }}_LOGIT_SCALE {{ logit_scale }}
#define {{ upper }}_LOGIT_ZERO ({{ logit_zero }})

/* The index of the likeliest class for a picture: 0..255, row by row, the channels of a pixel side by side. Writes the
   logits unless `logits` is NULL. Not re-entrant: the maps are in static memory. */
int {{ prefix }}_predict(const uint8_t pixels[{{ upper }}_PIXELS], {{ prefix }}_logit logits[{{ upper }}_CLASSES]);

/* Whether the weights are what they were when this file was made. */
int {{ prefix }}_intact(void);

extern const char *const {{ prefix }}_labels[{{ upper }}_CLASSES]; /* UTF-8 */

#ifdef __cplusplus
}
#endif

#endif
