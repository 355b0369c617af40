/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_BUCKET_H
#define CONJURE_CHOKE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A token bucket: a token is a byte, RATE of them come in each second, and so much is kept:
 *
 *   while it is in use     a tenth of a second's worth and BUCKET_CHUNK: a deal that comes late, or a
 *                          peer that asks late, on a busy machine, makes up for it
 *   at rest                a quarter of that time's worth, and BUCKET_CHUNK: or whoever came next
 *                          would begin with a burst
 *
 * A bucket without a rate has always enough. Pure: `now` in ns; one thread.
 */
#define BUCKET_CHUNK 16384u /* nobody waits for more than this at a time: the usual block */

struct bucket {
    uint64_t rate;     /* bytes per second; 0: no limit */
    double tokens;     /* bytes */
    uint64_t now_ns;   /* when `tokens` was true */
    uint64_t taken_ns; /* when any were taken last */
};
#define BUCKET_EMPTY ((struct bucket){0})

/* A limit that is new begins with nothing saved up. */
void bucket_set_rate(struct bucket *b, uint64_t rate, uint64_t now);
/* Brings in what has come since. Before the others. */
void bucket_fill(struct bucket *b, uint64_t now);
/* Nobody waited until now: if that was for long, it was at rest. After a fill. */
void bucket_rest(struct bucket *b);
bool bucket_has(const struct bucket *b, uint32_t n_bytes);
/* Only when it has them. */
void bucket_take(struct bucket *b, uint32_t n_bytes);
/* What was taken and not used; it is no more than what could have been saved up. */
void bucket_give_back(struct bucket *b, uint32_t n_bytes);
/* When it will have N_BYTES (of BUCKET_CHUNK at most), if nobody takes any before. */
uint64_t bucket_ready_ns(const struct bucket *b, uint32_t n_bytes);

#endif
