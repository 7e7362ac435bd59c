/* Forward: every node's map, block by block of images. */

/* View of row y of a node's map, as a function inlined with its switches known: batch norm, ReLU, dropout. */
INLINE void view_row(const Node *n, const float *map, int y, float *to, long plane, Generator *g, const int norm,
                     const int relu, const int drop) {
    const Layer *l = &n->l;
    Drop rule = drop_of(l->drop2);
    const long ahead = (long)AHEAD * l->width * V;
    for (int c = 0; c < l->channels; c++) {
        const float *from = map + ((long)y * l->channels + c) * l->width * V;
        Vector scale = broadcast(n->scale[c]), shift = broadcast(n->shift[c]);
        float *row = to + c * plane;
        if (drop) scale *= rule.scale, shift *= rule.scale;
#define VIEW_ONE(x) \
    do { \
        prefetch(from + ahead + (x) * V); \
        Vector value = load(from + (x) * V); \
        if (norm) value = value * scale + shift; \
        else if (drop) value *= rule.scale; \
        if (relu) value = where(~(value <= 0), value); /* not value > 0: NaN shall stay */ \
        if (drop) value = where(kept(&number, rule), value); \
        store(row + (x) * V, value); \
    } while (0)
        FOR_EACH_PAIR(VIEW_ONE, l->width, drop, g);
    }
}

/* CALL with three switches as constants. */
#define SWITCH1(CALL, a, b, c) { if (c) CALL(a, b, 1); else CALL(a, b, 0); }
#define SWITCH2(CALL, a, b, c) { if (b) SWITCH1(CALL, a, 1, c) else SWITCH1(CALL, a, 0, c) }
#define SWITCH3(CALL, a, b, c) { if (a) SWITCH2(CALL, 1, b, c) else SWITCH2(CALL, 0, b, c) }

/* The view of one node (-1: the input) for one block, with `pad` zeros left and right of each row, made row by row as
   it is needed: rows are read while they are in the cache. The map itself where that is the same. */
typedef struct {
    const Node *n;
    const float *map;
    float *to; /* NULL: the map itself is read */
    int channels, height, width, pad, drop, plain, done;
    long row; /* floats from row to row; 0 where each row takes the place of the one before */
    Generator g;
} View;

/* training: dropout is on; rolling: only one row is needed at a time. */
static View open_view(Net *net, int k, int block, int pad, int training, int rolling) {
    const Node *n = k < 0 ? NULL : &net->nodes[k];
    View v = {.n = n, .pad = pad, .done = 0};
    v.channels = n ? n->l.channels : net->channels;
    v.height = n ? n->l.height : net->height;
    v.width = n ? n->l.width : net->width;
    v.map = n ? map_of(n, block) : net->input + (long)block * v.channels * v.height * v.width * V;
    v.drop = n && n->l.drop2 > 0 && training;
    v.plain = !n || !(n->l.norm || n->l.relu2 || v.drop);
    v.to = v.plain && pad == 0 ? NULL : net->padded;
    v.row = rolling && v.to ? 0 : (long)v.channels * (v.width + 2 * pad) * V;
    if (v.drop) v.g = generator(net->key, net->step, 2 * k + 1, block);
    return v;
}

static const float *place_of(const View *v) { return v->to ? v->to : v->map; }

/* Makes the rows before `rows`. */
static void extend(View *v, int rows) {
    if (!v->to) return;
    long plane = (v->width + 2 * v->pad) * V;
    for (; v->done < rows; v->done++) {
        float *to = v->to + v->done * v->row;
        for (int c = 0; c < v->channels && v->pad; c++) {
            memset(to + c * plane, 0, (size_t)v->pad * V * sizeof(float));
            memset(to + c * plane + (v->pad + v->width) * V, 0, (size_t)v->pad * V * sizeof(float));
        }
        to += v->pad * V;
        if (v->plain)
            for (int c = 0; c < v->channels; c++)
                memcpy(to + c * plane, v->map + ((long)v->done * v->channels + c) * v->width * V,
                       (size_t)v->width * V * sizeof(float));
        else {
#define VIEW_ROW(norm, relu, drop) view_row(v->n, v->map, v->done, to, plane, &v->g, norm, relu, drop)
            SWITCH3(VIEW_ROW, v->n->l.norm, v->n->l.relu2, v->drop)
        }
    }
}

static const float *whole_view(Net *net, int k, int block, int training) {
    View v = open_view(net, k, block, 0, training, 0);
    extend(&v, v.height);
    return place_of(&v);
}

/* One row of results for all channels of all groups, tile by tile; positions outermost, so that inputs stay in L1. */
static void correlate_row(const float *in, long in_group, const int32_t *offset, int taps, int per_row, int first,
                          int last, const float *packed, const float *bias, float *out, long plane, int width,
                          long step, int groups, int channels) {
    int tiles = tiles_of_channels(channels), use = (last - first) * per_row, skipped = first * per_row;
    for (int g = 0; g < groups; g++, in += in_group, packed += (long)channels * taps) {
        int most = widest(share(channels, tiles, 0)), parts = parts_of(width, most), x = 0;
        for (int part = 0; part < parts; part++) {
            int some = share(width, parts, part), channel = 0;
            for (int tile = 0; tile < tiles; tile++) {
                int together = share(channels, tiles, tile), c = g * channels + channel;
                correlate(in + x * step, offset + skipped, use, packed + (long)channel * taps + skipped * together,
                          bias + c, out + c * plane + (long)x * V, plane, step, together, some);
                channel += together;
            }
            x += some;
        }
    }
}

/* Gate 1 in place on row y, and the row's part of batch norm's sums. */
INLINE void finish_row(const Node *n, float *map, int y, Generator *g, const int relu, const int drop, const int norm) {
    const Layer *l = &n->l;
    Drop rule = drop_of(l->drop1);
    for (int c = 0; c < l->channels; c++) {
        float *place = map + ((long)y * l->channels + c) * l->width * V, *sums = n->statistics + 2L * c * V;
        Vector sum = load(sums), squares = load(sums + V);
#define FINISH_ONE(x) \
    do { \
        Vector value = load(place + (x) * V); \
        if (relu) value = where(~(value <= 0), value); \
        if (drop) value = where(kept(&number, rule), value * rule.scale); \
        if (relu || drop) store(place + (x) * V, value); \
        sum += value; \
        squares += value * value; \
    } while (0)
        FOR_EACH_PAIR(FINISH_ONE, l->width, drop, g);
        if (norm) store(sums, sum), store(sums + V, squares);
    }
}

static void pool_row(const Layer *l, const float *in, int y, float *out) {
    int first, last, top = y * l->stride_y - l->pad_y;
    rows_met(top, l->kernel_height, l->in_height, &first, &last);
    Vector part = broadcast(1.0f / (float)(l->kernel_height * l->kernel_width)); /* padding counts, as in torch */
    for (int c = 0; c < l->channels; c++)
        for (int x = 0; x < l->width; x++) {
            int begin, end, left = x * l->stride_x - l->pad_x;
            rows_met(left, l->kernel_width, l->in_width, &begin, &end);
            Vector result = broadcast(l->kind == MAXIMUM ? -INFINITY : 0);
            for (int ky = first; ky < last; ky++) {
                const float *row = in + (((long)(top + ky) * l->in_channels + c) * l->in_width + left) * V;
                for (int kx = begin; kx < end; kx++) {
                    Vector value = load(row + kx * V);
                    if (l->kind == AVERAGE) result += value;
                    else result = either(value <= result, result, value); /* NaN wins */
                }
            }
            if (l->kind == AVERAGE) result *= part;
            store(out + (((long)y * l->channels + c) * l->width + x) * V, result);
        }
}

static void forward_node(Net *net, int k, int block, int training) {
    Node *n = &net->nodes[k];
    const Layer *l = &n->l;
    int pad = l->kind == CONVOLUTION ? l->pad_x : 0, per_row = l->in_channels / l->groups * l->kernel_width;
    View source = open_view(net, k - 1, block, pad, training, sees_one_row(l));
    const float *in = place_of(&source);
    const float *bias = l->bias < 0 ? n->zeros : net->parameters + l->bias;
    float *map = map_of(n, block);
    long in_plane = padded_width(l) * V, plane = (long)l->width * V;
    int drop = l->drop1 > 0 && training, norm = l->norm && training;
    int flattened = source.height != l->in_height; /* a linear layer sees one row */
    Generator g = {};
    if (drop) g = generator(net->key, net->step, 2 * k, block);
    if (norm) memset(n->statistics, 0, 2 * sizeof(float) * (size_t)l->channels * V);
    for (int y = 0; y < l->height; y++) {
        int first, last, top = y * l->stride_y - l->pad_y;
        rows_met(top, l->kernel_height, l->in_height, &first, &last);
        extend(&source, flattened ? source.height : top + last);
        if (l->kind == CONVOLUTION) {
            correlate_row(in + top * source.row, l->in_channels / l->groups * in_plane, n->offset, n->taps,
                          per_row, first, last, n->packed, bias, map + y * l->channels * plane, plane, l->width,
                          (long)l->stride_x * V, l->groups, l->channels / l->groups);
        } else
            pool_row(l, in, y, map);
#define FINISH_ROW(relu, drop, norm) finish_row(n, map, y, &g, relu, drop, norm)
        if (l->relu1 || drop || norm) SWITCH3(FINISH_ROW, l->relu1, drop, norm)
    }
}

/* Adds the block's sums, over the lanes that hold images, to the batch's. */
static void collect(Node *n, int images) {
    for (int i = 0; i < 2 * n->l.channels; i++) {
        Vector sums = load(n->statistics + (long)i * V);
        for (int lane = 0; lane < images; lane++) n->total[i] += (double)sums[lane];
    }
}

/* Batch norm as torch defines it: eps 1e-5; running statistics move by 0.1 and take the unbiased variance. */
static const double EPS = 1e-5, PACE = 0.1;

static void set_norm(Net *net, Node *n, int c, double mean, double variance) {
    double deviation = 1 / sqrt(variance + EPS);
    n->center[c] = (float)mean;
    n->deviation[c] = (float)deviation;
    n->scale[c] = (float)(net->parameters[n->l.gamma + c] * deviation);
    n->shift[c] = (float)(net->parameters[n->l.beta + c] - net->parameters[n->l.gamma + c] * deviation * mean);
}

static void norm_of_batch(Net *net, Node *n, int images) {
    double values = (double)images * n->l.height * n->l.width;
    for (int c = 0; c < n->l.channels; c++) {
        double mean = n->total[2 * c] / values, variance = n->total[2 * c + 1] / values - mean * mean;
        if (variance < 0) variance = 0; /* rounding; NaN stays */
        set_norm(net, n, c, mean, variance);
        float *running = net->buffers + n->l.mean + c, *spread = net->buffers + n->l.variance + c;
        *running = (float)((1 - PACE) * *running + PACE * mean);
        *spread = (float)((1 - PACE) * *spread + PACE * variance * values / (values - 1));
    }
}

static int images_in(int images, int block) { return images - block * V < V ? images - block * V : V; }

/* Nodes first..last-1 without a batch norm between them go through block by block, while a block is in the cache. */
static void forward(Net *net, int images) {
    int blocks = parts_of(images, V);
    for (int first = 0, last; first < net->count; first = last) {
        for (last = first + 1; !net->nodes[last - 1].l.norm && last < net->count;) last++;
        Node *closing = &net->nodes[last - 1];
        memset(closing->total, 0, 2 * sizeof(double) * (size_t)closing->l.channels);
        for (int block = 0; block < blocks; block++) {
            for (int k = first; k < last; k++) forward_node(net, k, block, 1);
            if (closing->l.norm) collect(closing, images_in(images, block));
        }
        if (closing->l.norm) norm_of_batch(net, closing, images);
    }
}
