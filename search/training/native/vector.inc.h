/* Vectors of V numbers in GNU C, as wide as one register of the processor: compiled alike for AVX-512, AVX2 and NEON.

   Maps are stored in blocks of V images, [row][channel][column][image]: lane i of every vector is image i of its block.
   So each operation works on whole vectors whatever its number of channels, kernel, stride or padding, and what it
   needs for one row of results lies together. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#if defined(__AVX512F__)
#define V 16
#define REGISTERS 32
#define ISA "avx512"
#elif defined(__AVX2__) && defined(__FMA__)
#define V 8
#define REGISTERS 16
#define ISA "avx2"
#elif defined(__aarch64__)
#define V 4
#define REGISTERS 32
#define ISA "neon"
#else
#define V 4
#define REGISTERS 16
#define ISA "generic"
#endif

typedef float Vector __attribute__((vector_size(4 * V), may_alias));
typedef int32_t Mask __attribute__((vector_size(4 * V), may_alias));      /* -1 or 0 per lane */
typedef uint32_t Unsigned __attribute__((vector_size(4 * V), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

INLINE Vector load(const float *place) { return *(const Vector *)place; }
INLINE void store(float *place, Vector value) { *(Vector *)place = value; }
INLINE Vector broadcast(float value) { return value - (Vector){}; }
INLINE Vector where(Mask mask, Vector value) { return (Vector)(mask & (Mask)value); } /* 0 where the mask is 0 */
INLINE Vector either(Mask mask, Vector yes, Vector no) { return (Vector)((mask & (Mask)yes) | (~mask & (Mask)no)); }

/* Keeps a loaded vector in a register: a load folded into each of its uses would make loads the bottleneck. */
INLINE Vector in_register(Vector value) {
#if defined(__AVX512F__)
    __asm__("" : "+v"(value));
#elif defined(__AVX2__)
    __asm__("" : "+x"(value));
#endif
    return value;
}

/* Maps of a whole batch exceed the second-level cache. Passes over them wait for memory less when they name early what
   they read next: the row of the channel after the next. Past the end of a map this does nothing. */
enum { AHEAD = 2 };
INLINE void prefetch(const float *place) { __builtin_prefetch(place); }

INLINE float sum_of_lanes(Vector value) {
    float total = 0;
    for (int lane = 0; lane < V; lane++) total += value[lane];
    return total;
}

enum { LARGE_PAGE = 1 << 21 };
