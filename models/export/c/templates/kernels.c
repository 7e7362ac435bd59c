{# The kernels of both precisions: a source has those of the `kinds` of steps that its network takes. -#}

{# The loop over the places of the output: `rows` and `columns` are the part of the kernel that lies on the map. #}
{% macro over_windows() %}
    for (int32_t y = 0; y < l->out.height; y++) {
        const int32_t top = y * l->stride.height - l->padding.height;
        const range rows = covered(top, l->kernel.height, l->in.height);
        for (int32_t x = 0; x < l->out.width; x++) {
            const int32_t left = x * l->stride.width - l->padding.width;
            const range columns = covered(left, l->kernel.width, l->in.width);
{{ caller().rstrip() }}
        }
    }
}
{% endmacro %}
typedef struct {
    int32_t height, width, channels;
} map;

typedef struct {
    int32_t height, width;
} size;

{% if int8 %}
/* One pass over a map. Values of a map lie row by row, the channels of a place side by side; a stored value q stands
   for scale * (q - zero). The layouts are those of LiteRT and CMSIS-NN. */
typedef struct {
    map in, out;
    size kernel, stride, padding; /* padding: on each side, with in_zero */
    int32_t groups;
    int32_t in_zero, out_zero, low; /* low: least value stored, out_zero behind a ReLU */
    const int8_t *weights;     /* conv: [out][height][width][in / groups]; depthwise: [height][width][out]; scale: [out] */
    const int32_t *bias;       /* [out], on the scale of input x weights */
    const int32_t *multiplier; /* [out], or one of a mean: 2^31 stands for 1 */
    const uint8_t *shift;      /* as many: further bits to the right */
} layer;

/* int8 arithmetic below shifts negative numbers to the right, which C leaves to the compiler. */
typedef char right_shift_keeps_the_sign[(-5 >> 1) == -3 ? 1 : -1];

static int8_t stored(const layer *l, int32_t value)
{
    return (int8_t)(value < l->low ? l->low : value > 127 ? 127 : value);
}
{% if rounded %}

/* A sum on the scale of the output: rounded twice, as LiteRT and CMSIS-NN do. */
static int8_t requantised(const layer *l, int32_t sum, int32_t channel)
{
    const int32_t high = (int32_t)(((int64_t)sum * l->multiplier[channel] + (INT64_C(1) << 30)) >> 31);
    const int32_t mask = (int32_t)((UINT32_C(1) << l->shift[channel]) - 1);
    const int32_t rest = high & mask;
    const int32_t half = (mask >> 1) + (high < 0);
    return stored(l, (high >> l->shift[channel]) + (rest > half) + l->out_zero);
}
{% endif %}
{% else %}
/* One pass over a map. Values of a map lie row by row, the channels of a place side by side. */
typedef struct {
    map in, out;
    size kernel, stride, padding; /* padding: on each side */
    int32_t groups;
    int relu;
    const float *weights; /* conv: [out][height][width][in / groups]; depthwise: [height][width][out]; scale: [out] */
    const float *bias;    /* [out] */
} layer;

static float stored(const layer *l, float value)
{
    return l->relu && value < 0.0f ? 0.0f : value;
}
{% endif %}
{% if windowed %}

typedef struct {
    int32_t first, end;
} range;

/* The part of a kernel that lies on the map, for a window that begins at `start` on an axis of `length` values. */
static range covered(int32_t start, int32_t kernel, int32_t length)
{
    range r;
    r.first = start < 0 ? -start : 0;
    r.end = length - start < kernel ? length - start : kernel;
    return r;
}
{% endif %}
{% if "conv" in kinds %}

static void conv(const layer *l, const {{ value }} *restrict in, {{ value }} *restrict out)
{
    const int32_t inputs = l->in.channels / l->groups, outputs = l->out.channels / l->groups;
    const int32_t step = l->groups == 1 ? l->kernel.width : 1; /* without groups a row of the kernel is one run */
{% call over_windows() %}
            const int32_t run = l->groups == 1 ? (columns.end - columns.first) * inputs : inputs;
            for (int32_t o = 0; o < l->out.channels; o++) {
                {{ sum }} sum = l->bias[o];
                for (int32_t r = rows.first; r < rows.end; r++) {
                    for (int32_t c = columns.first; c < columns.end; c += step) {
                        const {{ value }} *values =
                            in + ((top + r) * l->in.width + left + c) * l->in.channels + o / outputs * inputs;
                        const {{ value }} *weights =
                            l->weights + ((o * l->kernel.height + r) * l->kernel.width + c) * inputs;
                        for (int32_t i = 0; i < run; i++) {
                            sum += {{ "(values[i] - l->in_zero)" if int8 else "values[i]" }} * weights[i];
                        }
                    }
                }
                *out++ = {{ "requantised(l, sum, o)" if int8 else "stored(l, sum)" }};
            }
{% endcall %}
{% endif %}
{% if "depthwise" in kinds %}

static void depthwise(const layer *l, const {{ value }} *restrict in, {{ value }} *restrict out)
{
    const int32_t outputs = l->out.channels / l->in.channels;
{% call over_windows() %}
            for (int32_t o = 0; o < l->out.channels; o++) {
                {{ sum }} sum = l->bias[o];
                for (int32_t r = rows.first; r < rows.end; r++) {
                    for (int32_t c = columns.first; c < columns.end; c++) {
{% if int8 %}
                        const int32_t place = (top + r) * l->in.width + left + c;
                        sum += (in[place * l->in.channels + o / outputs] - l->in_zero) *
{% else %}
                        sum += in[((top + r) * l->in.width + left + c) * l->in.channels + o / outputs] *
{% endif %}
                               l->weights[(r * l->kernel.width + c) * l->out.channels + o];
                    }
                }
                *out++ = {{ "requantised(l, sum, o)" if int8 else "stored(l, sum)" }};
            }
{% endcall %}
{% endif %}
{% if "scale" in kinds %}

/* A batch norm that no convolution could take in, in place{{ ": a depthwise convolution of 1x1 kernels" if int8 }}. */
static void scale(const layer *l, {{ value }} *values)
{
    for (int32_t i = 0; i < l->out.height * l->out.width; i++) {
        for (int32_t c = 0; c < l->out.channels; c++, values++) {
{% if int8 %}
            *values = requantised(l, (*values - l->in_zero) * l->weights[c] + l->bias[c], c);
{% else %}
            *values = stored(l, *values * l->weights[c] + l->bias[c]);
{% endif %}
        }
    }
}
{% endif %}
{% if "maxpool" in kinds %}

static void maxpool(const layer *l, const {{ value }} *restrict in, {{ value }} *restrict out)
{
{% call over_windows() %}
            for (int32_t o = 0; o < l->out.channels; o++) {
                {{ sum }} best = {{ "l->low" if int8 else "-FLT_MAX" }};
                for (int32_t r = rows.first; r < rows.end; r++) {
                    for (int32_t c = columns.first; c < columns.end; c++) {
                        const {{ value }} value = in[((top + r) * l->in.width + left + c) * l->in.channels + o];
                        best = value > best ? value : best;
                    }
                }
                *out++ = stored(l, best);
            }
{% endcall %}
{% endif %}
{% if "avgpool" in kinds %}

/* {{ "The padding counts; rounded to the nearest, halves away from zero" if int8 else "Zeros of the padding count" }}. */
static void avgpool(const layer *l, const {{ value }} *restrict in, {{ value }} *restrict out)
{
{% if int8 %}
    const int32_t count = l->kernel.height * l->kernel.width;
{% endif %}
{% call over_windows() %}
            for (int32_t o = 0; o < l->out.channels; o++) {
{% if int8 %}
                int32_t sum = (count - (rows.end - rows.first) * (columns.end - columns.first)) * l->in_zero;
{% else %}
                float sum = 0.0f;
{% endif %}
                for (int32_t r = rows.first; r < rows.end; r++) {
                    for (int32_t c = columns.first; c < columns.end; c++) {
                        sum += in[((top + r) * l->in.width + left + c) * l->in.channels + o];
                    }
                }
{% if int8 %}
                *out++ = stored(l, (sum + (sum > 0 ? count / 2 : -(count / 2))) / count);
{% else %}
                *out++ = stored(l, sum / (float)(l->kernel.height * l->kernel.width));
{% endif %}
            }
{% endcall %}
{% endif %}
{% if "mean" in kinds %}

/* Over the whole map{{ "; the multiplier divides by the number of its places" if int8 }}. */
static void mean(const layer *l, const {{ value }} *restrict in, {{ value }} *restrict out)
{
    const int32_t places = l->in.height * l->in.width;
    for (int32_t o = 0; o < l->out.channels; o++) {
        {{ sum }} sum = {{ "-places * l->in_zero" if int8 else "0.0f" }};
        for (int32_t i = 0; i < places; i++) {
            sum += in[i * l->in.channels + o];
        }
        out[o] = {{ "requantised(l, sum, 0)" if int8 else "stored(l, sum / (float)places)" }};
    }
}
{% endif %}
{% if weighted and int8 %}

static uint32_t hashed(uint32_t hash, const int8_t *bytes, const int32_t *words, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        hash = (hash ^ (bytes ? (uint8_t)bytes[i] : (uint32_t)words[i])) * UINT32_C(16777619);
    }
    return hash;
}

static uint32_t checksum(const layer *l, uint32_t hash)
{
    const int32_t inputs = l->in.channels / l->groups;
    hash = hashed(hash, l->weights, NULL, l->out.channels * l->kernel.height * l->kernel.width * inputs);
    hash = hashed(hash, NULL, l->bias, l->out.channels);
    hash = hashed(hash, NULL, l->multiplier, l->out.channels);
    return hashed(hash, (const int8_t *)l->shift, NULL, l->out.channels);
}
{% elif weighted %}

static uint32_t hashed(uint32_t hash, const float *values, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, values + i, sizeof word);
        hash = (hash ^ word) * UINT32_C(16777619);
    }
    return hash;
}

static uint32_t checksum(const layer *l, uint32_t hash)
{
    const int32_t inputs = l->in.channels / l->groups;
    hash = hashed(hash, l->weights, l->out.channels * l->kernel.height * l->kernel.width * inputs);
    return hashed(hash, l->bias, l->out.channels);
}
{% endif %}
