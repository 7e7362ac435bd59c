/* The two inner loops that all the arithmetic goes through, each a tile of results held in registers.

   correlate: results for C output channels at X neighbouring positions; one input vector serves C of them, one weight X.
   outer:     weight gradients of C output channels and T taps, summed over positions; likewise.

   A tap is one (row of the kernel, input channel, column of the kernel); `offset[tap]` is where its input lies, counted
   in floats from the position's own place. Any kernel, stride, dilation and padding is a table of offsets. */

enum { MAX_TILE = 8 };

/* Widest tile of positions for C channels: C * X accumulators, C weights and one input fit the registers. */
static int widest(int channels) {
    static const int many[] = {0, 8, 8, 8, 6, 5, 4}, few[] = {0, 8, 5, 3, 2};
    return REGISTERS == 32 ? many[channels] : few[channels];
}

static int most_channels(void) { return REGISTERS == 32 ? 6 : 4; }

INLINE void correlate_tile(const float *in, const int32_t *offset, int taps, const float *weights, const float *bias,
                           float *out, long plane, long step, const int C, const int X) {
    Vector sum[MAX_TILE][MAX_TILE];
    UNROLL for (int c = 0; c < C; c++) UNROLL for (int x = 0; x < X; x++) sum[c][x] = broadcast(bias[c]);
    for (int tap = 0; tap < taps; tap++, weights += C) {
        const float *place = in + offset[tap];
        Vector weight[MAX_TILE];
        UNROLL for (int c = 0; c < C; c++) weight[c] = broadcast(weights[c]);
        UNROLL for (int x = 0; x < X; x++) {
            Vector value = in_register(load(place + x * step));
            UNROLL for (int c = 0; c < C; c++) sum[c][x] += weight[c] * value;
        }
    }
    UNROLL for (int c = 0; c < C; c++) UNROLL for (int x = 0; x < X; x++) store(out + c * plane + x * V, sum[c][x]);
}

/* delta[c * plane + ...] are gradients of the output, in[offset[t] + ...] the inputs; sums[(c * taps + t) * V]. */
INLINE void outer_tile(const float *delta, long plane, long delta_row, const float *in, const int32_t *offset,
                       long in_row, int rows, int columns, long step, float *sums, long taps, const int C,
                       const int T) {
    Vector sum[MAX_TILE][MAX_TILE];
    const float *place[MAX_TILE];
    UNROLL for (int t = 0; t < T; t++) place[t] = in + offset[t];
    UNROLL for (int c = 0; c < C; c++) UNROLL for (int t = 0; t < T; t++) sum[c][t] = load(sums + (c * taps + t) * V);
    for (int row = 0; row < rows; row++) {
        long from = row * delta_row, to = row * in_row;
        for (int x = 0; x < columns; x++, from += step, to += step) {
            Vector d[MAX_TILE];
            UNROLL for (int c = 0; c < C; c++) d[c] = load(delta + c * plane + from);
            UNROLL for (int t = 0; t < T; t++) {
                Vector value = in_register(load(place[t] + to));
                UNROLL for (int c = 0; c < C; c++) sum[c][t] += d[c] * value;
            }
        }
    }
    UNROLL for (int c = 0; c < C; c++) UNROLL for (int t = 0; t < T; t++) store(sums + (c * taps + t) * V, sum[c][t]);
}

/* One compiled function per tile size. */
#define TILES_4(DO, C) DO(C, 1) DO(C, 2) DO(C, 3) DO(C, 4)
#define TILES_8(DO, C) TILES_4(DO, C) DO(C, 5) DO(C, 6) DO(C, 7) DO(C, 8)
#define TILES(DO) \
    TILES_8(DO, 1) TILES_8(DO, 2) TILES_8(DO, 3) \
    TILES_4(DO, 4) DO(4, 5) DO(4, 6) TILES_4(DO, 5) DO(5, 5) TILES_4(DO, 6)

#define CASE_CORRELATE(C, X) \
    case C * 16 + X: \
        if (step == V) correlate_tile(in, offset, taps, weights, bias, out, plane, V, C, X); \
        else correlate_tile(in, offset, taps, weights, bias, out, plane, step, C, X); \
        return;

static void correlate(const float *in, const int32_t *offset, int taps, const float *weights, const float *bias,
                      float *out, long plane, long step, int channels, int positions) {
    switch (channels * 16 + positions) { TILES(CASE_CORRELATE) }
}

#define CASE_OUTER(C, T) \
    case C * 16 + T: \
        outer_tile(delta, plane, delta_row, in, offset, in_row, rows, columns, step, sums, taps, C, T); \
        return;

static void outer(const float *delta, long plane, long delta_row, const float *in, const int32_t *offset, long in_row,
                  int rows, int columns, long step, float *sums, long taps, int channels, int some) {
    switch (channels * 16 + some) { TILES(CASE_OUTER) }
}

/* Length of part `index` of `total` divided into `parts` parts as equal as can be. */
INLINE int share(int total, int parts, int index) { return total / parts + (index < total % parts); }
INLINE int parts_of(int total, int most) { return (total + most - 1) / most; }
