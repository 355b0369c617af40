/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_SHA1_H
#define CONJURE_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

/* SHA-1 of one buffer, by libcrypto. Any thread. */
void sha1(const void *bytes, size_t n, uint8_t digest[SHA1_SIZE]);

/*
 * SHA-1 of many streams of equal length side by side, one lane for each. The best number of lanes
 * depends on the CPU (sixteen with AVX-512, eight with AVX2, otherwise one, by libcrypto) and is
 * chosen at run time.
 */
#define SHA1_LANES_MAX 16

enum sha1_kind {
    SHA1_LIBCRYPTO,
    SHA1_AVX2,
    SHA1_AVX512,
};

/* The number of streams to hash side by side on this CPU; 1 when it is not faster. */
unsigned sha1_lanes(void);
/* "avx512", "avx2" or "libcrypto", for logs. */
const char *sha1_kind(void);
/* For tests: uses KIND from now on, for any number of lanes. 0, or -ENOTSUP if the CPU does not
 * support it. */
int sha1_force_kind(enum sha1_kind kind);
void sha1_unforce_kind(void);

/* One thread at a time. Reusable: each use begins with sha1_streams_init. */
struct sha1_streams {
    uint32_t state[5][SHA1_LANES_MAX]; /* one column a lane */
    uint64_t n_bytes;                  /* hashed of every lane */
    void *contexts[SHA1_LANES_MAX];    /* libcrypto's; kept for the next use */
    unsigned n_lanes;
    enum sha1_kind kind; /* of these streams: few lanes are faster one by one */
};
#define SHA1_STREAMS_EMPTY ((struct sha1_streams){0})

/* Starts N_LANES streams (1 to SHA1_LANES_MAX, more than sha1_lanes() is fine but slow); X is empty
 * or was used before. Undone by sha1_streams_deinit, which is safe twice. */
void sha1_streams_init(struct sha1_streams *x, unsigned n_lanes);
void sha1_streams_deinit(struct sha1_streams *x);
/* N_BYTES more of each of the streams (N_LANES as at init, the same ones, in the same order, in
 * every call). N_BYTES is a multiple of 64. */
void sha1_streams_update(struct sha1_streams *x, const uint8_t *const lanes[], unsigned n_lanes,
                         size_t n_bytes);
/* The last N_TAIL bytes of each, any number; tails may be NULL when that is 0. */
void sha1_streams_finish(struct sha1_streams *x, const uint8_t *const tails[], unsigned n_lanes,
                         size_t n_tail, uint8_t digests[][SHA1_SIZE]);

#endif
