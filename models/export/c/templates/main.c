{{ program.about }}

/* Without arguments it computes the pictures below again; with a file of raw pictures it predicts them{{ ",
   with `sound FILE ...` recordings" if sound }}:
   cc -std=c99 -O2 {{ prefix }}.c {{ prefix }}_main.c -o {{ prefix }} && ./{{ prefix }} */

#include "{{ prefix }}.h"

#include <stdio.h>
{% if sound %}
#include <stdlib.h>
#include <string.h>
{% endif %}
#include <time.h>

#define SAMPLES {{ pictures | length }}
#define TOLERANCE {{ tolerance }}

static const uint8_t pictures[SAMPLES][{{ upper }}_PIXELS] = {
{% for picture in pictures %}
{{ braces(picture) }},
{% endfor %}
};

static const {{ prefix }}_logit expected[SAMPLES][{{ upper }}_CLASSES] = {
{% for logits in expected %}
{{ braces(logits) }},
{% endfor %}
};

static const int predictions[SAMPLES] = {{ braces(predictions, 40) }};

{% if sound %}
static const uint8_t expected_image[{{ upper }}_PIXELS] = {{ braces(made_image) }};

static int16_t recording[{{ upper }}_SAMPLES];

/* Whether the picture of a recording that is made here, a wave of rising pitch and noise, both fading, is as expected. */
static int sound_selftest(void)
{
    static uint8_t image[{{ upper }}_PIXELS];
    uint32_t state = 1, phase = 0;
    int worst = 0;
    for (int32_t i = 0; i < {{ upper }}_SAMPLES; i++) {
        int32_t value;
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        phase += (UINT32_C(1) << 22) + (uint32_t)i * ((UINT32_C(1) << 30) / {{ upper }}_SAMPLES);
        value = (int32_t)(phase >> 16) - 32768;
        value = (value < 0 ? -value : value) - 16384 + (int32_t)(state >> 20) - 2048;
        recording[i] = (int16_t)(value / (1 << ((int64_t)i * 8 / {{ upper }}_SAMPLES)));
    }
    {{ prefix }}_image(recording, {{ upper }}_SAMPLES, image);
    for (int32_t i = 0; i < {{ upper }}_PIXELS; i++) {
        const int difference = image[i] > expected_image[i] ? image[i] - expected_image[i] : expected_image[i] - image[i];
        worst = difference > worst ? difference : worst;
    }
    printf("selftest %s: the picture of a recording differs by at most %d of 255 (%d allowed)\n",
           worst <= {{ most_off }} ? "passed" : "FAILED", worst, {{ most_off }});
    return worst <= {{ most_off }};
}

/* Predicts recordings, each a file of raw samples of 16 bits: one line each, the label's index, the logits as stored, and
   the picture. */
static int predict_sounds(int count, char **names)
{
    static uint8_t image[{{ upper }}_PIXELS];
    {{ prefix }}_logit logits[{{ upper }}_CLASSES];
    clock_t ticks = 0;
    for (int n = 0; n < count; n++) {
        FILE *file = fopen(names[n], "rb");
        int16_t *samples = NULL;
        long bytes = -1;
        int32_t length;
        int found;
        clock_t start;
        if (file && !fseek(file, 0, SEEK_END) && (bytes = ftell(file)) >= 0 && !fseek(file, 0, SEEK_SET)) {
            samples = malloc((size_t)bytes + sizeof *samples);
        }
        if (!samples) {
            fprintf(stderr, "%s cannot be read\n", names[n]);
            return 0;
        }
        length = (int32_t)fread(samples, sizeof *samples, (size_t)bytes / sizeof *samples, file);
        fclose(file);
        start = clock();
        found = {{ prefix }}_predict_sound(samples, length, logits);
        ticks += clock() - start;
        printf("%d", found);
        for (int c = 0; c < {{ upper }}_CLASSES; c++) {
            printf(" %.9g", (double)logits[c]);
        }
        {{ prefix }}_image(samples, length, image);
        for (int32_t i = 0; i < {{ upper }}_PIXELS; i++) {
            printf(" %d", image[i]);
        }
        printf("\n");
        free(samples);
    }
    fprintf(stderr, "%d recordings, %.4f ms each\n", count, 1000.0 * (double)ticks / CLOCKS_PER_SEC / (double)count);
    return 1;
}

{% endif %}
/* Computes the stored pictures again; returns whether they give what was stored. */
static int selftest(void)
{
    int same = 0;
    float most = 0.0f;
    const int intact = {{ prefix }}_intact();
    for (int i = 0; i < SAMPLES; i++) {
        {{ prefix }}_logit logits[{{ upper }}_CLASSES];
        float worst = 0.0f;
        const int found = {{ prefix }}_predict(pictures[i], logits);
        for (int c = 0; c < {{ upper }}_CLASSES; c++) {
            const float difference = (float)logits[c] - (float)expected[i][c];
            const float size = difference < 0.0f ? -difference : difference;
            worst = size <= worst ? worst : size; /* a NaN counts */
        }
        /* where two classes are nearer than the tolerance, either may be found */
        same += worst <= TOLERANCE && (float)expected[i][predictions[i]] - (float)expected[i][found] <= 2.0f * TOLERANCE;
        most = worst <= most ? most : worst;
    }
    printf("selftest %s: weights %s, %d of %d pictures as expected, logits differ by at most %.3g (%.3g allowed)\n",
           intact && same == SAMPLES ? "passed" : "FAILED", intact ? "intact" : "CHANGED", same, SAMPLES, (double)most,
           (double)TOLERANCE);
    return intact && same == SAMPLES;
}

/* Predicts the pictures in a file of raw bytes: one line each, the label's index and the logits as stored. */
static int predict(const char *name)
{
    static uint8_t picture[{{ upper }}_PIXELS];
    {{ prefix }}_logit logits[{{ upper }}_CLASSES];
    size_t size;
    long count = 0;
    clock_t ticks = 0;
    FILE *file = fopen(name, "rb");
    if (!file) {
        fprintf(stderr, "%s cannot be read\n", name);
        return 0;
    }
    while ((size = fread(picture, 1, sizeof picture, file)) == sizeof picture) {
        const clock_t start = clock();
        const int found = {{ prefix }}_predict(picture, logits);
        ticks += clock() - start;
        count++;
        printf("%d", found);
        for (int c = 0; c < {{ upper }}_CLASSES; c++) {
            printf(" %.9g", (double)logits[c]);
        }
        printf("\n");
    }
    fclose(file);
    if (size != 0 || count == 0) {
        fprintf(stderr, "%s must have %d bytes for each picture\n", name, {{ upper }}_PIXELS);
        return 0;
    }
    fprintf(stderr, "%ld pictures, %.4f ms each\n", count, 1000.0 * (double)ticks / CLOCKS_PER_SEC / (double)count);
    return 1;
}

int main(int count, char **arguments)
{
{% if sound %}
    if (count > 2 && !strcmp(arguments[1], "sound")) {
        return predict_sounds(count - 2, arguments + 2) ? 0 : 1;
    }
{% endif %}
    if (count > 2) {
        fprintf(stderr, "give nothing for the self-test, or one file of raw pictures\n");
        return 2;
    }
{% if sound %}
    if (count < 2 && !sound_selftest()) {
        return 1;
    }
{% endif %}
    return (count == 2 ? predict(arguments[1]) : selftest()) ? 0 : 1;
}
