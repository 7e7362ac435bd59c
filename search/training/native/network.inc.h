/* A network as a chain of nodes, and the memory of one training step.

   A node is one convolution or pool and what follows it up to the next: gate 1, batch norm, gate 2, where a gate is ReLU
   and dropout in any order (both only let a value pass or not, so their order does not matter). `map` holds a node's
   values after gate 1, for the whole batch; its view, after batch norm and gate 2, is made again wherever it is read.
   `gradient` is the loss's derivative by the batch norm's output. */

enum { CONVOLUTION, MAXIMUM, AVERAGE };

typedef struct { /* as search/training/native/program.py writes it; positions are in floats */
    int32_t kind, in_channels, in_height, in_width, channels, height, width;
    int32_t kernel_height, kernel_width, stride_y, stride_x, pad_y, pad_x, groups;
    int32_t relu1, norm, relu2;
    int32_t flat_channels, flat_height, flat_width;     /* a linear layer: the map that it sees flattened, else 0 */
    float drop1, drop2;                                 /* rates, 0 for none */
    int64_t weight, bias, gamma, beta, mean, variance;  /* in the parameters and buffers; bias -1: none */
} Layer;

typedef struct {
    Layer l;
    float *map, *gradient;
    long block, gradient_block;        /* floats per block of images; gradient_block 0: one block serves all */
    int taps, back_taps;               /* per group: of the convolution and of its input gradient */
    int32_t *offset, *back_offset;     /* order of taps: kernel row, channel, kernel column */
    int32_t *source, *back_source;     /* where a tap's weight is, relative to its output channel's first */
    int32_t *order, *back_order;       /* where an output channel's (an input channel's) weights begin */
    float *packed, *back_packed;       /* weights in the order in which the tiles read them */
    float *sums;                       /* weight gradients, one vector per weight */
    float *bias_sums, *zeros;
    float *scale, *shift;              /* batch norm of the current batch: view = scale * map + shift */
    float *center, *deviation;         /* its mean and 1 / standard deviation */
    float *by_gradient, *by_map, *constant; /* derivative by the map = by_gradient * gradient + by_map * map + constant */
    float *statistics;                 /* two vectors per channel, of the current block */
    double *total;                     /* two numbers per channel, of the batch */
} Node;

typedef struct { /* as search/training/native/network.py fills it in; the arrays stay Python's */
    const Layer *layers;
    float *parameters, *gradients, *momentum, *buffers;
    const float *pixel_mean, *pixel_scale, *pixel_fill; /* per channel */
    int64_t parameter_count;
    uint64_t key;                          /* of dropout's random numbers */
    int32_t count, batch, classes;         /* layers; images of the largest step */
    int32_t channels, height, width;       /* of an image */
    /* from here on C's own */
    uint64_t step;
    char *arena;                           /* holds all of the following */
    Node *nodes;
    float *input;                          /* [block][row][channel][column][image], normalised */
    float *padded, *delta;                 /* scratch for one block: a convolution's input, gradients of its output */
    float *canvas, *warped;                /* of one channel of the images of a block */
} Net;

typedef struct { /* one step of SGD, as network.py fills it in */
    const uint8_t *images;                  /* all of them; */
    const int64_t *labels, *index;          /* of all; the numbers of the step's */
    const float *matrices, *pixel_changes;  /* 9 and `columns` floats per image of the step, or NULL */
    const float *class_weights;             /* of the loss, or NULL */
    double *loss;                           /* the summed loss and the right answers are added to these two */
    int64_t *hits;
    double smoothing;                       /* of the labels */
    int64_t number;                         /* of the step in the run */
    int32_t count, columns;                 /* images; floats per image in pixel_changes */
    int32_t apply_update, nesterov;         /* 0 leaves the parameters to another optimizer */
    float rate, momentum, decay;
} Step;

static float *map_of(const Node *n, int block) { return n->map + block * n->block; }
static float *gradient_of(const Node *n, int block) { return n->gradient + block * n->gradient_block; }
static int has_view(const Layer *l) { return l->norm || l->relu2 || l->drop2 > 0; }
static int dilated(int size, int stride) { return (size - 1) * stride + 1; }

/* Row length of the two kinds of scratch. */
static long padded_width(const Layer *l) { return l->in_width + 2 * l->pad_x; }
static long delta_width(const Layer *l) {
    long reach = l->in_width + l->pad_x + l->kernel_width - 1;
    long held = l->kernel_width - 1 + dilated(l->width, l->stride_x);
    return reach > held ? reach : held;
}

/* A gradient is used as it lies where nothing stands between it and a convolution that looks at single places. */
static int is_pointwise(const Layer *l) {
    return l->kind == CONVOLUTION && l->kernel_height == 1 && l->kernel_width == 1 && l->stride_y == 1 &&
           l->stride_x == 1 && l->pad_y == 0 && l->pad_x == 0;
}

/* Whether a convolution needs one row of its input at a time. */
static int sees_one_row(const Layer *l) { return l->kind == CONVOLUTION && l->kernel_height == 1 && !l->flat_width; }

/* Kernel rows [*first, *last) that meet the map when a window's first row lies at `top`, rows `apart` rows apart. */
static void rows_met(int top, int kernel, int height, int *first, int *last) {
    *first = top < 0 ? -top : 0;
    *last = top + kernel > height ? height - top : kernel;
    if (*last < *first) *last = *first;
}

static int tiles_of_channels(int channels) { return parts_of(channels, most_channels()); }

/* Place among a linear layer's weights, which follow torch's order (channel, row, column), of its input number c here. */
static int in_order(const Layer *l, int c) {
    if (!l->flat_width) return c;
    int x = c % l->flat_width, channel = c / l->flat_width % l->flat_channels;
    return (channel * l->flat_height + c / l->flat_width / l->flat_channels) * l->flat_width + x;
}

static void tabulate(Node *n) {
    const Layer *l = &n->l;
    int inputs = l->in_channels / l->groups, outputs = l->channels / l->groups, kernel = l->kernel_height * l->kernel_width;
    long row = padded_width(l), back_row = delta_width(l);
    int32_t *offset = n->offset, *source = n->source;
    for (int ky = 0; ky < l->kernel_height; ky++)
        for (int c = 0; c < inputs; c++)
            for (int kx = 0; kx < l->kernel_width; kx++) {
                *offset++ = (int32_t)((((long)ky * l->in_channels + c) * row + kx) * V);
                *source++ = in_order(l, c) * kernel + ky * l->kernel_width + kx;
            }
    offset = n->back_offset, source = n->back_source;
    /* The input gradient is a correlation of the (dilated) output gradient with the kernel turned round. */
    for (int ry = 0; ry < l->kernel_height; ry++)
        for (int c = 0; c < outputs; c++)
            for (int rx = 0; rx < l->kernel_width; rx++) {
                int ky = l->kernel_height - 1 - ry, kx = l->kernel_width - 1 - rx;
                *offset++ = (int32_t)((((long)ry * l->channels + c) * back_row + l->pad_x + rx) * V);
                *source++ = c * inputs * kernel + ky * l->kernel_width + kx;
            }
    for (int c = 0; c < inputs; c++) n->back_order[c] = in_order(l, c) * kernel;
    for (int c = 0; c < outputs; c++) n->order[c] = c * inputs * kernel;
}

/* packed[group][tile of channels][tap][channel of the tile] */
static void pack(const float *weights, const int32_t *source, int taps, int groups, long group_size,
                 const int32_t *order, int channels, float *packed) {
    int tiles = tiles_of_channels(channels);
    for (int g = 0; g < groups; g++, weights += group_size) {
        int first = 0;
        for (int tile = 0; tile < tiles; tile++) {
            int some = share(channels, tiles, tile);
            for (int tap = 0; tap < taps; tap++)
                for (int c = 0; c < some; c++) *packed++ = weights[order[first + c] + source[tap]];
            first += some;
        }
    }
}

static void pack_weights(Net *net) {
    for (int k = 0; k < net->count; k++) {
        Node *n = &net->nodes[k];
        const Layer *l = &n->l;
        if (l->kind != CONVOLUTION) continue;
        long inputs = l->in_channels / l->groups, outputs = l->channels / l->groups;
        long kernel = l->kernel_height * l->kernel_width;
        const float *weights = net->parameters + l->weight;
        pack(weights, n->source, n->taps, l->groups, outputs * inputs * kernel, n->order, (int)outputs, n->packed);
        if (k > 0)
            pack(weights, n->back_source, n->back_taps, l->groups, outputs * inputs * kernel, n->back_order,
                 (int)inputs, n->back_packed);
    }
}

static long larger(long a, long b) { return a > b ? a : b; }

typedef struct {
    char *start; /* NULL: what is taken is only added up */
    size_t used;
} Arena;

/* Place for `count` numbers of 4 bytes, on a cache line. */
static void *take(Arena *arena, long count) {
    char *place = arena->start ? arena->start + arena->used : NULL;
    arena->used += ((size_t)count * 4 + 63) / 64 * 64;
    return place;
}

static void lay_out_node(Node *n, const Net *net, const Layer *layer, int is_last, Arena *arena) {
    Layer *l = &n->l;
    *l = *layer;
    long blocks = parts_of(net->batch, V), taps = 0, back = 0, kernel = l->kernel_height * l->kernel_width;
    if (l->kind == CONVOLUTION) taps = l->in_channels / l->groups * kernel, back = l->channels / l->groups * kernel;
    long weights = l->channels * taps, widest = larger(l->channels, l->in_channels);
    n->taps = (int)taps, n->back_taps = (int)back;
    n->block = (long)l->channels * l->height * l->width * V;
    n->gradient_block = l->norm || is_last ? n->block : 0;
    n->map = take(arena, n->block * blocks);
    n->gradient = take(arena, n->gradient_block ? n->block * blocks : n->block);
    n->offset = take(arena, taps), n->source = take(arena, taps);
    n->back_offset = take(arena, back), n->back_source = take(arena, back);
    n->order = take(arena, l->channels), n->back_order = take(arena, l->in_channels);
    n->packed = take(arena, weights), n->back_packed = take(arena, weights);
    n->sums = take(arena, weights * V), n->bias_sums = take(arena, (long)l->channels * V);
    n->statistics = take(arena, 2L * l->channels * V);
    n->total = take(arena, 4L * l->channels); /* doubles */
    n->zeros = take(arena, widest);
    n->scale = take(arena, widest), n->shift = take(arena, widest);
    n->center = take(arena, widest), n->deviation = take(arena, widest);
    n->by_gradient = take(arena, widest), n->by_map = take(arena, widest), n->constant = take(arena, widest);
    if (arena->start && l->kind == CONVOLUTION) tabulate(n);
}

static void lay_out(Net *net, Arena *arena) {
    const Layer *last = &net->layers[net->count - 1];
    long padded = (long)last->channels * last->height * last->width * V, delta = 0;
    net->nodes = take(arena, net->count * (long)sizeof(Node) / 4);
    for (int k = 0; k < net->count; k++) {
        const Layer *l = &net->layers[k];
        Node counted, *n = arena->start ? &net->nodes[k] : &counted;
        lay_out_node(n, net, l, l == last, arena);
        padded = larger(padded, l->in_channels * l->in_height * padded_width(l) * V);
        delta = larger(delta, l->channels * dilated(l->height, l->stride_y) * delta_width(l) * V);
    }
    net->input = take(arena, (long)parts_of(net->batch, V) * net->channels * net->height * net->width * V);
    net->padded = take(arena, padded);
    net->delta = take(arena, delta);
    net->canvas = take(arena, (long)(net->height + 3) * (net->width + 3) * V);
    net->warped = take(arena, (long)net->width * V);
}
