/* SPDX-License-Identifier: MIT */
/* Sixteen lanes of SHA-1 in AVX-512: rotation and any function of three words are one instruction.
 */
#include "base/sha1_rounds.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define VEC                 __m512i
#define V_ADD(x, y)         _mm512_add_epi32(x, y)
#define V_XOR(x, y)         _mm512_xor_si512(x, y)
#define V_XOR3(x, y, z)     _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define V_CHOOSE(x, y, z)   _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define V_MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)
#define V_ROTATE(x, n)      _mm512_rol_epi32(x, n)
#define V_SET(k)            _mm512_set1_epi32((int)(k))
#define TARGET              __attribute__((target("avx512f,avx512bw")))

/* Rows are the 64 bytes of one lane; afterwards w[t] is word t of lanes 0 to 15. */
TARGET static inline __attribute__((always_inline)) void load_transposed(VEC w[16],
                                                                         const uint8_t *const p[16],
                                                                         size_t at)
{
    const VEC swap =
        _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
    VEC r[16], t[16];

#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        r[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(p[i] + at), swap);
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    /* r[4 * g + j]: word 4 * q + j of lanes 4 * g .. 4 * g + 3, one q in each quarter. */
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        VEC low01 = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x44);
        VEC high01 = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xee);
        VEC low23 = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x44);
        VEC high23 = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xee);

        w[j] = _mm512_shuffle_i32x4(low01, low23, 0x88);
        w[4 + j] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
        w[8 + j] = _mm512_shuffle_i32x4(high01, high23, 0x88);
        w[12 + j] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
    }
}

TARGET void sha1_blocks_avx512(uint32_t state[5][16], const uint8_t *const lanes[],
                               unsigned n_lanes, size_t n_blocks)
{
    const VEC k0 = V_SET(0x5a827999), k1 = V_SET(0x6ed9eba1), k2 = V_SET(0x8f1bbcdc),
              k3 = V_SET(0xca62c1d6);
    const uint8_t *p[16];
    VEC s[5], w[16];

    for (unsigned i = 0; i < 16; i++)
        p[i] = lanes[i < n_lanes ? i : 0];
    for (int i = 0; i < 5; i++)
        s[i] = _mm512_loadu_si512(state[i]);
    for (size_t block = 0; block < n_blocks; block++) {
        VEC a = s[0], b = s[1], c = s[2], d = s[3], e = s[4];

        load_transposed(w, p, block * 64);
        SHA1_BLOCK();
        s[0] = V_ADD(s[0], a);
        s[1] = V_ADD(s[1], b);
        s[2] = V_ADD(s[2], c);
        s[3] = V_ADD(s[3], d);
        s[4] = V_ADD(s[4], e);
    }
    for (int i = 0; i < 5; i++)
        _mm512_storeu_si512(state[i], s[i]);
}

#else
void sha1_blocks_avx512(uint32_t state[5][16], const uint8_t *const lanes[], unsigned n_lanes,
                        size_t n_blocks)
{
    __builtin_unreachable(); /* never chosen on another CPU */
}
#endif
