/* SPDX-License-Identifier: MIT */
/*
 * DEALING. While tokens are short, those who wait are collected for a step (some milliseconds), and
 * then what has come in is dealt out like cards: a chunk to each torrent in turn, and within a
 * torrent to each peer in turn. So torrents are served alike, whether one peer waits for them or
 * fifty, and so are the peers of a torrent; who has enough, or whose own torrent has no tokens, is
 * passed over, and the others share what it leaves. Whoever got anything is answered.
 *
 * SEATS. The next deal goes on where this one ended. Who was answered will mostly ask again within a
 * step, so its place in the line is kept, or it would lose its turn to those who still wait. The
 * seat of one who has not asked by its next turn is cleared away.
 *
 * A chunk is a block, so that nobody is left with half of one, and nobody is passed over for wanting
 * more than there is: the deal ends there.
 *
 * WITHOUT A RUSH. Where nobody waits and there are as many tokens as are asked for, they are granted
 * at once: a limit that does not bind costs no time.
 */
#include "conjure/choke/quota.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

struct quota_seat {
    struct quota_seat *next;
    uint32_t peer;
    void *user; /* NULL: answered, and not asked again */
    uint32_t n_wanted, n_granted;
};

struct quota_torrent {
    struct quota_torrent *next;
    uint32_t id;
    uint32_t n_waiting;
    bool in_line;
    struct bucket bucket;
    struct quota_seat *first, **endp; /* only while in line */
};

/* --- lines --------------------------------------------------------------------------------- */

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

/* Forgets it if there is nothing to remember. */
static void torrent_put(struct quota *q, struct quota_torrent *t)
{
    if (t->bucket.rate || t->in_line)
        return;
    id_map_remove(&q->torrents, t->id);
    free(t);
}

/* The first torrent leaves the line: nobody waits for it. */
static void clear_first_torrent(struct quota *q)
{
    struct quota_torrent *t = remove_first_torrent(q);

    while (t->first)
        free(remove_seat(t, &t->first));
    t->in_line = false;
    q->n_line--;
    torrent_put(q, t);
}

void quota_init(struct quota *q, uint64_t step_ns)
{
    *q = (struct quota){.step_ns = step_ns};
    q->endp = &q->first;
}

void quota_deinit(struct quota *q)
{
    while (q->first)
        clear_first_torrent(q);
    for (uint32_t i = 0; i < q->torrents.n_slots; i++)
        free(q->torrents.slots[i].value);
    id_map_deinit(&q->torrents);
    free(q->grants);
    *q = (struct quota){0};
}

/* --- limits -------------------------------------------------------------------------------- */

void quota_set_rate(struct quota *q, uint64_t rate, uint64_t now)
{
    bucket_set_rate(&q->all, rate, now);
    q->lacking = 0;
}

void quota_set_torrent_rate(struct quota *q, uint32_t torrent, uint64_t rate, uint64_t now)
{
    struct quota_torrent *t = torrent_get(q, torrent);

    bucket_set_rate(&t->bucket, rate, now);
    torrent_put(q, t);
}

bool quota_is_limited(const struct quota *q, uint32_t torrent)
{
    const struct quota_torrent *t = id_map_get(&q->torrents, torrent);

    return q->all.rate || (t && t->bucket.rate);
}

/* --- asking -------------------------------------------------------------------------------- */

static void answer(struct quota *q, void *user, uint32_t n_granted)
{
    if (q->n_grants == q->grants_size) {
        q->grants_size = q->grants_size ? 2 * q->grants_size : 16;
        q->grants = mem_resize(q->grants, q->grants_size, sizeof *q->grants);
    }
    q->grants[q->n_grants++] = (struct quota_grant){user, n_granted};
}

static void answer_seat(struct quota *q, struct quota_torrent *t, struct quota_seat *s)
{
    answer(q, s->user, s->n_granted);
    s->user = NULL;
    t->n_waiting--;
    q->n_waiting--;
}

static void sit_down(struct quota *q, struct quota_torrent *t, uint32_t peer, void *user,
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
    if (t->in_line)
        return;
    t->in_line = true;
    q->n_line++;
    append_torrent(q, t);
}

void quota_ask(struct quota *q, uint32_t torrent, uint32_t peer, void *user, uint32_t n_bytes,
               uint64_t now)
{
    struct quota_torrent *t = torrent_get(q, torrent);
    uint32_t n = n_bytes ? n_bytes : 1;

    bucket_fill(&q->all, now);
    bucket_fill(&t->bucket, now);
    if (!q->n_waiting)
        bucket_rest(&q->all);
    if (!t->n_waiting)
        bucket_rest(&t->bucket);
    if (q->lacking || t->n_waiting || !bucket_has(&q->all, n) || !bucket_has(&t->bucket, n)) {
        sit_down(q, t, peer, user, n);
        return;
    }
    bucket_take(&q->all, n);
    bucket_take(&t->bucket, n);
    answer(q, user, n);
    torrent_put(q, t);
}

bool quota_withdraw(struct quota *q, bool (*is_it)(const void *user, const void *arg),
                    const void *arg, void **userp)
{
    for (struct quota_torrent *t = q->first; t; t = t->next) {
        for (struct quota_seat *s = t->first; s; s = s->next) {
            if (!s->user || !is_it(s->user, arg))
                continue;
            *userp = s->user;
            s->user = NULL;
            t->n_waiting--;
            q->n_waiting--;
            q->lacking = 0; /* it may have been the one */
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

/* Whose turn it is in the first torrent; somebody waits for it. */
static struct quota_seat *clear_to_next(struct quota_torrent *t)
{
    while (!t->first->user)
        free(remove_seat(t, &t->first));
    return t->first;
}

/* All who got something are done. */
static void answer_all(struct quota *q)
{
    for (struct quota_torrent *t = q->first; t; t = t->next)
        for (struct quota_seat *s = t->first; s; s = s->next)
            if (s->user && s->n_granted)
                answer_seat(q, t, s);
}

void quota_deal(struct quota *q, uint64_t now)
{
    uint32_t n_passed_over = 0; /* in a row */

    if (now < quota_due_ns(q))
        return;
    bucket_fill(&q->all, now);
    for (struct quota_torrent *t = q->first; t; t = t->next)
        bucket_fill(&t->bucket, now);
    q->dealt_ns = now;
    q->lacking = 0;
    while (q->n_waiting && n_passed_over < q->n_line) {
        struct quota_torrent *t = q->first;
        struct quota_seat *s;
        uint32_t n;

        if (!t->n_waiting) {
            clear_first_torrent(q);
            continue;
        }
        s = clear_to_next(t);
        n = next_chunk(s);
        if (!bucket_has(&t->bucket, n)) {
            append_torrent(q, remove_first_torrent(q));
            n_passed_over++;
            continue;
        }
        if (!bucket_has(&q->all, n)) {
            q->lacking = n;
            break;
        }
        n_passed_over = 0;
        bucket_take(&q->all, n);
        bucket_take(&t->bucket, n);
        s->n_granted += n;
        if (s->n_granted == s->n_wanted)
            answer_seat(q, t, s);
        append_seat(t, remove_seat(t, &t->first));
        append_torrent(q, remove_first_torrent(q));
    }
    answer_all(q);
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

    bucket_fill(&q->all, now);
    bucket_give_back(&q->all, n_bytes);
    if (!t)
        return;
    bucket_fill(&t->bucket, now);
    bucket_give_back(&t->bucket, n_bytes);
}

/* When a deal would have something to give to whoever is first of T. */
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
    if (q->lacking && bucket_ready_ns(&q->all, q->lacking) > soonest)
        soonest = bucket_ready_ns(&q->all, q->lacking);
    return due > soonest ? due : soonest;
}
