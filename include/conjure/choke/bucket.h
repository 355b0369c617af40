/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_BUCKET_H
#define CONJURE_CHOKE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A token bucket. A token is a byte; RATE tokens are added each second, and at most this many are
 * kept:
 *
 *   in use     those of a tenth of a second and BUCKET_CHUNK, so that a grant or request that is
 *              late on a busy machine loses no tokens
 *   at rest    those of a quarter of that time and BUCKET_CHUNK, so that the next transfer does not
 *              begin with a burst
 *
 * A bucket without a rate always has enough. Pure: `now` in ns. One thread at a time.
 */
#define BUCKET_CHUNK 16384u /* the most tokens to wait for at a time: a block */

struct bucket {
    uint64_t rate;     /* bytes per second; 0: no limit */
    double tokens;     /* bytes, at now_ns */
    uint64_t now_ns;   /* of the last fill */
    uint64_t taken_ns; /* when tokens were taken last */
};
#define BUCKET_EMPTY ((struct bucket){0})

/* A bucket that had no limit begins without tokens. */
void bucket_set_rate(struct bucket *b, uint64_t rate, uint64_t now);
/* Adds the tokens since the last call. Call it before the functions below. */
void bucket_fill(struct bucket *b, uint64_t now);
/* No request is waiting: when tokens were taken long ago, the bucket is at rest. */
void bucket_rest(struct bucket *b);
bool bucket_has(const struct bucket *b, uint32_t n_bytes);
/* Takes N_BYTES tokens. Only after bucket_has returned true. */
void bucket_take(struct bucket *b, uint32_t n_bytes);
/* Gives back N_BYTES tokens that were taken and not used; those above the bound are lost. */
void bucket_give_back(struct bucket *b, uint32_t n_bytes);
/* When the bucket will have N_BYTES, at most BUCKET_CHUNK, if none are taken before. */
uint64_t bucket_ready_ns(const struct bucket *b, uint32_t n_bytes);

#endif
