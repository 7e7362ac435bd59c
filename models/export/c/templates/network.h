{{ about }}
#ifndef {{ upper }}_H
#define {{ upper }}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define {{ upper }}_HEIGHT {{ height }}
#define {{ upper }}_WIDTH {{ width }}
#define {{ upper }}_CHANNELS {{ channels }}
#define {{ upper }}_PIXELS {{ channels * height * width }}
#define {{ upper }}_CLASSES {{ classes }}
#define {{ upper }}_ARENA_BYTES {{ arena_bytes }} /* of static memory, which all maps share */

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
