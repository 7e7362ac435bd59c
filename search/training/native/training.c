/* One training step of a small network on one thread: images, forward, backward, SGD. The functions that Python calls.

   Float32 throughout; sums over the batch in double. Sums are taken in a fixed order: the same input gives the same
   bits on processors with the same vector width. */

#include "vector.inc.h"
#include "random.inc.h"
#include "tiles.inc.h"
#include "network.inc.h"
#include "forward.inc.h"
#include "backward.inc.h"
#include "pixel_augmentation.inc.h"
#include "images.inc.h"

const char *isa(void) { return ISA; }

/* For a check that Python declares them alike. */
int64_t size_of_layer(void) { return sizeof(Layer); }
int64_t size_of_net(void) { return sizeof(Net); }
int64_t size_of_step(void) { return sizeof(Step); }

/* Takes the memory of a network whose public fields are filled in; 0 where it is short. */
int32_t allocate(Net *net) {
    Arena arena = {};
    lay_out(net, &arena);
    void *start = NULL;
    if (posix_memalign(&start, LARGE_PAGE, arena.used)) return 0;
#if defined(__linux__)
    madvise(start, arena.used, MADV_HUGEPAGE); /* fewer pages to look up; a wish only */
#endif
    net->arena = memset(start, 0, arena.used);
    arena = (Arena){.start = start};
    lay_out(net, &arena);
    return 1;
}

void release(Net *net) { free(net->arena); }

/* torch.optim.SGD; a momentum buffer of zeros makes its first step the plain one. */
static void apply_update(Net *net, float rate, float momentum, float decay, int nesterov) {
    for (long i = 0; i < net->parameter_count; i++) {
        float slope = net->gradients[i] + decay * net->parameters[i];
        float velocity = net->momentum[i] = momentum * net->momentum[i] + slope;
        net->parameters[i] -= rate * (nesterov ? slope + momentum * velocity : velocity);
    }
}

void train_step(Net *net, const Step *step) {
    int blocks = parts_of(step->count, V);
    double weight = step->count; /* of all images */
    if (step->class_weights) {
        weight = 0;
        for (int i = 0; i < step->count; i++) weight += (double)step->class_weights[step->labels[step->index[i]]];
    }
    const Loss rule = {step->smoothing, step->class_weights, step->count / weight, (float)(1 / weight)};
    net->step = (uint64_t)step->number;
    pack_weights(net);
    for (int block = 0; block < blocks; block++) {
        long first = (long)block * V;
        fill(net, block, images_in(step->count, block), step->images, step->index + first,
             step->matrices ? step->matrices + 9 * first : NULL,
             step->pixel_changes ? step->pixel_changes + step->columns * first : NULL, step->columns);
    }
    forward(net, step->count);
    Node *last = &net->nodes[net->count - 1];
    memset(last->total, 0, 2 * sizeof(double) * (size_t)last->l.channels);
    for (int block = 0; block < blocks; block++) {
        int64_t own[V];
        int held = images_in(step->count, block);
        for (int lane = 0; lane < held; lane++) own[lane] = step->labels[step->index[block * V + lane]];
        add_loss(net, block, held, own, rule, 1, step->loss, step->hits, NULL);
    }
    backward(net, step->count);
    if (step->apply_update) apply_update(net, step->rate, step->momentum, step->decay, step->nesterov);
}

/* Evaluate `count` images in eval mode. confusion: classes * classes counts [true][predicted]; all results are added to. */
void evaluate(Net *net, const uint8_t *images, const int64_t *labels, int64_t count, double *loss, int64_t *confusion) {
    long size = (long)net->channels * net->height * net->width;
    int64_t hits = 0;
    pack_weights(net);
    for (int k = 0; k < net->count; k++)
        for (int c = 0; net->nodes[k].l.norm && c < net->nodes[k].l.channels; c++)
            set_norm(net, &net->nodes[k], c, (double)net->buffers[net->nodes[k].l.mean + c],
                     (double)net->buffers[net->nodes[k].l.variance + c]);
    for (int64_t first = 0; first < count; first += V) {
        int held = count - first < V ? (int)(count - first) : V;
        fill(net, 0, held, images + first * size, NULL, NULL, NULL, 0);
        for (int k = 0; k < net->count; k++) forward_node(net, k, 0, 0);
        add_loss(net, 0, held, labels + first, (Loss){.scale = 1}, 0, loss, &hits, confusion);
    }
}

/* For tests: the last step's input, warped and normalised, [image][channel][row][column]. */
void read_input(const Net *net, int32_t count, float *result) {
    long size = (long)net->channels * net->height * net->width;
    for (int32_t image = 0; image < count; image++)
        for (int y = 0; y < net->height; y++)
            for (int c = 0; c < net->channels; c++)
                for (int x = 0; x < net->width; x++)
                    result[image * size + ((long)c * net->height + y) * net->width + x] =
                        net->input[(image / V * size + ((long)y * net->channels + c) * net->width + x) * V + image % V];
}

/* For tests: the factors (0 or 1 / (1 - rate)) of a node's dropout at a step, [image][channel][row][column]. */
void read_dropout(const Net *net, int64_t step, int32_t node, int32_t gate, int32_t count, float *result) {
    const Layer *l = &net->nodes[node].l;
    Drop rule = drop_of(gate == 1 ? l->drop1 : l->drop2);
    for (int block = 0; block < parts_of(count, V); block++) {
        Generator g = generator(net->key, (uint64_t)step, 2 * node + gate - 1, block);
        for (int y = 0; y < l->height; y++)
            for (int c = 0; c < l->channels; c++)
#define READ_ONE(x) \
    do { \
        Mask mask = kept(&number, rule); \
        for (int lane = 0; lane < images_in(count, block); lane++) \
            result[(((long)(block * V + lane) * l->channels + c) * l->height + y) * l->width + (x)] = \
                mask[lane] ? rule.scale : 0; \
    } while (0)
                FOR_EACH_PAIR(READ_ONE, l->width, 1, &g);
    }
}
