/* SPDX-License-Identifier: MIT */
/* Eight lanes of SHA-1 in AVX2. */
#include "base/sha1_rounds.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define VEC               __m256i
#define V_ADD(x, y)       _mm256_add_epi32(x, y)
#define V_XOR(x, y)       _mm256_xor_si256(x, y)
#define V_XOR3(x, y, z)   _mm256_xor_si256(_mm256_xor_si256(x, y), z)
#define V_CHOOSE(x, y, z) _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)))
#define V_MAJORITY(x, y, z) \
    _mm256_or_si256(_mm256_and_si256(x, y), _mm256_and_si256(z, _mm256_or_si256(x, y)))
#define V_ROTATE(x, n) _mm256_or_si256(_mm256_slli_epi32(x, n), _mm256_srli_epi32(x, 32 - (n)))
#define V_SET(k)       _mm256_set1_epi32((int)(k))
#define TARGET         __attribute__((target("avx2")))

/* Eight words of eight lanes: w[t] is word t of lanes 0 to 7. */
TARGET static inline __attribute__((always_inline)) void load_transposed(VEC w[8],
                                                                         const uint8_t *const p[8],
                                                                         size_t at)
{
    const VEC swap = _mm256_broadcastsi128_si256(
        _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
    VEC r[8], t[8];

#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        r[i] = _mm256_shuffle_epi8(_mm256_loadu_si256((const VEC *)(p[i] + at)), swap);
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        w[j] = _mm256_permute2x128_si256(r[j], r[4 + j], 0x20);
        w[4 + j] = _mm256_permute2x128_si256(r[j], r[4 + j], 0x31);
    }
}

TARGET void sha1_blocks_avx2(uint32_t state[5][16], const uint8_t *const lanes[], unsigned n_lanes,
                             size_t n_blocks)
{
    const VEC k0 = V_SET(0x5a827999), k1 = V_SET(0x6ed9eba1), k2 = V_SET(0x8f1bbcdc),
              k3 = V_SET(0xca62c1d6);
    const uint8_t *p[8];
    VEC s[5], w[16];

    for (unsigned i = 0; i < 8; i++)
        p[i] = lanes[i < n_lanes ? i : 0];
    for (int i = 0; i < 5; i++)
        s[i] = _mm256_loadu_si256((const VEC *)state[i]);
    for (size_t block = 0; block < n_blocks; block++) {
        VEC a = s[0], b = s[1], c = s[2], d = s[3], e = s[4];

        load_transposed(w, p, block * 64);
        load_transposed(w + 8, p, block * 64 + 32);
        SHA1_BLOCK();
        s[0] = V_ADD(s[0], a);
        s[1] = V_ADD(s[1], b);
        s[2] = V_ADD(s[2], c);
        s[3] = V_ADD(s[3], d);
        s[4] = V_ADD(s[4], e);
    }
    for (int i = 0; i < 5; i++)
        _mm256_storeu_si256((VEC *)state[i], s[i]);
}

#else
void sha1_blocks_avx2(uint32_t state[5][16], const uint8_t *const lanes[], unsigned n_lanes,
                      size_t n_blocks)
{
    __builtin_unreachable(); /* never chosen on another CPU */
}
#endif
