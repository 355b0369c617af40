/* SPDX-License-Identifier: MIT */
/*
 * SHA-1 is the largest part of a download's CPU time, and the chain of its additions limits one
 * stream. Side by side, lanes hide each other's latency: sixteen in AVX-512 take about as long as
 * four in libcrypto (which uses the SHA instructions of the CPU where there are any). Therefore few
 * lanes are hashed one by one in libcrypto and many side by side. The choice is made when streams
 * start, because the two have different forms of state.
 */
#include "conjure/base/sha1.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/sha1_rounds.h"
#include "conjure/base/bytes.h"

#define BLOCK 64

static const struct {
    const char *name;
    unsigned n_lanes;
    unsigned n_worth; /* with this many lanes it is faster than libcrypto */
} kinds[] = {
    [SHA1_LIBCRYPTO] = {"libcrypto", 1, 1},
    [SHA1_AVX2] = {"avx2", 8, 8},
    [SHA1_AVX512] = {"avx512", 16, 6},
};

/* The best kind plus 1; 0 until it is known. Several threads may set it, to the same value. */
static atomic_int best_plus_1;
static atomic_int forced_plus_1;

static bool cpu_has(enum sha1_kind kind)
{
#if defined(__x86_64__)
    if (kind == SHA1_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    if (kind == SHA1_AVX2)
        return __builtin_cpu_supports("avx2");
#endif
    return kind == SHA1_LIBCRYPTO;
}

static enum sha1_kind best_kind(void)
{
    int known = atomic_load_explicit(&forced_plus_1, memory_order_relaxed);

    if (!known)
        known = atomic_load_explicit(&best_plus_1, memory_order_relaxed);
    if (!known) {
        known = 1 + (cpu_has(SHA1_AVX512) ? SHA1_AVX512
                     : cpu_has(SHA1_AVX2) ? SHA1_AVX2
                                          : SHA1_LIBCRYPTO);
        atomic_store_explicit(&best_plus_1, known, memory_order_relaxed);
    }
    return (enum sha1_kind)(known - 1);
}

int sha1_force_kind(enum sha1_kind kind)
{
    if (!cpu_has(kind))
        return -ENOTSUP;
    atomic_store(&forced_plus_1, 1 + (int)kind);
    return 0;
}

void sha1_unforce_kind(void)
{
    atomic_store(&forced_plus_1, 0);
}

unsigned sha1_lanes(void)
{
    return kinds[best_kind()].n_lanes;
}

const char *sha1_kind(void)
{
    return kinds[best_kind()].name;
}

static void must(int ok)
{
    if (ok)
        return;
    fprintf(stderr, "conjure: libcrypto cannot do SHA-1\n");
    abort();
}

void sha1(const void *bytes, size_t n, uint8_t digest[SHA1_SIZE])
{
    must(EVP_Digest(bytes, n, digest, NULL, EVP_sha1(), NULL));
}

void sha1_streams_init(struct sha1_streams *x, unsigned n_lanes)
{
    static const uint32_t initial[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    enum sha1_kind kind = best_kind();
    bool forced = atomic_load_explicit(&forced_plus_1, memory_order_relaxed);

    assert(n_lanes >= 1 && n_lanes <= SHA1_LANES_MAX);
    if (!forced && n_lanes < kinds[kind].n_worth)
        kind = SHA1_LIBCRYPTO;
    x->kind = kind;
    x->n_lanes = n_lanes;
    x->n_bytes = 0;
    if (kind != SHA1_LIBCRYPTO) {
        for (unsigned i = 0; i < 5; i++)
            for (unsigned lane = 0; lane < SHA1_LANES_MAX; lane++)
                x->state[i][lane] = initial[i];
        return;
    }
    for (unsigned lane = 0; lane < n_lanes; lane++) {
        if (!x->contexts[lane])
            x->contexts[lane] = EVP_MD_CTX_new();
        must(x->contexts[lane] && EVP_DigestInit_ex(x->contexts[lane], EVP_sha1(), NULL));
    }
}

void sha1_streams_deinit(struct sha1_streams *x)
{
    for (unsigned lane = 0; lane < SHA1_LANES_MAX; lane++)
        EVP_MD_CTX_free(x->contexts[lane]);
    *x = SHA1_STREAMS_EMPTY;
}

static void hash_blocks(struct sha1_streams *x, const uint8_t *const lanes[], size_t n_blocks)
{
    if (x->kind == SHA1_AVX512) {
        sha1_blocks_avx512(x->state, lanes, x->n_lanes, n_blocks);
        return;
    }
    sha1_blocks_avx2(x->state, lanes, x->n_lanes < 8 ? x->n_lanes : 8, n_blocks);
    if (x->n_lanes > 8) {
        uint32_t(*upper)[16] = (uint32_t(*)[16])(&x->state[0][8]);
        uint32_t state[5][16];

        for (unsigned i = 0; i < 5; i++)
            memcpy(state[i], upper[i], 8 * sizeof(uint32_t));
        sha1_blocks_avx2(state, lanes + 8, x->n_lanes - 8, n_blocks);
        for (unsigned i = 0; i < 5; i++)
            memcpy(&x->state[i][8], state[i], 8 * sizeof(uint32_t));
    }
}

void sha1_streams_update(struct sha1_streams *x, const uint8_t *const lanes[], unsigned n_lanes,
                         size_t n_bytes)
{
    assert(n_lanes == x->n_lanes && n_bytes % BLOCK == 0);
    x->n_bytes += n_bytes;
    if (x->kind != SHA1_LIBCRYPTO) {
        hash_blocks(x, lanes, n_bytes / BLOCK);
        return;
    }
    for (unsigned lane = 0; lane < n_lanes; lane++)
        must(EVP_DigestUpdate(x->contexts[lane], lanes[lane], n_bytes));
}

/* The end of every lane, padded (FIPS 180-4): a one bit, zeros, the length in bits. */
static void hash_padding(struct sha1_streams *x, const uint8_t *const tails[], size_t at,
                         size_t n_tail)
{
    uint8_t padded[SHA1_LANES_MAX][2 * BLOCK];
    const uint8_t *lanes[SHA1_LANES_MAX];
    size_t n_blocks = n_tail + 9 > BLOCK ? 2 : 1;

    memset(padded, 0, sizeof padded);
    for (unsigned lane = 0; lane < x->n_lanes; lane++) {
        if (n_tail)
            memcpy(padded[lane], tails[lane] + at, n_tail);
        padded[lane][n_tail] = 0x80;
        put_be64(padded[lane] + n_blocks * BLOCK - 8, x->n_bytes * 8);
        lanes[lane] = padded[lane];
    }
    hash_blocks(x, lanes, n_blocks);
}

void sha1_streams_finish(struct sha1_streams *x, const uint8_t *const tails[], unsigned n_lanes,
                         size_t n_tail, uint8_t digests[][SHA1_SIZE])
{
    size_t n_whole = n_tail / BLOCK * BLOCK;

    assert(n_lanes == x->n_lanes);
    if (x->kind == SHA1_LIBCRYPTO) {
        for (unsigned lane = 0; lane < n_lanes; lane++) {
            if (n_tail)
                must(EVP_DigestUpdate(x->contexts[lane], tails[lane], n_tail));
            must(EVP_DigestFinal_ex(x->contexts[lane], digests[lane], NULL));
        }
        return;
    }
    x->n_bytes += n_tail;
    if (n_whole)
        hash_blocks(x, tails, n_whole / BLOCK);
    hash_padding(x, tails, n_whole, n_tail - n_whole);
    for (unsigned lane = 0; lane < n_lanes; lane++)
        for (unsigned i = 0; i < 5; i++)
            put_be32(digests[lane] + 4 * i, x->state[i][lane]);
}
