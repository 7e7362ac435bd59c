{{ program.about }}
#include "{{ prefix }}.h"

{% for name in includes %}
#include <{{ name }}>
{% endfor %}

{% include "kernels.c" %}

{% macro pair(sizes) %}{{ "{%d, %d}" % sizes }}{% endmacro %}
{% macro map(shape) %}{{ "{%d, %d, %d}" % (shape[1], shape[2], shape[0]) }}{% endmacro %}
{% for step, range, arrays in layers %}
{% for field, (type, items) in arrays.items() %}
{{ array("static const %s %s_%s[%d]" % (type, step.name, field, items | length), items) }}
{% endfor %}
{% set groups = step.input_shape[0] if step.kind == "scale" else step.groups %}
static const layer {{ step.name }} = {
    .in = {{ map(step.input_shape) }}, .out = {{ map(step.output_shape) }},
    .kernel = {{ pair(step.kernel) }}, .stride = {{ pair(step.stride) }}, .padding = {{ pair(step.padding) }}, .groups = {{ groups }},
    {{ range }}
{% for field in arrays %}
    .{{ field }} = {{ step.name }}_{{ field }},
{% endfor %}
};

{% endfor %}
{{ array("const char *const %s_labels[%s_CLASSES]" % (prefix, upper), labels) }}

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
{% for name, items in pixel_constants.items() %}
{{ array("    static const %s %s[%d]" % (sum, name, items | length), items) }}
{% endfor %}
    const {{ prefix }}_logit *const result = arena + {{ places[-1][1] }};
    int best = 0;
    for (int32_t i = 0; i < {{ upper }}_PIXELS; i++) {
{% set channel = "i % " ~ upper ~ "_CHANNELS" if plan.input_shape[0] > 1 else "0" %}
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
{% if sound %}

{% include "sound.c" %}
{% endif %}
