/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_BUCKET_H
#define CONJURE_CHOKE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A token bucket with a queue: bytes per second, leased in slices, first come first served. An asker
 * that wants more than a slice asks again and stands behind the others: that is the fairness. What
 * is saved up while nobody asks is at most BUCKET_BURST_NS worth. Pure: `now` in ns; one thread.
 */
#define BUCKET_BURST_NS  (UINT64_C(100) * 1000000)
#define BUCKET_SLICE_MAX (1u << 20)
#define BUCKET_SLICE_MIN 2048u

struct bucket_asker {
    void *user;
    uint32_t n_bytes;
};

struct bucket {
    uint64_t rate;               /* bytes per second; 0: no limit */
    double tokens;               /* bytes */
    uint64_t now_ns;             /* when `tokens` was true */
    struct bucket_asker *askers; /* a ring: n_askers from askers_at */
    uint32_t askers_at, n_askers, askers_size;
};
#define BUCKET_EMPTY ((struct bucket){0})

void bucket_init(struct bucket *b, uint64_t rate, uint64_t now);
void bucket_deinit(struct bucket *b); /* safe twice */
void bucket_set_rate(struct bucket *b, uint64_t rate, uint64_t now);

/* N_BYTES is what is wanted, at least 1; USER comes back in bucket_next_grant. */
void bucket_ask(struct bucket *b, void *user, uint32_t n_bytes);
/* The asker whose turn it is, and how many bytes it may move: 1 to what it wanted. False when nobody
 * asks or tokens lack. */
bool bucket_next_grant(struct bucket *b, uint64_t now, void **userp, uint32_t *n_grantedp);
/* Takes the first asker whose user IS_IT out of the queue: it is granted nothing. False: none is. */
bool bucket_withdraw(struct bucket *b, bool (*is_it)(const void *user, const void *arg),
                     const void *arg, void **userp);
/* How long until bucket_next_grant may be true; UINT64_MAX when nobody asks. */
uint64_t bucket_wait_ns(const struct bucket *b);

#endif
