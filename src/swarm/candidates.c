/* SPDX-License-Identifier: MIT */
#include "conjure/swarm/candidates.h"

#include <stdlib.h>

#include "conjure/base/alloc.h"

#define BACK_OFF_MAX_EXP 8  /* the longest back-off: 256 times the first */
#define FAILURES_MAX     12 /* in a row: given up until it is named again */

static const uint16_t quotas[N_PEER_SOURCES] = {
    [PEER_SOURCE_TRACKER] = 1000,
    [PEER_SOURCE_INCOMING] = 250,
};

void candidates_init(struct candidates *c, const struct swarm *swarm, uint64_t retry_ns,
                     unsigned *sump)
{
    *c = (struct candidates){.is_private = swarm->is_private, .retry_ns = retry_ns, .sump = sump};
}

void candidates_deinit(struct candidates *c)
{
    if (c->sump)
        *c->sump -= c->n;
    free(c->all);
    *c = CANDIDATES_EMPTY;
}

static struct candidate *find(const struct candidates *c, const struct addr *addr)
{
    for (unsigned i = 0; i < c->n; i++)
        if (addr_equal(&c->all[i].addr, addr))
            return &c->all[i];
    return NULL;
}

static struct candidate *next_in_turn(struct candidates *c)
{
    return &c->all[c->at++ % c->n];
}

/* The next address from SOURCE that failed so often that another may replace it, or NULL. */
static struct candidate *find_replaceable(struct candidates *c, enum peer_source source)
{
    for (unsigned i = 0; i < c->n; i++) {
        struct candidate *x = next_in_turn(c);

        if (x->source == source && !x->is_busy && x->n_failures >= BACK_OFF_MAX_EXP &&
            x->next_ns != UINT64_MAX)
            return x;
    }
    return NULL;
}

/* The place of an address of the same host as ADDR that failed, if the host has no other place;
 * *IS_FULLP says whether that is so. */
static struct candidate *find_of_full_host(struct candidates *c, const struct addr *addr,
                                           bool *is_fullp)
{
    uint64_t host = addr_host(addr);
    struct candidate *worst = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < c->n; i++) {
        struct candidate *x = &c->all[i];

        if (addr_host(&x->addr) != host)
            continue;
        n++;
        if (!x->is_busy && x->n_failures > (worst ? worst->n_failures : 0))
            worst = x;
    }
    *is_fullp = n >= CANDIDATES_HOST_MAX;
    return worst;
}

static struct candidate *new_place(struct candidates *c, enum peer_source source,
                                   const struct addr *addr)
{
    bool is_full;
    struct candidate *x = find_of_full_host(c, addr, &is_full);

    if (is_full)
        return x && x->source == source ? x : NULL;
    if (c->n_from[source] == quotas[source] ||
        (*c->sump >= CANDIDATES_SUM_MAX && c->n >= CANDIDATES_MIN))
        return find_replaceable(c, source);
    if (array_reserve(&c->all, &c->room, c->n + 1, sizeof *c->all))
        return NULL;
    c->n_from[source]++;
    ++*c->sump;
    return &c->all[c->n++];
}

static bool may_name_peers(const struct candidates *c, enum peer_source source)
{
    return !c->is_private || source == PEER_SOURCE_TRACKER;
}

void candidates_add(struct candidates *c, enum peer_source source, const struct addr *addrs,
                    unsigned n_addrs)
{
    if (!may_name_peers(c, source))
        return;
    for (unsigned i = 0; i < n_addrs; i++) {
        struct candidate *x;

        if (!addr_is_dialable(&addrs[i]))
            continue;
        x = find(c, &addrs[i]);
        if (!x) {
            x = new_place(c, source, &addrs[i]);
            if (x)
                *x = (struct candidate){
                    .addr = addrs[i], .peer = CANDIDATES_NO_PEER, .source = (uint8_t)source};
        } else if (x->n_failures >= FAILURES_MAX) {
            x->n_failures = 0;
        }
    }
}

bool candidates_next(struct candidates *c, uint64_t now, struct addr *addrp, uint64_t *nextp)
{
    *nextp = UINT64_MAX;
    for (unsigned i = 0; i < c->n; i++) {
        struct candidate *x = next_in_turn(c);

        if (x->is_busy || x->n_failures >= FAILURES_MAX)
            continue;
        if (x->next_ns <= now) {
            x->is_busy = true;
            x->peer = CANDIDATES_NO_PEER;
            *addrp = x->addr;
            return true;
        }
        if (x->next_ns < *nextp)
            *nextp = x->next_ns;
    }
    return false;
}

static unsigned back_off_exp(const struct candidate *x, enum candidate_outcome outcome)
{
    if (outcome == CANDIDATE_USELESS || x->n_failures > BACK_OFF_MAX_EXP)
        return BACK_OFF_MAX_EXP;
    return x->n_failures;
}

static uint64_t release(const struct candidates *c, struct candidate *x,
                        enum candidate_outcome outcome, uint64_t now)
{
    x->is_busy = false;
    x->peer = CANDIDATES_NO_PEER;
    if (outcome == CANDIDATE_NEVER) {
        x->next_ns = UINT64_MAX;
        return UINT64_MAX;
    }
    if (outcome == CANDIDATE_USEFUL)
        x->n_failures = 0;
    else if (outcome == CANDIDATE_FAILED && x->n_failures < FAILURES_MAX)
        x->n_failures++;
    x->next_ns = now + (c->retry_ns << back_off_exp(x, outcome));
    return x->n_failures < FAILURES_MAX ? x->next_ns : UINT64_MAX;
}

uint64_t candidates_release(struct candidates *c, const struct addr *addr,
                            enum candidate_outcome outcome, uint64_t now)
{
    struct candidate *x = find(c, addr);

    return x ? release(c, x, outcome, now) : UINT64_MAX;
}

void candidates_hold(struct candidates *c, const struct addr *addr, uint64_t at_ns)
{
    struct candidate *x = find(c, addr);

    if (!x)
        return;
    x->is_busy = false;
    x->peer = CANDIDATES_NO_PEER;
    x->next_ns = at_ns;
}

void candidates_connected(struct candidates *c, const struct addr *addr, uint32_t peer)
{
    struct candidate *x = find(c, addr);

    if (!x)
        return;
    x->is_busy = true;
    x->peer = peer;
}

uint64_t candidates_peer_left(struct candidates *c, uint32_t peer, enum candidate_outcome outcome,
                              uint64_t now)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < c->n; i++) {
        struct candidate *x = &c->all[i];

        if (x->is_busy && x->peer == peer) {
            uint64_t at = release(c, x, outcome, now);

            next = at < next ? at : next;
        }
    }
    return next;
}
