/* From uint8 images to a block of the network's input: one bilinear affine warp, normalisation, images to lanes. */

/* The image in floats with a border of zeros, 1 before and 2 after: outside is black without a question asked. */
static void to_canvas(Net *net, const uint8_t *pixels) {
    for (int y = 0; y < net->height; y++)
        for (int x = 0; x < net->width; x++)
            net->canvas[(long)(y + 1) * (net->width + 3) + x + 1] = pixels[y * net->width + x];
}

/* One row of the warped canvas. matrix: from output to input positions in pixels from the centre, 3 x 3. */
static void warp_row(const Net *net, const float *matrix, int y, float *result) {
    int width = net->width, height = net->height, row = width + 3;
    float fx = width / 2.0f, fy = height / 2.0f, v = y + 0.5f - fy;
    const float *canvas = net->canvas;
    for (int x = 0; x < width; x++) {
        float u = x + 0.5f - fx;
        float px = matrix[0] * u + matrix[1] * v + matrix[2] + fx - 0.5f;
        float py = matrix[3] * u + matrix[4] * v + matrix[5] + fy - 0.5f;
        px = (px > -1 ? px < width ? px : width : -1) + 1; /* from 0: truncation is floor */
        py = (py > -1 ? py < height ? py : height : -1) + 1;
        int left = (int)px, top = (int)py;
        float wx = px - left, wy = py - top;
        const float *at = canvas + top * row + left;
        float upper = at[0] + wx * (at[1] - at[0]), lower = at[row] + wx * (at[row + 1] - at[row]);
        result[x] = upper + wy * (lower - upper);
    }
}

/* Image number `lane` of a block. matrix NULL: as it is. */
static void place_image(Net *net, float *block, int lane, const uint8_t *pixels, const float *matrix) {
    long size = (long)net->height * net->width;
    for (int c = 0; c < net->channels; c++, pixels += size) {
        float mean = net->pixel_mean[c], scale = net->pixel_scale[c], *to = block + c * size * V + lane;
        if (!matrix) {
            for (long i = 0; i < size; i++) to[i * V] = (pixels[i] - mean) * scale;
            continue;
        }
        to_canvas(net, pixels);
        for (int y = 0; y < net->height; y++) {
            warp_row(net, matrix, y, net->positions);
            for (int x = 0; x < net->width; x++, to += V) *to = (net->positions[x] - mean) * scale;
        }
    }
}
