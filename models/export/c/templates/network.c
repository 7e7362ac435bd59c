{{ about }}
#include "{{ prefix }}.h"

{% for name in includes %}
#include <{{ name }}>
{% endfor %}

{% include "kernels.c" %}

{% for layer in layers %}
{% for declaration in layer.arrays %}
{{ declaration }}
{% endfor %}
static const layer {{ layer.name }} = {
    .in = {{ layer.input }}, .out = {{ layer.output }},
    .kernel = {{ layer.kernel }}, .stride = {{ layer.stride }}, .padding = {{ layer.padding }}, .groups = {{ layer.groups }},
    {{ layer.range }}
{% for field in layer.fields %}
    .{{ field }} = {{ layer.name }}_{{ field }},
{% endfor %}
};

{% endfor %}
{{ labels }}

static {{ value }} arena[{{ arena_values }}];

int {{ prefix }}_intact(void)
{
{% if weighted %}
    static const layer *const layers[] = {&{{ weighted | join(", &") }}};
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        hash = checksum(layers[i], hash);
    }
    return hash == UINT32_C({{ checksum }});
{% else %}
    return 1;
{% endif %}
}

int {{ prefix }}_predict(const uint8_t pixels[{{ upper }}_PIXELS], {{ prefix }}_logit logits[{{ upper }}_CLASSES])
{
{% for declaration in pixel_constants %}
{{ declaration }}
{% endfor %}
    const {{ prefix }}_logit *const result = arena + {{ places[-1][1] }};
    int best = 0;
    for (int32_t i = 0; i < {{ upper }}_PIXELS; i++) {
{% set channel = "i % " ~ upper ~ "_CHANNELS" if channels > 1 else "0" %}
{% if int8 %}
        const int32_t value = (pixels[i] * factor[{{ channel }}] + offset[{{ channel }}]) >> {{ pixel_bits }};
        arena[i] = (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
{% else %}
        arena[i] = ((float)pixels[i] / 255.0f - centre[{{ channel }}]) / spread[{{ channel }}];
{% endif %}
    }
{% for step, (source, target) in steps %}
    {{ step.kind }}(&{{ step.name }}, arena + {{ source }}{{ "" if step.in_place else ", arena + %d" % target }});
{% endfor %}
    for (int32_t i = 0; i < {{ upper }}_CLASSES; i++) {
        if (logits) {
            logits[i] = result[i];
        }
        if (result[i] > result[best]) {
            best = (int)i;
        }
    }
    return best;
}
