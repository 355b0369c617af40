/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_QUOTA_H
#define CONJURE_CHOKE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/id_map.h"
#include "conjure/choke/bucket.h"

/*
 * Who may move how much, in one direction: the limit of all torrents together, the limits that
 * torrents have of their own, and those who wait. A byte needs a token of both. How they are shared
 * out is at the top of quota.c. Pure: `now` in ns; one thread.
 */
struct quota_torrent;

struct quota {
    struct bucket all;
    struct id_map torrents;              /* those with a limit, and those in line */
    struct quota_torrent *first, **endp; /* the line: whose turn it is, first */
    uint32_t n_line;                     /* torrents in it */
    uint32_t n_waiting;                  /* questions not answered */
    uint32_t lacking; /* tokens of `all` for want of which the last deal ended; 0: it did not */
    uint64_t step_ns, dealt_ns; /* the least time between two deals, and the last one */
    struct quota_grant {
        void *user;
        uint32_t n_bytes;
    } * grants; /* answers not yet taken: [grants_at, n_grants) */
    uint32_t grants_at, n_grants, grants_size;
};

/* STEP_NS: tokens are dealt out no more often than this while they are short. */
void quota_init(struct quota *q, uint64_t step_ns);
/* Who still waits is forgotten. Safe twice. */
void quota_deinit(struct quota *q);

/* Bytes per second, 0 for none. Whoever waits without need afterwards is the caller's to withdraw. */
void quota_set_rate(struct quota *q, uint64_t rate, uint64_t now);
void quota_set_torrent_rate(struct quota *q, uint32_t torrent, uint64_t rate, uint64_t now);
bool quota_is_limited(const struct quota *q, uint32_t torrent);

/* PEER wants to move N_BYTES, at least 1, for TORRENT, and has no other question out; USER stands
 * for the question. It waits, unless nobody else does and there are as many. */
void quota_ask(struct quota *q, uint32_t torrent, uint32_t peer, void *user, uint32_t n_bytes,
               uint64_t now);
/* Deals out what there is, if it is time to. */
void quota_deal(struct quota *q, uint64_t now);
/* What was granted by the calls before: to whom, and how much of what it wanted; it waits no more.
 * False: nothing. */
bool quota_next_grant(struct quota *q, void **userp, uint32_t *n_grantedp);
/* What was granted and not used. */
void quota_give_back(struct quota *q, uint32_t torrent, uint32_t n_bytes, uint64_t now);
/* Takes back the first question that waits and IS_IT: nothing is granted. False: none is. */
bool quota_withdraw(struct quota *q, bool (*is_it)(const void *user, const void *arg),
                    const void *arg, void **userp);
/* When quota_deal may have something to grant; UINT64_MAX when nobody waits. */
uint64_t quota_due_ns(const struct quota *q);

#endif
