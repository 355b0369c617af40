/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_QUOTA_H
#define CONJURE_SRC_ACTORS_PEER_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/direction.h"

struct bandwidth_want_quota;
struct peer;

/* Content that a connection may move in one direction. */
struct peer_quota {
    uint32_t n_bytes;       /* granted and not used */
    uint64_t free_until_ns; /* any number may be moved until then; 0: n_bytes */
    bool used;              /* since the last tick */
};

/* Bytes of content that may be moved now, N_MOST at most; when that is less than N_LEAST, Bandwidth
 * is asked for N_MOST. Only with p->work, as the next two. */
uint32_t peer_quota_get(struct peer *p, enum direction direction, uint32_t n_least, uint32_t n_most,
                        uint64_t now);
/* N_BYTES of them are moved. */
void peer_quota_use(struct peer *p, enum direction direction, uint32_t n_bytes);
/* Once a second: returns to Bandwidth what was not used. */
void peer_quota_tick(struct peer *p);
/* N_BYTES that were used or granted are not moved after all. While a thread owns P, P may move
 * others instead, until the tick returns them; without a thread Bandwidth grants them to others. */
void peer_quota_return(struct peer *p, enum direction direction, uint32_t n_bytes);
/* Returns all that is left. Only with p->work. */
void peer_quota_return_all(struct peer *p);
/* The reply of Bandwidth. Takes M. */
void peer_quota_replied(struct peer *p, struct bandwidth_want_quota *m);

#endif
