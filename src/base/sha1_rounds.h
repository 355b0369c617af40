/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_BASE_SHA1_ROUNDS_H
#define CONJURE_SRC_BASE_SHA1_ROUNDS_H

#include <stddef.h>
#include <stdint.h>

/*
 * One block of SHA-1 (FIPS 180-4) in every lane of a vector. The includer defines VEC, V_ADD,
 * V_XOR, V_XOR3, V_CHOOSE, V_MAJORITY, V_ROTATE and V_SET; the message words are transposed, so
 * that w[t] is word t of all lanes. Fully unrolled: the names of the five variables rotate instead
 * of their values.
 */
typedef void sha1_blocks_fn(uint32_t state[5][16], const uint8_t *const lanes[], unsigned n_lanes,
                            size_t n_blocks);
sha1_blocks_fn sha1_blocks_avx512, sha1_blocks_avx2;

#define SHA1_WORD(t)       \
    (w[(t)&15] = V_ROTATE( \
         V_XOR(V_XOR3(w[((t) + 13) & 15], w[((t) + 8) & 15], w[((t) + 2) & 15]), w[(t)&15]), 1))
#define SHA1_STEP(a, b, c, d, e, F, k, word)                                    \
    do {                                                                        \
        e = V_ADD(V_ADD(e, V_ADD(word, k)), V_ADD(F(b, c, d), V_ROTATE(a, 5))); \
        b = V_ROTATE(b, 30);                                                    \
    } while (0)
#define SHA1_FIVE(t, F, k, WORD)                   \
    SHA1_STEP(a, b, c, d, e, F, k, WORD(t));       \
    SHA1_STEP(e, a, b, c, d, F, k, WORD((t) + 1)); \
    SHA1_STEP(d, e, a, b, c, F, k, WORD((t) + 2)); \
    SHA1_STEP(c, d, e, a, b, F, k, WORD((t) + 3)); \
    SHA1_STEP(b, c, d, e, a, F, k, WORD((t) + 4))
#define SHA1_TWENTY(t, F, k)              \
    SHA1_FIVE(t, F, k, SHA1_WORD);        \
    SHA1_FIVE((t) + 5, F, k, SHA1_WORD);  \
    SHA1_FIVE((t) + 10, F, k, SHA1_WORD); \
    SHA1_FIVE((t) + 15, F, k, SHA1_WORD)

#define SHA1_GIVEN(t) w[t]
#define SHA1_BLOCK()                                            \
    do {                                                        \
        SHA1_FIVE(0, V_CHOOSE, k0, SHA1_GIVEN);                 \
        SHA1_FIVE(5, V_CHOOSE, k0, SHA1_GIVEN);                 \
        SHA1_FIVE(10, V_CHOOSE, k0, SHA1_GIVEN);                \
        SHA1_STEP(a, b, c, d, e, V_CHOOSE, k0, SHA1_GIVEN(15)); \
        SHA1_STEP(e, a, b, c, d, V_CHOOSE, k0, SHA1_WORD(16));  \
        SHA1_STEP(d, e, a, b, c, V_CHOOSE, k0, SHA1_WORD(17));  \
        SHA1_STEP(c, d, e, a, b, V_CHOOSE, k0, SHA1_WORD(18));  \
        SHA1_STEP(b, c, d, e, a, V_CHOOSE, k0, SHA1_WORD(19));  \
        SHA1_TWENTY(20, V_XOR3, k1);                            \
        SHA1_TWENTY(40, V_MAJORITY, k2);                        \
        SHA1_TWENTY(60, V_XOR3, k3);                            \
    } while (0)

#endif
