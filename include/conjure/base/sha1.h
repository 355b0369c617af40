/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_SHA1_H
#define CONJURE_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

/* SHA-1 of one buffer, by libcrypto. Any thread. */
void sha1(const void *bytes, size_t n, uint8_t digest[SHA1_SIZE]);

/*
 * SHA-1 of many streams of equal length side by side, as pieces come: one lane a stream. The number
 * of lanes that pay off is a matter of the CPU (sixteen with AVX-512, eight with AVX2, one by
 * libcrypto otherwise) and is chosen at run time.
 */
#define SHA1_LANES_MAX 16

/* How many streams are worth hashing side by side on this CPU. */
unsigned sha1_lanes(void);
/* "avx512", "avx2" or "libcrypto", for logs. */
const char *sha1_kind(void);

struct sha1_streams {
    uint32_t state[5][SHA1_LANES_MAX]; /* one column a lane */
    uint64_t n_bytes;                  /* hashed of every lane */
};
#define SHA1_STREAMS_EMPTY ((struct sha1_streams){0})

void sha1_streams_init(struct sha1_streams *x);
/* N_BYTES more of each of N_LANES streams (1 to SHA1_LANES_MAX; the same ones, in the same order, in
 * every call). N_BYTES is a multiple of 64, but for the last call before the end. */
void sha1_streams_update(struct sha1_streams *x, const uint8_t *const lanes[], unsigned n_lanes,
                         size_t n_bytes);
void sha1_streams_finish(struct sha1_streams *x, const uint8_t *const tails[], unsigned n_lanes,
                         size_t n_tail, uint8_t digests[][SHA1_SIZE]);

#endif
