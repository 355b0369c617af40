/* SPDX-License-Identifier: MIT */
/*
 * Whom to dial, and whom never to speak to again.
 *
 * Bans come in two kinds, since a host may have many clients behind it: of an address that we
 * dialled, exactly that port is banned; of a host that dialled us, whose port says nothing, all
 * that it dials.
 */
#include <stdlib.h>

#include "actors/lobby/internal.h"
#include "conjure/base/alloc.h"

/* A test builds this file with a shorter one. */
#ifndef RETRY_NS
#define RETRY_NS (5 * NS_PER_S)
#endif
#define RETRY_MAX_EXP 8 /* 5 s << 8: twenty minutes */
#define FAILURES_MAX  12

static struct candidate *find(struct lobby_torrent *t, const struct addr *a)
{
    for (unsigned i = 0; i < t->n_candidates; i++)
        if (addr_equal(&t->candidates[i].addr, a))
            return &t->candidates[i];
    return NULL;
}

/* Room for one more; when there are enough, that of the next one that is as good as dead. */
static struct candidate *place(struct lobby_torrent *t)
{
    if (t->n_candidates == LOBBY_CANDIDATES_MAX) {
        for (unsigned i = 0; i < t->n_candidates; i++) {
            struct candidate *c = &t->candidates[t->candidate_at++ % t->n_candidates];

            if (!c->busy && c->n_failures >= RETRY_MAX_EXP && c->next_ns != UINT64_MAX)
                return c;
        }
        return NULL;
    }
    if (!(t->n_candidates & (t->n_candidates - 1)))
        t->candidates = mem_resize(t->candidates, t->n_candidates ? 2 * t->n_candidates : 1,
                                   sizeof *t->candidates);
    return &t->candidates[t->n_candidates++];
}

void candidates_add(struct lobby_torrent *t, const struct addr *a, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct candidate *c;

        if (!addr_is_dialable(&a[i]))
            continue;
        c = find(t, &a[i]);
        if (!c) {
            c = place(t);
            if (c)
                *c = (struct candidate){.addr = a[i], .peer = NO_PEER};
        } else if (c->n_failures >= FAILURES_MAX) {
            c->n_failures = 0; /* heard of again: worth another try */
        }
    }
}

struct candidate *candidates_next(struct lobby_torrent *t, uint64_t now, uint64_t *nextp)
{
    *nextp = UINT64_MAX;
    for (unsigned i = 0; i < t->n_candidates; i++) {
        struct candidate *c = &t->candidates[t->candidate_at++ % t->n_candidates];

        if (c->busy || c->n_failures >= FAILURES_MAX)
            continue;
        if (c->next_ns <= now) {
            c->busy = true;
            c->peer = NO_PEER;
            return c;
        }
        if (c->next_ns < *nextp)
            *nextp = c->next_ns;
    }
    return NULL;
}

static uint64_t release(struct candidate *c, enum outcome outcome, uint64_t now)
{
    unsigned e;

    c->busy = false;
    c->peer = NO_PEER;
    if (outcome == OUTCOME_OURSELVES) {
        c->next_ns = UINT64_MAX;
        return UINT64_MAX;
    }
    if (outcome == OUTCOME_GOOD)
        c->n_failures = 0;
    else if (outcome == OUTCOME_FAILED && c->n_failures < FAILURES_MAX)
        c->n_failures++;
    e = outcome == OUTCOME_USELESS || c->n_failures > RETRY_MAX_EXP ? RETRY_MAX_EXP : c->n_failures;
    c->next_ns = now + (RETRY_NS << e);
    return c->n_failures < FAILURES_MAX ? c->next_ns : UINT64_MAX;
}

uint64_t candidates_release(struct lobby_torrent *t, const struct addr *a, enum outcome outcome,
                            uint64_t now)
{
    struct candidate *c = find(t, a);

    return c ? release(c, outcome, now) : UINT64_MAX;
}

void candidates_connected(struct lobby_torrent *t, const struct addr *a, uint32_t peer)
{
    struct candidate *c = find(t, a);

    if (!c)
        return;
    c->busy = true;
    c->peer = peer;
}

uint64_t candidates_peer_gone(struct lobby_torrent *t, uint32_t peer, enum outcome outcome,
                              uint64_t now)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < t->n_candidates; i++) {
        if (t->candidates[i].busy && t->candidates[i].peer == peer) {
            uint64_t at = release(&t->candidates[i], outcome, now);

            next = at < next ? at : next;
        }
    }
    return next;
}

static struct addr ban_key(const struct addr *a, bool incoming)
{
    struct addr key = *a;

    if (incoming)
        key.port = 0;
    return key;
}

bool lobby_is_banned(const struct lobby *l, const struct addr *a, bool incoming)
{
    struct addr key = ban_key(a, incoming);

    for (unsigned i = 0; i < l->n_banned; i++)
        if (addr_equal(&l->banned[i], &key))
            return true;
    return false;
}

void lobby_ban(struct lobby *l, const struct addr *a, bool incoming)
{
    if (lobby_is_banned(l, a, incoming))
        return;
    if (!l->banned)
        l->banned = mem_new_array(LOBBY_BANNED_MAX, sizeof *l->banned);
    /* When the list is full any one makes room: memory stays bounded. */
    l->banned[l->n_banned < LOBBY_BANNED_MAX ? l->n_banned++
                                             : rng_below(&l->rng, LOBBY_BANNED_MAX)] =
        ban_key(a, incoming);
}
