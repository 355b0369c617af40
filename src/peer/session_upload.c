/* SPDX-License-Identifier: MIT */
/*
 * Requests that we hold for the peer, in a ring that grows to SESSION_REQUESTS_MAX. A peer that
 * asks twice for a block gets it once; to know that without looking through a queue of hundreds at
 * each request, a small filter counts what is held by a hash that tells neighbouring blocks apart.
 */
#include "peer/session_private.h"

#include <errno.h>
#include <stdlib.h>

static struct session_upload *upload_at(const struct session_transfer *t, uint32_t i)
{
    return &t->uploads[(t->uploads_at + i) & (t->uploads_size - 1)];
}

static uint16_t *upload_filter(struct session_transfer *t, const struct session_upload *u)
{
    return &t->filter[(u->piece * 61 + u->begin / BLOCK_SIZE) % FILTER_SIZE];
}

/* The place of U in the queue, or n_uploads. */
static uint32_t find_upload(struct session_transfer *t, const struct session_upload *u)
{
    uint32_t i;

    if (!*upload_filter(t, u))
        return t->n_uploads;
    for (i = 0; i < t->n_uploads; i++) {
        const struct session_upload *held = upload_at(t, i);

        if (held->piece == u->piece && held->begin == u->begin && held->length == u->length)
            break;
    }
    return i;
}

static int grow_uploads(struct session_transfer *t)
{
    uint32_t size = t->uploads_size ? 2 * t->uploads_size : UPLOADS_FIRST;
    struct session_upload *uploads = malloc(size * sizeof *uploads);

    if (!uploads)
        return -ENOMEM;
    for (uint32_t i = 0; i < t->n_uploads; i++)
        uploads[i] = *upload_at(t, i);
    free(t->uploads);
    t->uploads = uploads;
    t->uploads_size = size;
    t->uploads_at = 0;
    return 0;
}

/* BEP 6: a request that is not served is refused in so many words. */
static void refuse(struct session *s, const struct session_upload *u)
{
    if (s->fast)
        session_say_block(s, ID_REJECT, u->piece, u->begin, u->length);
}

int session_on_request(struct session *s, const struct session_upload *u)
{
    struct session_transfer *t;

    if (s->we_choke) {
        refuse(s, u);
        return SESSION_NONE;
    }
    if (session_need_transfer(s))
        return session_break_no_memory(s);
    t = s->transfer;
    if (find_upload(t, u) < t->n_uploads)
        return SESSION_NONE;
    if (t->n_uploads == SESSION_REQUESTS_MAX) {
        refuse(s, u);
        return SESSION_NONE;
    }
    if (t->n_uploads == t->uploads_size && grow_uploads(t))
        return session_break_no_memory(s);
    *upload_at(t, t->n_uploads++) = *u;
    ++*upload_filter(t, u);
    return t->n_uploads == 1 ? SESSION_REQUESTED : SESSION_NONE;
}

/* BEP 6: a cancelled request is answered as well, by the block (when it was on its way) or by this.
 */
void session_on_cancel(struct session *s, const struct session_upload *u)
{
    struct session_transfer *t = s->transfer;
    uint32_t i;

    if (!t)
        return;
    i = find_upload(t, u);
    if (i == t->n_uploads)
        return;
    --*upload_filter(t, u);
    for (t->n_uploads--; i < t->n_uploads; i++)
        *upload_at(t, i) = *upload_at(t, i + 1);
    refuse(s, u);
}

void session_refuse_all(struct session *s)
{
    struct session_transfer *t = s->transfer;

    if (!t)
        return;
    for (uint32_t i = 0; i < t->n_uploads; i++)
        refuse(s, upload_at(t, i));
    t->n_uploads = 0;
    memset(t->filter, 0, sizeof t->filter);
}

static bool knows_piece(const struct session_transfer *t, uint32_t piece)
{
    uint32_t n = t->n_known < KNOWN_PIECES ? t->n_known : KNOWN_PIECES;

    for (uint32_t i = 0; i < n; i++) {
        if (t->known[i] == piece)
            return true;
    }
    return false;
}

enum session_upload_kind session_next_upload(struct session *s, struct session_upload *uploadp)
{
    struct session_transfer *t = s->transfer;

    if (!session_has_uploads(s))
        return SESSION_UPLOAD_NONE;
    *uploadp = *upload_at(t, 0);
    if (!s->we_have_all && !knows_piece(t, uploadp->piece))
        return SESSION_UPLOAD_UNKNOWN;
    --*upload_filter(t, uploadp);
    t->uploads_at++;
    t->n_uploads--;
    return SESSION_UPLOAD_READY;
}

void session_know_piece(struct session *s, uint32_t piece, bool have)
{
    struct session_transfer *t = s->transfer;
    uint32_t n_kept = 0;

    /* The queue that raised the question may be gone by now. */
    if (!t)
        return;
    if (have) {
        if (!knows_piece(t, piece))
            t->known[t->n_known++ % KNOWN_PIECES] = piece;
        if (t->n_known == 2 * KNOWN_PIECES)
            t->n_known = KNOWN_PIECES;
        return;
    }
    for (uint32_t i = 0; i < t->n_uploads; i++) {
        const struct session_upload u = *upload_at(t, i);

        if (u.piece == piece) {
            --*upload_filter(t, &u);
            refuse(s, &u);
        } else {
            *upload_at(t, n_kept++) = u;
        }
    }
    t->n_uploads = n_kept;
}

void session_uploaded(struct session *s, uint32_t n_bytes, uint64_t now)
{
    rate_add(&s->up, n_bytes, now);
    s->said_ns = now;
}

bool session_last_upload(const struct session *s, struct session_upload *uploadp)
{
    if (!session_has_uploads(s))
        return false;
    *uploadp = *upload_at(s->transfer, s->transfer->n_uploads - 1);
    return true;
}

uint32_t session_n_uploads(const struct session *s)
{
    return s->we_choke || !s->transfer ? 0 : s->transfer->n_uploads;
}

bool session_has_uploads(const struct session *s)
{
    return session_n_uploads(s) > 0;
}
