/* --- layer --- */
typedef struct {
    int32_t height, width, channels;
} map;

typedef struct {
    int32_t height, width;
} size;

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

/* --- window --- */
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

/* --- conv --- */
static void conv(const layer *l, const float *restrict in, float *restrict out)
{
    const int32_t inputs = l->in.channels / l->groups, outputs = l->out.channels / l->groups;
    const int32_t step = l->groups == 1 ? l->kernel.width : 1; /* without groups a row of the kernel is one run */
    for (int32_t y = 0; y < l->out.height; y++) {
        const int32_t top = y * l->stride.height - l->padding.height;
        const range rows = covered(top, l->kernel.height, l->in.height);
        for (int32_t x = 0; x < l->out.width; x++) {
            const int32_t left = x * l->stride.width - l->padding.width;
            const range columns = covered(left, l->kernel.width, l->in.width);
            const int32_t run = l->groups == 1 ? (columns.end - columns.first) * inputs : inputs;
            for (int32_t o = 0; o < l->out.channels; o++) {
                float sum = l->bias[o];
                for (int32_t r = rows.first; r < rows.end; r++) {
                    for (int32_t c = columns.first; c < columns.end; c += step) {
                        const float *values =
                            in + ((top + r) * l->in.width + left + c) * l->in.channels + o / outputs * inputs;
                        const float *weights =
                            l->weights + ((o * l->kernel.height + r) * l->kernel.width + c) * inputs;
                        for (int32_t i = 0; i < run; i++) {
                            sum += values[i] * weights[i];
                        }
                    }
                }
                *out++ = stored(l, sum);
            }
        }
    }
}

/* --- depthwise --- */
static void depthwise(const layer *l, const float *restrict in, float *restrict out)
{
    const int32_t outputs = l->out.channels / l->in.channels;
    for (int32_t y = 0; y < l->out.height; y++) {
        const int32_t top = y * l->stride.height - l->padding.height;
        const range rows = covered(top, l->kernel.height, l->in.height);
        for (int32_t x = 0; x < l->out.width; x++) {
            const int32_t left = x * l->stride.width - l->padding.width;
            const range columns = covered(left, l->kernel.width, l->in.width);
            for (int32_t o = 0; o < l->out.channels; o++) {
                float sum = l->bias[o];
                for (int32_t r = rows.first; r < rows.end; r++) {
                    for (int32_t c = columns.first; c < columns.end; c++) {
                        sum += in[((top + r) * l->in.width + left + c) * l->in.channels + o / outputs] *
                               l->weights[(r * l->kernel.width + c) * l->out.channels + o];
                    }
                }
                *out++ = stored(l, sum);
            }
        }
    }
}

/* --- scale --- */
/* A batch norm that no convolution could take in, in place. */
static void scale(const layer *l, float *values)
{
    for (int32_t i = 0; i < l->out.height * l->out.width; i++) {
        for (int32_t c = 0; c < l->out.channels; c++, values++) {
            *values = stored(l, *values * l->weights[c] + l->bias[c]);
        }
    }
}

/* --- maxpool --- */
static void maxpool(const layer *l, const float *restrict in, float *restrict out)
{
    for (int32_t y = 0; y < l->out.height; y++) {
        const int32_t top = y * l->stride.height - l->padding.height;
        const range rows = covered(top, l->kernel.height, l->in.height);
        for (int32_t x = 0; x < l->out.width; x++) {
            const int32_t left = x * l->stride.width - l->padding.width;
            const range columns = covered(left, l->kernel.width, l->in.width);
            for (int32_t o = 0; o < l->out.channels; o++) {
                float best = -FLT_MAX;
                for (int32_t r = rows.first; r < rows.end; r++) {
                    for (int32_t c = columns.first; c < columns.end; c++) {
                        const float value = in[((top + r) * l->in.width + left + c) * l->in.channels + o];
                        best = value > best ? value : best;
                    }
                }
                *out++ = stored(l, best);
            }
        }
    }
}

/* --- avgpool --- */
/* Zeros of the padding count. */
static void avgpool(const layer *l, const float *restrict in, float *restrict out)
{
    for (int32_t y = 0; y < l->out.height; y++) {
        const int32_t top = y * l->stride.height - l->padding.height;
        const range rows = covered(top, l->kernel.height, l->in.height);
        for (int32_t x = 0; x < l->out.width; x++) {
            const int32_t left = x * l->stride.width - l->padding.width;
            const range columns = covered(left, l->kernel.width, l->in.width);
            for (int32_t o = 0; o < l->out.channels; o++) {
                float sum = 0.0f;
                for (int32_t r = rows.first; r < rows.end; r++) {
                    for (int32_t c = columns.first; c < columns.end; c++) {
                        sum += in[((top + r) * l->in.width + left + c) * l->in.channels + o];
                    }
                }
                *out++ = stored(l, sum / (float)(l->kernel.height * l->kernel.width));
            }
        }
    }
}

/* --- mean --- */
/* Over the whole map. */
static void mean(const layer *l, const float *restrict in, float *restrict out)
{
    const int32_t places = l->in.height * l->in.width;
    for (int32_t o = 0; o < l->out.channels; o++) {
        float sum = 0.0f;
        for (int32_t i = 0; i < places; i++) {
            sum += in[i * l->in.channels + o];
        }
        out[o] = stored(l, sum / (float)places);
    }
}

/* --- checksum --- */
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
