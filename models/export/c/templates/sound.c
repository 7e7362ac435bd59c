{# The front end for sound: from samples to the picture that the network takes, as models.export.sound in float32. -#}
{{ array("static const float window[%d]" % sound.window, sound.window_values) }}
{{ array("static const float turns[%d]" % sound.fft, sound.turns) }}
{{ array("static const uint16_t band_bins[%d][2]" % sound.mels, sound.bins) }}
{{ array("static const float band_weights[%d]" % (sound.weights | length), sound.weights) }}
{% if sound.cosines %}
{{ array("static const float cosines[%d]" % (sound.cosines | length), sound.cosines) }}
{% endif %}

static float spectrum[{{ sound.fft }}];
static float bands[{{ sound.mels }}];

/* Natural logarithm of a positive float of IEEE 754, to 1e-6. */
static float logarithm(float x)
{
    int32_t bits, exponent;
    float s, q;
    memcpy(&bits, &x, sizeof bits);
    exponent = (bits >> 23) - 127;
    bits = (bits & 0x7fffff) | 0x3f800000; /* x / 2^exponent, 1 to 2 */
    memcpy(&x, &bits, sizeof x);
    if (x > 1.41421356f) {
        x *= 0.5f;
        exponent++;
    }
    s = (x - 1.0f) / (x + 1.0f);
    q = s * s;
    return (float)exponent * 0.693147181f + 2.0f * s * (1.0f + q * (0.333333333f + q * (0.2f + q * 0.142857143f)));
}

/* Fourier transform of {{ sound.fft // 2 }} complex values, in place (radix 2). */
static void transform(float *x)
{
    const int32_t count = {{ sound.fft // 2 }};
    for (int32_t i = 1, j = 0; i < count; i++) {
        int32_t bit = count >> 1;
        for (; j & bit; bit >>= 1) {
            j ^= bit;
        }
        j ^= bit;
        for (int32_t part = 0; i < j && part < 2; part++) {
            const float kept = x[2 * i + part];
            x[2 * i + part] = x[2 * j + part];
            x[2 * j + part] = kept;
        }
    }
    for (int32_t length = 1; length < count; length *= 2) {
        for (int32_t start = 0; start < count; start += 2 * length) {
            for (int32_t k = 0; k < length; k++) {
                const float *turn = turns + 2 * k * (count / length);
                float *one = x + 2 * (start + k), *other = one + 2 * length;
                const float real = other[0] * turn[0] - other[1] * turn[1];
                const float imaginary = other[0] * turn[1] + other[1] * turn[0];
                other[0] = one[0] - real;
                other[1] = one[1] - imaginary;
                one[0] += real;
                one[1] += imaginary;
            }
        }
    }
}

/* Power of {{ sound.fft }} real values, which `transform` took as pairs, at each frequency k: in x[2 k]. */
static void powers(float *x)
{
    const int32_t count = {{ sound.fft // 2 }};
    for (int32_t k = 1; 2 * k <= count; k++) {
        float *one = x + 2 * k, *other = x + 2 * (count - k);
        const float *turn = turns + 2 * k;
        const float even_real = 0.5f * (one[0] + other[0]), even_imaginary = 0.5f * (one[1] - other[1]);
        const float odd_real = 0.5f * (one[1] + other[1]), odd_imaginary = 0.5f * (other[0] - one[0]);
        const float real = odd_real * turn[0] - odd_imaginary * turn[1];
        const float imaginary = odd_real * turn[1] + odd_imaginary * turn[0];
        one[0] = (even_real + real) * (even_real + real) + (even_imaginary + imaginary) * (even_imaginary + imaginary);
        other[0] = (even_real - real) * (even_real - real) + (even_imaginary - imaginary) * (even_imaginary - imaginary);
    }
}

void {{ prefix }}_image(const int16_t *samples, int32_t count, uint8_t pixels[{{ upper }}_PIXELS])
{
    const int32_t spare = count - {{ upper }}_SAMPLES;
    const int32_t start = spare >= 0 ? spare / 2 : -((1 - spare) / 2);
    for (int32_t frame = 0; frame < {{ upper }}_WIDTH; frame++) {
        const float *weight = band_weights;
        for (int32_t i = 0; i < {{ sound.fft }}; i++) {
            const int32_t place = start + frame * {{ sound.hop }} + i;
            const int is_silent = i >= {{ sound.window }} || place < 0 || place >= count;
            spectrum[i] = is_silent ? 0.0f : window[i] * (float)samples[place];
        }
        transform(spectrum);
        powers(spectrum);
        for (int32_t band = 0; band < {{ sound.mels }}; band++) {
            float sum = {{ sound.floor }};
            for (int32_t k = band_bins[band][0]; k < band_bins[band][1]; k++) {
                sum += *weight++ * spectrum[2 * k];
            }
            bands[band] = logarithm(sum);
        }
        for (int32_t band = 0; band < {{ upper }}_HEIGHT; band++) {
{% if sound.cosines %}
            float value = 0.0f;
            for (int32_t i = 0; i < {{ sound.mels }}; i++) {
                value += cosines[band * {{ sound.mels }} + i] * bands[i];
            }
{% else %}
            float value = bands[band];
{% endif %}
            value = (value - {{ sound.offset }}) * {{ sound.factor }};
            pixels[band * {{ upper }}_WIDTH + frame] = (uint8_t)(value <= 0.0f ? 0.0f : value >= 255.0f ? 255.0f : value + 0.5f);
        }
    }
}

int {{ prefix }}_predict_sound(const int16_t *samples, int32_t count, {{ prefix }}_logit logits[{{ upper }}_CLASSES])
{
    static uint8_t pixels[{{ upper }}_PIXELS];
    {{ prefix }}_image(samples, count, pixels);
    return {{ prefix }}_predict(pixels, logits);
}
