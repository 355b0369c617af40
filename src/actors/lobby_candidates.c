/* SPDX-License-Identifier: MIT */
/*
 * Whom to dial, and whom never to speak to again.
 *
 * Bans come in two kinds, since a host may have many clients behind it: of an address that we
 * dialled, exactly that port is banned; of a host that dialled us, whose port says nothing, all
 * that it dials.
 */
#include <stdlib.h>

#include "actors/lobby.h"
#include "conjure/base/alloc.h"

#define RETRY_NS      (15 * NS_PER_S)
#define RETRY_MAX_EXP 7 /* 15 s << 7: half an hour */
#define FAILURES_MAX  12

void candidates_add(struct lobby_torrent *t, const struct addr *a, unsigned n)
{
    for (unsigned i = 0; i < n && t->n_candidates < LOBBY_CANDIDATES_MAX; i++) {
        unsigned k = 0;

        if (!addr_is_dialable(&a[i]))
            continue;
        while (k < t->n_candidates && !addr_equal(&t->candidates[k].addr, &a[i]))
            k++;
        if (k < t->n_candidates) {
            /* Heard of again: worth another try. */
            if (t->candidates[k].n_failures >= FAILURES_MAX)
                t->candidates[k].n_failures = 0;
            continue;
        }
        if (!(t->n_candidates & (t->n_candidates - 1)))
            t->candidates = mem_resize(t->candidates, t->n_candidates ? 2 * t->n_candidates : 1,
                                       sizeof *t->candidates);
        t->candidates[t->n_candidates++] = (struct candidate){.addr = a[i]};
    }
}

struct candidate *candidates_next(struct lobby_torrent *t, uint64_t now)
{
    for (unsigned i = 0; i < t->n_candidates; i++) {
        struct candidate *c = &t->candidates[t->candidate_at++ % t->n_candidates];

        if (!c->busy && c->next_ns <= now && c->n_failures < FAILURES_MAX) {
            c->busy = true;
            return c;
        }
    }
    return NULL;
}

void candidates_release(struct lobby_torrent *t, const struct addr *a, bool failed, bool not_again,
                        uint64_t now)
{
    for (unsigned i = 0; i < t->n_candidates; i++) {
        struct candidate *c = &t->candidates[i];

        if (!addr_equal(&c->addr, a))
            continue;
        c->busy = false;
        if (!failed)
            c->n_failures = 0;
        else if (c->n_failures < FAILURES_MAX)
            c->n_failures++;
        c->next_ns = now + (RETRY_NS << (not_again                       ? RETRY_MAX_EXP
                                         : c->n_failures < RETRY_MAX_EXP ? c->n_failures
                                                                         : RETRY_MAX_EXP));
        return;
    }
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
