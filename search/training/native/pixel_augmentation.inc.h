/* Brightness, contrast and erased rectangles, on a block of V images at once: search/training/pixel_augmentation.py in C. */

enum { PIXEL_CHANGES = 7 }; /* floats per image: brightness, contrast, whether contrast comes first, first row, first column,
                           height, width of what is erased */

INLINE Vector within_pixels(Vector value) { /* 0..255 */
    value = where(value > 0, value);
    return either(value < 255, value, broadcast(255));
}

/* The share of a channel in the grey of an image: torchvision's rgb_to_grayscale for three. */
static float share_of_grey(const Net *net, int channel) {
    static const float rgb[] = {0.2989f, 0.587f, 0.114f};
    return net->channels == 3 ? rgb[channel] : 1.0f / (float)net->channels;
}

/* `block`: pixels 0..255, [row][channel][column][image]; afterwards normalised. pixel_changes: of the first `count` images. */
static void change_pixels(const Net *net, float *block, int count, const float *pixel_changes) {
    Vector rule[PIXEL_CHANGES];
    for (int i = 0; i < PIXEL_CHANGES; i++)
        for (int lane = 0; lane < V; lane++) rule[i][lane] = lane < count ? pixel_changes[PIXEL_CHANGES * lane + i] : i < 2;
    const Vector brightness = rule[0], contrast = rule[1], top = rule[3], left = rule[4];
    const Vector bottom = top + rule[5], right = left + rule[6];
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
        const Mask erased_rows = (height >= top) & (height < bottom);
        const float mean = net->pixel_mean[channel], scale = net->pixel_scale[channel];
        for (int x = 0; x < net->width; x++) {
            float *place = block + (row * net->width + x) * V;
            Vector value = load(place), across = broadcast((float)x);
            value = either(contrast_first, within_pixels(value * contrast + lift), value);
            value = within_pixels(value * brightness);
            value = either(contrast_first, value, within_pixels(value * contrast + lift));
            value = where(~(erased_rows & (across >= left) & (across < right)), value);
            store(place, (value - mean) * scale);
        }
    }
}
