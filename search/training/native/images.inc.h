/* From uint8 images to a block of the network's input: one bilinear warp, affine or a perspective, changes of pixels,
   normalisation, images to lanes. */

/* An image in floats, less the fill, with a border of zeros, 1 before and 2 after: outside is the fill without a question
   asked. */
static void to_canvas(const Net *net, const uint8_t *pixels, float fill, float *canvas) {
    for (int y = 0; y < net->height; y++)
        for (int x = 0; x < net->width; x++)
            canvas[(long)(y + 1) * (net->width + 3) + x + 1] = pixels[(long)y * net->width + x] - fill;
}

/* The canvas at a position, from its first pixel's centre: bilinear, 0 outside. */
INLINE float sample(const float *restrict canvas, int width, int height, float px, float py) {
    px = px > 0 ? px < width + 1 ? px : width + 1 : 0;
    py = py > 0 ? py < height + 1 ? py : height + 1 : 0;
    int row = width + 3, left = (int)px, top = (int)py; /* truncation is floor: positions are from 0 */
    float wx = px - left, wy = py - top;
    const float *at = canvas + top * row + left;
    float upper = at[0] + wx * (at[1] - at[0]), lower = at[row] + wx * (at[row + 1] - at[row]);
    return upper + wy * (lower - upper);
}

static int is_affine(const float *matrix) { return matrix[6] == 0 && matrix[7] == 0 && matrix[8] == 1; }

/* Row y of a warped image. matrix: 3 x 3, from output to input positions in pixels from the centre. */
static void affine_row(const Net *net, const float *restrict canvas, const float *restrict matrix, int y,
                       float *restrict result) {
    const int width = net->width, height = net->height;
    const float fx = width / 2.0f, fy = height / 2.0f, v = y + 0.5f - fy, a = matrix[0], b = matrix[3];
    const float px0 = matrix[1] * v + matrix[2] + fx + 0.5f, py0 = matrix[4] * v + matrix[5] + fy + 0.5f;
    for (int x = 0; x < width; x++) {
        float u = x + 0.5f - fx;
        result[x] = sample(canvas, width, height, a * u + px0, b * u + py0);
    }
}

/* As affine_row, for a map with a horizon; what lies on it is far outside. */
static void perspective_row(const Net *net, const float *restrict canvas, const float *restrict matrix, int y,
                            float *restrict result) {
    const int width = net->width, height = net->height;
    const float fx = width / 2.0f, fy = height / 2.0f, v = y + 0.5f - fy;
    for (int x = 0; x < width; x++) {
        float u = x + 0.5f - fx, depth = matrix[6] * u + matrix[7] * v + matrix[8];
        if (fabsf(depth) < 1e-6f) depth = 1e-6f;
        float px = (matrix[0] * u + matrix[1] * v + matrix[2]) / depth + fx + 0.5f;
        float py = (matrix[3] * u + matrix[4] * v + matrix[5]) / depth + fy + 0.5f;
        result[x] = sample(canvas, width, height, px, py);
    }
}

/* The first `count` lanes of a block; the others become 0. index NULL: the images from the first on; matrices,
   pixel_changes NULL: as they are; columns: floats per image in pixel_changes. */
static void fill(Net *net, int block, int count, const uint8_t *images, const int64_t *index, const float *matrices,
                 const float *pixel_changes, int columns) {
    const long width = net->width, size = net->height * width, canvas = (net->height + 3) * (width + 3);
    float *to = net->input + block * net->channels * size * V;
    memset(net->warped, 0, sizeof(float) * (size_t)(width * V));
    for (int c = 0; c < net->channels; c++) {
        const uint8_t *pixels[V];
        const float outside = matrices ? net->pixel_fill[c] : 0; /* the canvas lacks it */
        float mean = (pixel_changes ? 0 : net->pixel_mean[c]) - outside, scale = pixel_changes ? 1 : net->pixel_scale[c];
        for (int lane = 0; lane < count; lane++) {
            pixels[lane] = images + ((index ? index[lane] : lane) * net->channels + c) * size;
            if (matrices) to_canvas(net, pixels[lane], outside, net->canvas + lane * canvas);
        }
        for (int y = 0; y < net->height; y++) {
            float *row = to + (y * net->channels + c) * width * V;
            for (int lane = 0; lane < count; lane++) {
                float *own = net->warped + lane * width;
                const float *matrix = matrices ? matrices + 9 * lane : NULL;
                if (matrix && is_affine(matrix)) affine_row(net, net->canvas + lane * canvas, matrix, y, own);
                else if (matrix) perspective_row(net, net->canvas + lane * canvas, matrix, y, own);
                else
                    for (int x = 0; x < width; x++) own[x] = pixels[lane][y * width + x];
            }
            for (int x = 0; x < width; x++)
                for (int lane = 0; lane < V; lane++) row[x * V + lane] = (net->warped[lane * width + x] - mean) * scale;
        }
    }
    if (pixel_changes) change_pixels(net, to, count, pixel_changes, columns);
}
