/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_PEER_UPLOAD_QUEUE_H
#define CONJURE_SRC_PEER_UPLOAD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/peer/session_upload.h"

/*
 * The requests of one peer, oldest first, each of them once, and the pieces of them that we are
 * known to have. A ring that grows to SESSION_REQUESTS_MAX. To find that a request is new without a
 * search among hundreds, a small filter counts the requests by a hash that tells neighbouring
 * blocks apart. Pure; one thread at a time.
 */
#define UPLOAD_QUEUE_FILTER 512u
#define UPLOAD_QUEUE_KNOWN  8u

struct upload_queue {
    struct session_upload *slots; /* a ring of n_slots, a power of two; owned */
    uint32_t n_slots, at, n;
    uint32_t known[UPLOAD_QUEUE_KNOWN]; /* pieces that we have: the last ones */
    uint32_t
        n_known; /* slots of it in use, up to UPLOAD_QUEUE_KNOWN; beyond that the next to replace */
    uint16_t filter[UPLOAD_QUEUE_FILTER];
};

struct upload_queue *upload_queue_new(void);    /* NULL: out of memory */
void upload_queue_free(struct upload_queue *q); /* NULL is allowed */

enum {
    UPLOAD_QUEUE_QUEUED = 1, /* this request is in the queue already */
    UPLOAD_QUEUE_FULL = 2,   /* SESSION_REQUESTS_MAX are */
};
/* 0, one of these, or -ENOMEM. */
int upload_queue_add(struct upload_queue *q, const struct session_upload *u);
/* Whether it was in the queue. */
bool upload_queue_remove(struct upload_queue *q, const struct session_upload *u);
void upload_queue_remove_piece(struct upload_queue *q, uint32_t piece);
void upload_queue_clear(struct upload_queue *q);

/* Request I of n, counted from the oldest. */
static inline struct session_upload *upload_queue_at(const struct upload_queue *q, uint32_t i)
{
    return &q->slots[(q->at + i) & (q->n_slots - 1)];
}
/* Removes the oldest request; there is one. */
void upload_queue_pop(struct upload_queue *q);

/* The last UPLOAD_QUEUE_KNOWN pieces that were added are known. */
void upload_queue_add_known(struct upload_queue *q, uint32_t piece);
bool upload_queue_knows(const struct upload_queue *q, uint32_t piece);

#endif
