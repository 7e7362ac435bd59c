/* Backward: from the loss's gradient in the last node to weight gradients, block by block, last node first. */

/* Row y of the gradient by a node's view becomes the gradient by its batch norm's output: gate 2, in place, and the sums
   that batch norm's derivative needs. */
INLINE void gate_row(const Node *n, const float *map, float *gradient, int y, Generator *g, const int norm,
                     const int relu, const int drop) {
    const Layer *l = &n->l;
    Drop rule = drop_of(l->drop2);
    const long ahead = (long)AHEAD * l->width * V;
    for (int c = 0; c < l->channels; c++) {
        long at = ((long)y * l->channels + c) * l->width * V;
        float *sums = n->statistics + 2L * c * V;
        Vector scale = broadcast(n->scale[c]), shift = broadcast(n->shift[c]), center = broadcast(n->center[c]);
        Vector sum = load(sums), products = load(sums + V);
#define GATE_ONE(x) \
    do { \
        prefetch(map + at + ahead + (x) * V); \
        Vector value = load(map + at + (x) * V), slope = load(gradient + at + (x) * V); \
        if (drop) slope = where(kept(&number, rule), slope * rule.scale); \
        if (relu) slope = where(norm ? value * scale + shift > 0 : value > 0, slope); \
        if (drop || relu) store(gradient + at + (x) * V, slope); \
        if (norm) sum += slope, products += slope * (value - center); \
    } while (0)
        FOR_EACH_PAIR(GATE_ONE, l->width, drop, g);
        if (norm) store(sums, sum), store(sums + V, products);
    }
}

/* The generator of a node's gate 2, for the rows of one block; sets the block's sums to zero. */
static Generator begin_gate(Net *net, int k, int block) {
    const Node *n = &net->nodes[k];
    memset(n->statistics, 0, 2 * sizeof(float) * (size_t)n->l.channels * V);
    return n->l.drop2 > 0 ? generator(net->key, net->step, 2 * k + 1, block) : (Generator){};
}

static void gate(const Node *n, const float *map, float *gradient, int y, Generator *g) {
#define GATE_ROW(norm, relu, drop) gate_row(n, map, gradient, y, g, norm, relu, drop)
    if (has_view(&n->l)) SWITCH3(GATE_ROW, n->l.norm, n->l.relu2, n->l.drop2 > 0)
}

/* Derivatives of batch norm (Ioffe and Szegedy 2015) from the batch's sums. */
static void norm_backward(Net *net, Node *n, int images) {
    double values = (double)images * n->l.height * n->l.width;
    for (int c = 0; c < n->l.channels; c++) {
        double sum = n->total[2 * c], deviation = n->deviation[c], gamma = net->parameters[n->l.gamma + c];
        double products = n->total[2 * c + 1] * deviation; /* sum of gradient * normalised map */
        net->gradients[n->l.gamma + c] = (float)products;
        net->gradients[n->l.beta + c] = (float)sum;
        double by_map = -gamma * deviation * deviation * products / values;
        n->by_gradient[c] = (float)(gamma * deviation);
        n->by_map[c] = (float)by_map;
        n->constant[c] = (float)(-gamma * deviation * sum / values - by_map * n->center[c]);
    }
}

/* Row y of the derivative by the convolution's output: through batch norm and gate 1, into scratch where rows have
   room for the kernel on both sides and positions lie `stride` apart. */
INLINE void delta_row(const Node *n, const float *map, const float *gradient, int y, float *to, long plane, long step,
                      Vector holds, Generator *g, const int norm, const int relu, const int drop) {
    const Layer *l = &n->l;
    Drop rule = drop_of(l->drop1);
    const long ahead = (long)AHEAD * l->width * V;
    for (int c = 0; c < l->channels; c++) {
        long at = ((long)y * l->channels + c) * l->width * V;
        Vector by_gradient = broadcast(n->by_gradient[c]) * holds, by_map = broadcast(n->by_map[c]) * holds;
        Vector constant = broadcast(n->constant[c]) * holds, sum = load(n->bias_sums + (long)c * V);
        float *row = to + c * plane;
        if (drop) by_gradient *= rule.scale, by_map *= rule.scale, constant *= rule.scale;
#define DELTA_ONE(x) \
    do { \
        prefetch(gradient + at + ahead + (x) * V); \
        prefetch(map + at + ahead + (x) * V); \
        Vector slope = load(gradient + at + (x) * V), value = load(map + at + (x) * V); \
        if (norm) slope = slope * by_gradient + value * by_map + constant; \
        if (relu) slope = where(value > 0, slope); /* 0 where dropped, too */ \
        else if (drop) slope = where(kept(&number, rule), slope); \
        store(row + (x) * step, slope); \
        sum += slope; \
    } while (0)
        FOR_EACH_PAIR(DELTA_ONE, l->width, drop && !relu, g);
        store(n->bias_sums + (long)c * V, sum);
    }
}

/* The derivative by a node's output before batch norm and gate 1, made row by row. */
typedef struct {
    const Node *n;
    const float *map, *gradient;
    float *start; /* first float of channel 0; `first`: place of row 0, column 0 */
    const float *first;
    long plane, row; /* floats per channel; from row to row of the map (its stride included) */
    int direct, done, step, lead, behind; /* direct: it is the gradient as it lies */
    Vector holds;    /* 1 in lanes that hold images */
    Generator g;
} Delta;

static Delta open_delta(Net *net, int k, int block, int images) {
    Node *n = &net->nodes[k];
    const Layer *l = &n->l;
    int pool = l->kind != CONVOLUTION, sy = pool ? 1 : l->stride_y, sx = pool ? 1 : l->stride_x;
    Delta d = {.n = n, .map = map_of(n, block), .gradient = gradient_of(n, block), .step = sx * V};
    d.direct = !l->norm && l->bias < 0 && (pool || is_pointwise(l));
    long width = pool || d.direct ? l->width : delta_width(l);
    d.lead = pool ? 0 : l->kernel_width - 1;
    d.behind = (int)width - d.lead - dilated(l->width, sx);
    d.plane = width * V;
    d.row = sy * l->channels * d.plane;
    d.start = d.direct ? gradient_of(n, block) : net->delta;
    d.first = d.start + (long)d.lead * V;
    for (int lane = 0; lane < V; lane++) d.holds[lane] = lane < images_in(images, block);
    if (l->drop1 > 0) d.g = generator(net->key, net->step, 2 * k, block);
    if (sx > 1 || sy > 1) memset(net->delta, 0, sizeof(float) * (size_t)(dilated(l->height, sy) * l->channels * d.plane));
    return d;
}

static void extend_delta(Delta *d, int rows) {
    const Layer *l = &d->n->l;
    for (; d->done < rows && !d->direct; d->done++) {
        float *to = d->start + d->done * d->row, *inner = to + (long)d->lead * V;
        for (int c = 0; c < l->channels && d->lead + d->behind > 0; c++) {
            float *end = to + (c + 1) * d->plane - (long)d->behind * V;
            memset(to + c * d->plane, 0, sizeof(float) * (size_t)d->lead * V);
            memset(end, 0, sizeof(float) * (size_t)d->behind * V);
        }
#define DELTA_ROW(norm, relu, drop) \
    delta_row(d->n, d->map, d->gradient, d->done, inner, d->plane, d->step, d->holds, &d->g, norm, relu, drop)
        SWITCH3(DELTA_ROW, l->norm, l->relu1, l->drop1 > 0)
    }
}

/* Weight gradients from output rows y..y+rows-1, which all meet kernel rows first..last-1. */
static void weight_gradients(Node *n, const float *in, long row, const Delta *delta, int y, int rows, int first, int last) {
    const Layer *l = &n->l;
    int outputs = l->channels / l->groups, inputs = l->in_channels / l->groups, per_row = inputs * l->kernel_width;
    int tiles = tiles_of_channels(outputs), skipped = first * per_row, taps = (last - first) * per_row;
    long plane = padded_width(l) * V;
    for (int g = 0; g < l->groups && taps; g++) {
        const float *source = in + (y * l->stride_y - l->pad_y) * row + (long)g * inputs * plane;
        for (int tile = 0, channel = 0, together; tile < tiles; tile++, channel += together) {
            together = share(outputs, tiles, tile);
            int c = g * outputs + channel, parts = parts_of(taps, widest(together)), tap = skipped;
            for (int part = 0; part < parts; part++) {
                int some = share(taps, parts, part);
                outer(delta->first + c * delta->plane + y * delta->row, delta->plane, delta->row, source,
                      n->offset + tap, l->stride_y * row, rows, l->width, (long)l->stride_x * V,
                      n->sums + ((long)c * n->taps + tap) * V, n->taps, together, some);
                tap += some;
            }
        }
    }
}

/* One window: `rows` x `columns` values, whose gradient is `slope`. alone: no other window has them. */
INLINE void pool_window(const float *in, float *out, long row, Vector slope, const int maximum, const int alone,
                        const int rows, const int columns) {
    Vector highest = broadcast(-INFINITY);
    for (int ky = 0; ky < rows && maximum; ky++)
        for (int kx = 0; kx < columns; kx++) {
            Vector value = load(in + ky * row + kx * V);
            highest = either(value > highest, value, highest);
        }
    Mask open = ~(Mask){}; /* lanes whose maximum is not met yet: the first of equals takes it, as in torch */
    for (int ky = 0; ky < rows; ky++)
        for (int kx = 0; kx < columns; kx++) {
            Vector part = slope;
            if (maximum) {
                Mask hit = (load(in + ky * row + kx * V) == highest) & open;
                open &= ~hit;
                part = where(hit, slope);
            }
            float *to = out + ky * row + kx * V;
            if (!alone) part += load(to);
            store(to, part);
        }
}

static void pool_backward(const Layer *l, const float *in, Delta delta, float *out) {
    int maximum = l->kind == MAXIMUM, kernel = l->kernel_height * l->kernel_width;
    int alone = l->stride_y == l->kernel_height && l->stride_x == l->kernel_width && !l->pad_y && !l->pad_x;
    int pairs = alone && maximum && l->kernel_height == 2 && l->kernel_width == 2;
    long plane = (long)l->in_width * V, row = l->in_channels * plane;
    if (!alone || l->in_height != l->height * l->kernel_height || l->in_width != l->width * l->kernel_width)
        memset(out, 0, sizeof(float) * (size_t)(l->in_height * row));
    Vector factor = broadcast(maximum ? 1.0f : 1.0f / (float)kernel);
    for (int y = 0; y < l->height; y++) {
        int first, last, top = y * l->stride_y - l->pad_y;
        rows_met(top, l->kernel_height, l->in_height, &first, &last);
        for (int c = 0; c < l->channels; c++) {
            const float *slopes = delta.first + c * delta.plane + y * delta.row;
            for (int x = 0; x < l->width; x++) {
                int begin, end, left = x * l->stride_x - l->pad_x;
                rows_met(left, l->kernel_width, l->in_width, &begin, &end);
                long at = (top + first) * row + c * plane + (long)(left + begin) * V;
                Vector slope = load(slopes + (long)x * V) * factor;
                if (pairs) pool_window(in + at, out + at, row, slope, 1, 1, 2, 2);
                else if (maximum) pool_window(in + at, out + at, row, slope, 1, alone, last - first, end - begin);
                else pool_window(in + at, out + at, row, slope, 0, alone, last - first, end - begin);
            }
        }
    }
}

static void pool_backward_node(Net *net, int k, int block, int images) {
    Node *before = &net->nodes[k - 1];
    Delta delta = open_delta(net, k, block, images);
    extend_delta(&delta, net->nodes[k].l.height);
    float *out = gradient_of(before, block);
    pool_backward(&net->nodes[k].l, whole_view(net, k - 1, block, 1), delta, out);
    Generator g = begin_gate(net, k - 1, block);
    for (int y = 0; y < before->l.height; y++) gate(before, map_of(before, block), out, y, &g);
}

/* Down the rows of the output: each band of them gives weight gradients and the input gradients that it completes. */
static void convolution_backward_node(Net *net, int k, int block, int images) {
    Node *n = &net->nodes[k], *before = k > 0 ? &net->nodes[k - 1] : NULL;
    const Layer *l = &n->l;
    int inputs = l->in_channels / l->groups, outputs = l->channels / l->groups, band = parts_of(32, l->width);
    int flattened = before && l->in_height != before->l.height; /* a linear layer sees one row */
    Delta delta = open_delta(net, k, block, images);
    View source = open_view(net, k - 1, block, l->pad_x, 1, sees_one_row(l));
    if (source.row == 0) band = 1;
    const float *map = before ? map_of(before, block) : NULL;
    float *out = before ? gradient_of(before, block) : NULL;
    long row = delta.row / l->stride_y, plane = (long)l->in_width * V;
    Generator g = {};
    if (before) g = begin_gate(net, k - 1, block);
    for (int y = 0, rows, ready = 0; y < l->height; y += rows) {
        int first, last, top = y * l->stride_y - l->pad_y;
        rows_met(top, l->kernel_height, l->in_height, &first, &last);
        for (rows = 1; rows < band && y + rows < l->height; rows++) { /* rows that meet the same taps go together */
            int begin, end;
            rows_met(top + rows * l->stride_y, l->kernel_height, l->in_height, &begin, &end);
            if (begin != first || end != last) break;
        }
        extend_delta(&delta, y + rows);
        extend(&source, flattened ? source.height : top + (rows - 1) * l->stride_y + last);
        weight_gradients(n, place_of(&source), source.row, &delta, y, rows, first, last);
        if (!before) continue;
        int complete = y + rows == l->height ? l->in_height : (y + rows) * l->stride_y - l->pad_y;
        for (; ready < complete && ready < l->in_height; ready++) {
            int turned = ready + l->pad_y - (l->kernel_height - 1);
            rows_met(turned, l->kernel_height, dilated(l->height, l->stride_y), &first, &last);
            correlate_row(delta.start + turned * row, outputs * delta.plane, n->back_offset, n->back_taps,
                          outputs * l->kernel_width, first, last, n->back_packed, n->zeros,
                          out + ready * l->in_channels * plane, plane, l->in_width, V, l->groups, inputs);
            if (!flattened) gate(before, map, out, ready, &g);
        }
    }
    for (int y = 0; flattened && y < before->l.height; y++) gate(before, map, out, y, &g);
}

static void backward_node(Net *net, int k, int block, int images) {
    if (net->nodes[k].l.kind == CONVOLUTION) convolution_backward_node(net, k, block, images);
    else if (k > 0) pool_backward_node(net, k, block, images);
}

typedef struct {
    double smoothing;           /* share of the target that is spread over all classes (Szegedy et al. 2016) */
    const float *class_weights; /* NULL: all 1 */
    double scale;               /* of an image's loss in the sum */
    float share;                /* of an image's loss in the mean that is descended */
} Loss;

/* The target of a class: both rules are those of torch's cross_entropy, where weights multiply each term. */
static double target_of(const Loss *rule, int class, int label, int classes) {
    double target = (class == label) * (1 - rule->smoothing) + rule->smoothing / classes;
    return rule->class_weights ? target * (double)rule->class_weights[class] : target;
}

/* Softmax and cross-entropy of one block; sets the last node's gradient where `learning`. Adds the summed loss (nats)
   and counts [true][predicted]; a NaN is predicted as torch's argmax does, first NaN first. */
static void add_loss(Net *net, int block, int count, const int64_t *labels, Loss rule, int learning, double *loss,
                     int64_t *hits, int64_t *confusion) {
    const float *logits = whole_view(net, net->count - 1, block, learning); /* [class][image] */
    Node *last = &net->nodes[net->count - 1];
    float *gradient = gradient_of(last, block);
    for (int lane = 0; lane < V; lane++) {
        if (lane >= count) {
            if (learning)
                for (int c = 0; c < net->classes; c++) gradient[(long)c * V + lane] = 0;
            continue;
        }
        int best = 0, label = (int)labels[lane];
        for (int c = 1; c < net->classes; c++) {
            float value = logits[(long)c * V + lane], high = logits[(long)best * V + lane];
            if (!(value <= high) && high == high) best = c;
        }
        float high = logits[(long)best * V + lane];
        double total = 0;
        for (int c = 0; c < net->classes; c++) total += exp((double)(logits[(long)c * V + lane] - high));
        double targets = 0, lost = 0;
        for (int c = 0; c < net->classes; c++) {
            double target = target_of(&rule, c, label, net->classes);
            targets += target;
            if (target > 0) lost -= target * (double)(logits[(long)c * V + lane] - high);
        }
        *loss += rule.scale * (lost + targets * log(total));
        *hits += best == label;
        if (confusion) confusion[(long)label * net->classes + best]++;
        if (learning)
            for (int c = 0; c < net->classes; c++) {
                double probability = exp((double)(logits[(long)c * V + lane] - high)) / total;
                double slope = targets * probability - target_of(&rule, c, label, net->classes);
                gradient[(long)c * V + lane] = (float)slope * rule.share;
            }
    }
    if (learning && has_view(&last->l)) {
        Generator g = begin_gate(net, net->count - 1, block);
        gate(last, map_of(last, block), gradient, 0, &g);
        if (last->l.norm) collect(last, count);
    }
}

static void sum_gradients(Net *net) {
    for (int k = 0; k < net->count; k++) {
        Node *n = &net->nodes[k];
        const Layer *l = &n->l;
        for (int c = 0; c < l->channels && l->kind == CONVOLUTION; c++) {
            for (int tap = 0; tap < n->taps; tap++)
                net->gradients[l->weight + (long)c * n->taps + n->source[tap]] =
                    sum_of_lanes(load(n->sums + ((long)c * n->taps + tap) * V));
            if (l->bias >= 0) net->gradients[l->bias + c] = sum_of_lanes(load(n->bias_sums + (long)c * V));
        }
    }
}

static void backward(Net *net, int images) {
    int blocks = parts_of(images, V);
    for (int k = 0; k < net->count; k++) {
        Node *n = &net->nodes[k];
        if (n->l.kind == CONVOLUTION) memset(n->sums, 0, sizeof(float) * (size_t)n->l.channels * n->taps * V);
        memset(n->bias_sums, 0, sizeof(float) * (size_t)n->l.channels * V);
    }
    for (int last = net->count, first; last > 0; last = first) {
        Node *closing = &net->nodes[last - 1];
        for (first = last - 1; first > 0 && !net->nodes[first - 1].l.norm;) first--;
        if (closing->l.norm) norm_backward(net, closing, images);
        Node *before = first > 0 ? &net->nodes[first - 1] : NULL;
        if (before) memset(before->total, 0, 2 * sizeof(double) * (size_t)before->l.channels);
        for (int block = 0; block < blocks; block++) {
            for (int k = last - 1; k >= first; k--) backward_node(net, k, block, images);
            if (before) collect(before, images_in(images, block));
        }
    }
    sum_gradients(net);
}
