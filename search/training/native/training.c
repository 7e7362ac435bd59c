/* One training step of a small network on one thread: images, forward, backward, SGD. The functions that Python calls.

   Float32 throughout; sums over the batch in double. Sums are taken in a fixed order: the same input gives the same
   bits on processors with the same vector width. */

#include "vector.h"
#include "random.h"
#include "tiles.h"
#include "network.h"
#include "forward.h"
#include "backward.h"
#include "pixel_augmentation.h"
#include "images.h"

const char *isa(void) { return ISA; }
int64_t size_of_layer(void) { return sizeof(Layer); }

/* parameters, gradients, momentum, buffers: flat float arrays that stay the caller's. NULL: memory is short. */
Net *create(const Layer *layers, int32_t count, int32_t batch, int32_t channels, int32_t height, int32_t width,
            float *parameters, float *gradients, float *momentum, int64_t parameter_count, float *buffers,
            const float *pixel_mean, const float *pixel_scale, uint64_t key) {
    Net *net = new_net(layers, count, batch, channels, height, width);
    if (!net) return NULL;
    net->parameters = parameters, net->gradients = gradients, net->momentum = momentum, net->buffers = buffers;
    net->parameter_count = parameter_count;
    net->pixel_mean = pixel_mean, net->pixel_scale = pixel_scale;
    net->key = key;
    return net;
}

void destroy(Net *net) { free_net(net); }

/* torch.optim.SGD; a momentum buffer of zeros makes its first step the plain one. */
static void descend(Net *net, float rate, float momentum, float decay, int nesterov) {
    for (long i = 0; i < net->parameter_count; i++) {
        float slope = net->gradients[i] + decay * net->parameters[i];
        float velocity = net->momentum[i] = momentum * net->momentum[i] + slope;
        net->parameters[i] -= rate * (nesterov ? slope + momentum * velocity : velocity);
    }
}

/* One step over `count` images, those numbered index[0..]. matrices: 9 floats per image of the batch, or NULL;
   retouches: RETOUCHES, or NULL; smoothing: of the labels; descends: 0 leaves the parameters to another optimizer. Adds
   the summed loss and the number of right answers. */
void train_step(Net *net, int64_t step, const uint8_t *images, const int64_t *labels, const int64_t *index,
                const float *matrices, const float *retouches, int32_t count, double smoothing, int32_t descends,
                float rate, float momentum, float decay, int32_t nesterov, double *loss, int64_t *hits) {
    int blocks = parts_of(count, V);
    net->step = (uint64_t)step;
    pack_weights(net);
    for (int block = 0; block < blocks; block++) {
        long first = (long)block * V;
        fill(net, block, images_in(count, block), images, index + first, matrices ? matrices + 9 * first : NULL,
             retouches ? retouches + RETOUCHES * first : NULL);
    }
    forward(net, count);
    Node *last = &net->nodes[net->count - 1];
    memset(last->total, 0, 2 * sizeof(double) * (size_t)last->l.channels);
    for (int block = 0; block < blocks; block++) {
        int64_t own[V];
        int held = images_in(count, block);
        for (int lane = 0; lane < held; lane++) own[lane] = labels[index[block * V + lane]];
        judge(net, block, held, own, 1.0f / (float)count, smoothing, 1, loss, hits, NULL);
    }
    backward(net, count);
    if (descends) descend(net, rate, momentum, decay, nesterov);
}

/* Judge `count` images in eval mode. confusion: classes * classes counts [true][predicted]; all results are added to. */
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
        fill(net, 0, held, images + first * size, NULL, NULL, NULL);
        for (int k = 0; k < net->count; k++) forward_node(net, k, 0, 0);
        judge(net, 0, held, labels + first, 0, 0, 0, loss, &hits, confusion);
    }
}

/* For tests: the warped, normalised images of the last step, [image][channel][row][column]. */
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
