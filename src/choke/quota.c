/* SPDX-License-Identifier: MIT */
/*
 * DEALING. While tokens are short, requests are collected for a step (some milliseconds), and then
 * the tokens of that time are dealt out like cards: a chunk to each torrent in turn, and within a
 * torrent to each peer in turn. So all torrents get equal shares, with one waiting peer or fifty,
 * and so do the peers of a torrent. A torrent whose own bucket is empty is skipped, and the others
 * share its part. Every request that got tokens is granted, even with fewer than it asked for.
 *
 * SEATS. The next deal continues where the last one ended. A peer whose request was granted usually
 * makes another within a step, so it keeps its seat in the queue; otherwise it would lose its turn
 * to the peers that still wait. The seat of a peer without a request at its next turn is removed.
 *
 * A chunk is one block, so that no peer gets half a block. The deal ends at the first request that
 * the common bucket cannot serve, so that small requests do not starve a large one.
 *
 * If no request waits and there are enough tokens, a request is granted at once: a limit that is
 * not reached costs no time.
 */
#include "conjure/choke/quota.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

struct quota_seat {
    struct quota_seat *next;
    uint32_t peer;
    void *user; /* NULL: the peer has no waiting request */
    uint32_t n_wanted, n_granted;
};

struct quota_torrent {
    struct quota_torrent *next;
    uint32_t id;
    uint32_t n_waiting;
    bool queued;
    struct bucket bucket;
    struct quota_seat *first, **endp; /* while it is queued */
};

/* --- queues --------------------------------------------------------------------------------- */

static void append_seat(struct quota_torrent *t, struct quota_seat *s)
{
    s->next = NULL;
    *t->endp = s;
    t->endp = &s->next;
}

static struct quota_seat *remove_seat(struct quota_torrent *t, struct quota_seat **at)
{
    struct quota_seat *s = *at;

    *at = s->next;
    if (!*at)
        t->endp = at;
    return s;
}

static void append_torrent(struct quota *q, struct quota_torrent *t)
{
    t->next = NULL;
    *q->endp = t;
    q->endp = &t->next;
}

static struct quota_torrent *remove_first_torrent(struct quota *q)
{
    struct quota_torrent *t = q->first;

    q->first = t->next;
    if (!q->first)
        q->endp = &q->first;
    return t;
}

static struct quota_torrent *torrent_get(struct quota *q, uint32_t id)
{
    struct quota_torrent *t = id_map_get(&q->torrents, id);

    if (t)
        return t;
    t = NEW(struct quota_torrent);
    t->id = id;
    t->endp = &t->first;
    id_map_put(&q->torrents, id, t);
    return t;
}

/* Frees T when it has neither a limit nor a place in the queue. */
static void torrent_free_if_unused(struct quota *q, struct quota_torrent *t)
{
    if (t->bucket.rate || t->queued)
        return;
    id_map_remove(&q->torrents, t->id);
    free(t);
}

/* Removes the first torrent, which has no waiting request, from the queue. */
static void drop_first_torrent(struct quota *q)
{
    struct quota_torrent *t = remove_first_torrent(q);

    while (t->first)
        free(remove_seat(t, &t->first));
    t->queued = false;
    q->n_queued--;
    torrent_free_if_unused(q, t);
}

void quota_init(struct quota *q, uint64_t step_ns)
{
    *q = (struct quota){.step_ns = step_ns};
    q->endp = &q->first;
}

void quota_deinit(struct quota *q)
{
    while (q->first)
        drop_first_torrent(q);
    for (uint32_t i = 0; i < q->torrents.n_slots; i++)
        free(q->torrents.slots[i].value);
    id_map_deinit(&q->torrents);
    free(q->grants);
    *q = (struct quota){0};
}

/* --- limits -------------------------------------------------------------------------------- */

void quota_set_rate(struct quota *q, uint64_t rate, uint64_t now)
{
    owner_assert(&q->owner);
    bucket_set_rate(&q->all, rate, now);
    q->n_missing = 0;
}

void quota_set_torrent_rate(struct quota *q, uint32_t torrent, uint64_t rate, uint64_t now)
{
    struct quota_torrent *t = torrent_get(q, torrent);

    owner_assert(&q->owner);
    bucket_set_rate(&t->bucket, rate, now);
    torrent_free_if_unused(q, t);
}

bool quota_is_limited(const struct quota *q, uint32_t torrent)
{
    const struct quota_torrent *t = id_map_get(&q->torrents, torrent);

    return q->all.rate || (t && t->bucket.rate);
}

/* --- requests -------------------------------------------------------------------------------- */

static void grant(struct quota *q, void *user, uint32_t n_granted)
{
    mem_reserve(&q->grants, &q->n_grants_room, q->n_grants + 1, sizeof *q->grants);
    q->grants[q->n_grants++] = (struct quota_grant){user, n_granted};
}

static void grant_seat(struct quota *q, struct quota_torrent *t, struct quota_seat *s)
{
    grant(q, s->user, s->n_granted);
    s->user = NULL;
    t->n_waiting--;
    q->n_waiting--;
}

static void wait_in_seat(struct quota *q, struct quota_torrent *t, uint32_t peer, void *user,
                         uint32_t n_bytes)
{
    struct quota_seat *s = t->first;

    while (s && (s->user || s->peer != peer))
        s = s->next;
    if (!s) {
        s = NEW(struct quota_seat);
        s->peer = peer;
        append_seat(t, s);
    }
    s->user = user;
    s->n_wanted = n_bytes;
    s->n_granted = 0;
    t->n_waiting++;
    q->n_waiting++;
    if (t->queued)
        return;
    t->queued = true;
    q->n_queued++;
    append_torrent(q, t);
}

void quota_request(struct quota *q, uint32_t torrent, uint32_t peer, void *user, uint32_t n_bytes,
                   uint64_t now)
{
    struct quota_torrent *t = torrent_get(q, torrent);
    uint32_t n = n_bytes ? n_bytes : 1;

    owner_assert(&q->owner);
    bucket_fill(&q->all, now);
    bucket_fill(&t->bucket, now);
    if (!q->n_waiting)
        bucket_rest(&q->all);
    if (!t->n_waiting)
        bucket_rest(&t->bucket);
    if (q->n_missing || t->n_waiting || !bucket_has(&q->all, n) || !bucket_has(&t->bucket, n)) {
        wait_in_seat(q, t, peer, user, n);
        return;
    }
    bucket_take(&q->all, n);
    bucket_take(&t->bucket, n);
    grant(q, user, n);
    torrent_free_if_unused(q, t);
}

bool quota_withdraw(struct quota *q, bool (*matches)(const void *user, const void *arg),
                    const void *arg, void **userp)
{
    owner_assert(&q->owner);
    for (struct quota_torrent *t = q->first; t; t = t->next) {
        for (struct quota_seat *s = t->first; s; s = s->next) {
            if (!s->user || !matches(s->user, arg))
                continue;
            *userp = s->user;
            s->user = NULL;
            t->n_waiting--;
            q->n_waiting--;
            q->n_missing = 0; /* the deal may have ended at this request */
            return true;
        }
    }
    return false;
}

/* --- dealing ------------------------------------------------------------------------------- */

static uint32_t next_chunk(const struct quota_seat *s)
{
    uint32_t n = s->n_wanted - s->n_granted;

    return n < BUCKET_CHUNK ? n : BUCKET_CHUNK;
}

/* The seat whose turn it is in T, which has waiting requests. Removes empty seats before it. */
static struct quota_seat *next_seat(struct quota_torrent *t)
{
    while (!t->first->user)
        free(remove_seat(t, &t->first));
    return t->first;
}

/* Grants every request that got tokens. */
static void grant_all(struct quota *q)
{
    for (struct quota_torrent *t = q->first; t; t = t->next)
        for (struct quota_seat *s = t->first; s; s = s->next)
            if (s->user && s->n_granted)
                grant_seat(q, t, s);
}

void quota_deal(struct quota *q, uint64_t now)
{
    uint32_t n_passed_over = 0; /* in a row */

    owner_assert(&q->owner);
    if (now < quota_due_ns(q))
        return;
    bucket_fill(&q->all, now);
    for (struct quota_torrent *t = q->first; t; t = t->next)
        bucket_fill(&t->bucket, now);
    q->dealt_ns = now;
    q->n_missing = 0;
    while (q->n_waiting && n_passed_over < q->n_queued) {
        struct quota_torrent *t = q->first;
        struct quota_seat *s;
        uint32_t n;

        if (!t->n_waiting) {
            drop_first_torrent(q);
            continue;
        }
        s = next_seat(t);
        n = next_chunk(s);
        if (!bucket_has(&t->bucket, n)) {
            append_torrent(q, remove_first_torrent(q));
            n_passed_over++;
            continue;
        }
        if (!bucket_has(&q->all, n)) {
            q->n_missing = n;
            break;
        }
        n_passed_over = 0;
        bucket_take(&q->all, n);
        bucket_take(&t->bucket, n);
        s->n_granted += n;
        if (s->n_granted == s->n_wanted)
            grant_seat(q, t, s);
        append_seat(t, remove_seat(t, &t->first));
        append_torrent(q, remove_first_torrent(q));
    }
    grant_all(q);
}

bool quota_next_grant(struct quota *q, void **userp, uint32_t *n_grantedp)
{
    if (q->grants_at == q->n_grants) {
        q->grants_at = q->n_grants = 0;
        return false;
    }
    *userp = q->grants[q->grants_at].user;
    *n_grantedp = q->grants[q->grants_at++].n_bytes;
    return true;
}

void quota_give_back(struct quota *q, uint32_t torrent, uint32_t n_bytes, uint64_t now)
{
    struct quota_torrent *t = id_map_get(&q->torrents, torrent);

    owner_assert(&q->owner);
    bucket_fill(&q->all, now);
    bucket_give_back(&q->all, n_bytes);
    if (!t)
        return;
    bucket_fill(&t->bucket, now);
    bucket_give_back(&t->bucket, n_bytes);
}

/* When a deal would have tokens for the first request of T. */
static uint64_t torrent_due_ns(const struct quota *q, const struct quota_torrent *t)
{
    const struct quota_seat *s = t->first;
    uint64_t all, own;

    while (!s->user)
        s = s->next;
    all = bucket_ready_ns(&q->all, next_chunk(s));
    own = bucket_ready_ns(&t->bucket, next_chunk(s));
    return all > own ? all : own;
}

uint64_t quota_due_ns(const struct quota *q)
{
    uint64_t due = UINT64_MAX, soonest = q->dealt_ns + q->step_ns;

    if (!q->n_waiting)
        return UINT64_MAX;
    for (const struct quota_torrent *t = q->first; t; t = t->next) {
        uint64_t at = t->n_waiting ? torrent_due_ns(q, t) : UINT64_MAX;

        due = at < due ? at : due;
    }
    if (q->n_missing && bucket_ready_ns(&q->all, q->n_missing) > soonest)
        soonest = bucket_ready_ns(&q->all, q->n_missing);
    return due > soonest ? due : soonest;
}
