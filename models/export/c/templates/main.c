{{ program.about }}

/* Without arguments it computes the pictures below again; with a file of raw pictures it predicts them:
   cc -std=c99 -O2 {{ prefix }}.c {{ prefix }}_main.c -o {{ prefix }} && ./{{ prefix }} */

#include "{{ prefix }}.h"

#include <stdio.h>
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
    if (count > 2) {
        fprintf(stderr, "give nothing for the self-test, or one file of raw pictures\n");
        return 2;
    }
    return (count == 2 ? predict(arguments[1]) : selftest()) ? 0 : 1;
}
