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
{% if raw %}
/* A value v of the channel c is the byte 255 * (v - offset) / scale, rounded and kept within 0..255. */
#define {{ upper }}_VALUE_OFFSETS {{ "{" }}{{ raw.offset }}{{ "}" }}
#define {{ upper }}_VALUE_SCALES {{ "{" }}{{ raw.scale }}{{ "}" }}
{% endif %}
#define {{ upper }}_ARENA_BYTES {{ program.arena_bytes }} /* of static memory, which all maps share */

/* A logit is {{ upper }}_LOGIT_SCALE * (stored - {{ upper }}_LOGIT_ZERO). */
typedef {{ value }} {{ prefix }}_logit;
#define {{ upper }}_LOGIT_SCALE {{ logit_scale }}
#define {{ upper }}_LOGIT_ZERO ({{ logit_zero }})

/* The index of the likeliest class for a picture: 0..255, row by row, the channels of a pixel side by side. Writes the
   logits unless `logits` is NULL. Not re-entrant: the maps are in static memory. */
int {{ prefix }}_predict(const uint8_t pixels[{{ upper }}_PIXELS], {{ prefix }}_logit logits[{{ upper }}_CLASSES]);

{% if sound %}
/* Sound: recordings of 16 bits, one channel, at {{ upper }}_SAMPLE_RATE. Of a longer one than {{ upper }}_SAMPLES the
   middle is taken, a shorter one gets silence on both sides. */
#define {{ upper }}_SAMPLE_RATE {{ sound.sample_rate }} /* Hz */
#define {{ upper }}_SAMPLES {{ sound.samples }}
#define {{ upper }}_SOUND_BYTES {{ sound.bytes }} /* of static memory, besides the arena */

/* The picture of a recording of `count` samples, which `{{ prefix }}_predict` takes, in float32. */
void {{ prefix }}_image(const int16_t *samples, int32_t count, uint8_t pixels[{{ upper }}_PIXELS]);

/* The index of the likeliest class for a recording, as `{{ prefix }}_predict`. */
int {{ prefix }}_predict_sound(const int16_t *samples, int32_t count, {{ prefix }}_logit logits[{{ upper }}_CLASSES]);

{% endif %}
/* Whether the weights are what they were when this file was made. */
int {{ prefix }}_intact(void);

extern const char *const {{ prefix }}_labels[{{ upper }}_CLASSES]; /* UTF-8 */

#ifdef __cplusplus
}
#endif

#endif
