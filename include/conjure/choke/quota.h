/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_QUOTA_H
#define CONJURE_CHOKE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/id_map.h"
#include "conjure/base/owner.h"
#include "conjure/choke/bucket.h"

/*
 * Quotas of traffic in one direction: a limit of all torrents together, limits of single torrents,
 * and the requests that wait for tokens. A byte needs a token of the common limit and one of its
 * torrent's limit. The rules of sharing are at the top of quota.c.
 *
 * Pure: `now` in ns. One thread at a time; init and deinit may be in others.
 */
struct quota_torrent;

struct quota {
    struct owner owner;
    struct bucket all;
    struct id_map torrents;              /* those with a limit, and those in the queue */
    struct quota_torrent *first, **endp; /* the queue of torrents, in the order of their turns */
    uint32_t n_queued;                   /* torrents in it */
    uint32_t n_waiting;                  /* requests without a grant */
    uint32_t n_missing;         /* tokens of `all` that were missing at the end of the last deal */
    uint64_t step_ns, dealt_ns; /* the least time between two deals, and the last one */
    struct quota_grant {
        void *user;
        uint32_t n_bytes;
    } * grants; /* [grants_at, n_grants) are not taken yet; owned */
    size_t grants_at, n_grants, n_grants_room;
};

/* STEP_NS: while tokens are short, they are dealt no more often than this. */
void quota_init(struct quota *q, uint64_t step_ns);
/* Drops waiting requests. Safe twice. */
void quota_deinit(struct quota *q);

/* RATE is in bytes per second; 0 is no limit. A waiting request stays in the queue when its limit
 * is removed: the caller takes it out with quota_withdraw. */
void quota_set_rate(struct quota *q, uint64_t rate, uint64_t now);
void quota_set_torrent_rate(struct quota *q, uint32_t torrent, uint64_t rate, uint64_t now);
/* Whether any limit holds for TORRENT. */
bool quota_is_limited(const struct quota *q, uint32_t torrent);

/* Requests N_BYTES of TORRENT for PEER; USER names the request. A peer has one request at a time.
 * It is granted at once if there are enough tokens, no request of its torrent waits, and the last
 * deal did not run out of common tokens; otherwise it waits. */
void quota_request(struct quota *q, uint32_t torrent, uint32_t peer, void *user, uint32_t n_bytes,
                   uint64_t now);
/* Deals out tokens, if quota_due_ns has passed. */
void quota_deal(struct quota *q, uint64_t now);
/* Takes the next granted request: *N_GRANTEDP is from 1 to the bytes requested. False when there is
 * none. */
bool quota_next_grant(struct quota *q, void **userp, uint32_t *n_grantedp);
/* Returns bytes that were granted and not moved. */
void quota_give_back(struct quota *q, uint32_t torrent, uint32_t n_bytes, uint64_t now);
/* Removes the first waiting request for which MATCHES(its user, ARG) holds; false: there is
 * none. */
bool quota_withdraw(struct quota *q, bool (*matches)(const void *user, const void *arg),
                    const void *arg, void **userp);
/* When quota_deal may have tokens for a request; UINT64_MAX: no request waits. */
uint64_t quota_due_ns(const struct quota *q);

#endif
