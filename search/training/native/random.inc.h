/* Dropout's random numbers: xoshiro128++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021),
   one generator per image, begun afresh for each step and layer from a key. The backward pass draws the same numbers
   again instead of storing masks, and no number depends on how wide the vectors are. */

typedef struct {
    Unsigned s0, s1, s2, s3;
} Generator;

static uint64_t splitmix(uint64_t *state) { /* Steele, Lea and Flood 2014 */
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

INLINE Unsigned mixed(uint64_t word, Unsigned image) { /* MurmurHash3's finaliser, a bijection per word */
    Unsigned h = image * 0x9E3779B9u + (uint32_t)word;
    h ^= h >> 16;
    h *= 0x85EBCA6Bu;
    h ^= h >> 13;
    h *= 0xC2B2AE35u;
    h ^= h >> 16;
    return h + (uint32_t)(word >> 32);
}

/* stream: which dropout layer of the network; block: which V images of the batch. */
static Generator generator(uint64_t key, uint64_t step, uint64_t stream, uint64_t block) {
    uint64_t state = key;
    state = splitmix(&state) ^ step;
    state = splitmix(&state) ^ stream;
    Unsigned image;
    for (int lane = 0; lane < V; lane++) image[lane] = (uint32_t)(block * V + lane);
    uint64_t w0 = splitmix(&state), w1 = splitmix(&state), w2 = splitmix(&state), w3 = splitmix(&state);
    return (Generator){mixed(w0, image), mixed(w1, image), mixed(w2, image), mixed(w3, image)};
}

INLINE Unsigned rotated(Unsigned x, int k) { return (x << k) | (x >> (32 - k)); }

INLINE Unsigned draw(Generator *g) {
    Unsigned result = rotated(g->s0 + g->s3, 7) + g->s0, t = g->s1 << 9;
    g->s2 ^= g->s0;
    g->s3 ^= g->s1;
    g->s1 ^= g->s2;
    g->s0 ^= g->s3;
    g->s2 ^= t;
    g->s3 = rotated(g->s3, 11);
    return result;
}

/* Dropout of one layer: `rate` of the values become 0, the others are divided by 1 - rate. A draw serves two vectors, so
   a rate is a multiple of 1/65536; the scale is that of the rounded rate, which keeps the mean. */
typedef struct {
    uint32_t threshold; /* numbers below it are dropped */
    float scale;
} Drop;

INLINE Drop drop_of(float rate) {
    double part = rint((double)rate * 65536);
    if (part > 65535) part = 65535;
    return (Drop){(uint32_t)part << 16, (float)(1 / (1 - part / 65536))};
}

/* Decides by the upper half of `number`, then moves the lower half up for the next vector. */
INLINE Mask kept(Unsigned *number, Drop drop) {
    Mask mask = (Mask)(*number >= drop.threshold);
    *number <<= 16;
    return mask;
}

/* Runs DO(x) for x from 0 to width - 1, with `number` drawn anew for every second x where `drop`. The generator is
   worked on as a copy: in memory, every store to a map would have to be assumed to change it. */
#define FOR_EACH_PAIR(DO, width, drop, g) \
    do { \
        const int width_ = (width); \
        int x_ = 0; \
        Unsigned number = {}; \
        Generator own = {}; \
        if (drop) own = *(g); \
        for (; x_ + 1 < width_; x_ += 2) { \
            if (drop) number = draw(&own); \
            DO(x_); \
            DO(x_ + 1); \
        } \
        if (x_ < width_) { \
            if (drop) number = draw(&own); \
            DO(x_); \
        } \
        if (drop) *(g) = own; \
        (void)number; \
    } while (0)
