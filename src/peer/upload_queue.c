/* SPDX-License-Identifier: MIT */
#include "peer/upload_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/piece/geometry.h"

#define SLOTS_FIRST 16u

struct upload_queue *upload_queue_new(void)
{
    return calloc(1, sizeof(struct upload_queue));
}

void upload_queue_free(struct upload_queue *q)
{
    if (q)
        free(q->slots);
    free(q);
}

static uint16_t *filter_of(struct upload_queue *q, const struct session_upload *u)
{
    return &q->filter[(u->piece * 61 + u->begin / BLOCK_SIZE) % UPLOAD_QUEUE_FILTER];
}

/* The place of U in the queue, or n. */
static uint32_t find(struct upload_queue *q, const struct session_upload *u)
{
    uint32_t i;

    if (!*filter_of(q, u))
        return q->n;
    for (i = 0; i < q->n; i++) {
        const struct session_upload *queued = upload_queue_at(q, i);

        if (queued->piece == u->piece && queued->begin == u->begin && queued->length == u->length)
            break;
    }
    return i;
}

static int grow(struct upload_queue *q)
{
    uint32_t n_slots = q->n_slots ? 2 * q->n_slots : SLOTS_FIRST;
    struct session_upload *slots = malloc(n_slots * sizeof *slots);

    if (!slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < q->n; i++)
        slots[i] = *upload_queue_at(q, i);
    free(q->slots);
    q->slots = slots;
    q->n_slots = n_slots;
    q->at = 0;
    return 0;
}

int upload_queue_add(struct upload_queue *q, const struct session_upload *u)
{
    int r;

    if (find(q, u) < q->n)
        return UPLOAD_QUEUE_QUEUED;
    if (q->n == SESSION_REQUESTS_MAX)
        return UPLOAD_QUEUE_FULL;
    if (q->n == q->n_slots && (r = grow(q)) != 0)
        return r;
    *upload_queue_at(q, q->n++) = *u;
    ++*filter_of(q, u);
    return 0;
}

bool upload_queue_remove(struct upload_queue *q, const struct session_upload *u)
{
    uint32_t i = find(q, u);

    if (i == q->n)
        return false;
    --*filter_of(q, u);
    for (q->n--; i < q->n; i++)
        *upload_queue_at(q, i) = *upload_queue_at(q, i + 1);
    return true;
}

void upload_queue_remove_piece(struct upload_queue *q, uint32_t piece)
{
    uint32_t n_kept = 0;

    for (uint32_t i = 0; i < q->n; i++) {
        const struct session_upload u = *upload_queue_at(q, i);

        if (u.piece == piece)
            --*filter_of(q, &u);
        else
            *upload_queue_at(q, n_kept++) = u;
    }
    q->n = n_kept;
}

void upload_queue_clear(struct upload_queue *q)
{
    q->n = 0;
    memset(q->filter, 0, sizeof q->filter);
}

void upload_queue_pop(struct upload_queue *q)
{
    --*filter_of(q, upload_queue_at(q, 0));
    q->at++;
    q->n--;
}

bool upload_queue_knows(const struct upload_queue *q, uint32_t piece)
{
    uint32_t n = q->n_known < UPLOAD_QUEUE_KNOWN ? q->n_known : UPLOAD_QUEUE_KNOWN;

    for (uint32_t i = 0; i < n; i++) {
        if (q->known[i] == piece)
            return true;
    }
    return false;
}

void upload_queue_add_known(struct upload_queue *q, uint32_t piece)
{
    if (!upload_queue_knows(q, piece))
        q->known[q->n_known++ % UPLOAD_QUEUE_KNOWN] = piece;
    if (q->n_known == 2 * UPLOAD_QUEUE_KNOWN)
        q->n_known = UPLOAD_QUEUE_KNOWN;
}
