/* Brightness, contrast and filled rectangles, on a block of V images at once: search/training/pixel_augmentation.py in C. */

/* Floats per image: brightness, contrast, whether contrast comes first; of each rectangle first row, first column, height,
   width. */
enum { FIRST_RECTANGLE = 3, PER_RECTANGLE = 4, MOST_RECTANGLES = 3 };

typedef struct {
    Vector top, left, bottom, right;
} Rectangle;

INLINE Vector within_pixels(Vector value) { /* 0..255 */
    value = where(value > 0, value);
    return either(value < 255, value, broadcast(255));
}

/* The share of a channel in the grey of an image: torchvision's rgb_to_grayscale for three. */
static float share_of_grey(const Net *net, int channel) {
    static const float rgb[] = {0.2989f, 0.587f, 0.114f};
    return net->channels == 3 ? rgb[channel] : 1.0f / (float)net->channels;
}

/* `block`: pixels 0..255, [row][channel][column][image]; afterwards normalised. pixel_changes: of the first `count` images,
   `columns` floats each. */
static void change_pixels(const Net *net, float *block, int count, const float *pixel_changes, int columns) {
    Vector rule[FIRST_RECTANGLE + PER_RECTANGLE * MOST_RECTANGLES];
    for (int i = 0; i < columns; i++)
        for (int lane = 0; lane < V; lane++) rule[i][lane] = lane < count ? pixel_changes[columns * lane + i] : i < 2;
    const Vector brightness = rule[0], contrast = rule[1];
    const int rectangles = (columns - FIRST_RECTANGLE) / PER_RECTANGLE;
    Rectangle filled[MOST_RECTANGLES];
    for (int i = 0; i < rectangles; i++) {
        const Vector *own = rule + FIRST_RECTANGLE + PER_RECTANGLE * i;
        filled[i] = (Rectangle){own[0], own[1], own[0] + own[2], own[1] + own[3]};
    }
    const Mask contrast_first = rule[2] > 0;
    const long rows = (long)net->height * net->channels;
    Vector grey = {};
    for (long row = 0; row < rows; row++) {
        Vector sum = {};
        for (int x = 0; x < net->width; x++) {
            Vector value = load(block + (row * net->width + x) * V);
            sum += either(contrast_first, value, within_pixels(value * brightness));
        }
        grey += sum * share_of_grey(net, (int)(row % net->channels));
    }
    const Vector lift = grey * (1.0f / (float)(net->height * net->width)) * (1 - contrast);
    for (long row = 0; row < rows; row++) {
        const int y = (int)(row / net->channels), channel = (int)(row % net->channels);
        const Vector height = broadcast((float)y);
        const float mean = net->pixel_mean[channel], scale = net->pixel_scale[channel];
        const Vector fill = broadcast(net->pixel_fill[channel]);
        Mask in_rows[MOST_RECTANGLES];
        for (int i = 0; i < rectangles; i++) in_rows[i] = (height >= filled[i].top) & (height < filled[i].bottom);
        for (int x = 0; x < net->width; x++) {
            float *place = block + (row * net->width + x) * V;
            Vector value = load(place), across = broadcast((float)x);
            value = either(contrast_first, within_pixels(value * contrast + lift), value);
            value = within_pixels(value * brightness);
            value = either(contrast_first, value, within_pixels(value * contrast + lift));
            for (int i = 0; i < rectangles; i++)
                value = either(in_rows[i] & (across >= filled[i].left) & (across < filled[i].right), fill, value);
            store(place, (value - mean) * scale);
        }
    }
}
