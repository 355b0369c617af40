/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SWARM_CANDIDATES_H
#define CONJURE_SWARM_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/peer_source.h"
#include "conjure/swarm/swarm.h"

/*
 * The addresses of one swarm that may be dialled: which is next, and when each is retried. An
 * address is busy while it is dialled or connected, and has one connection at most. No socket, no
 * clock; one thread at a time. Times are in ns; UINT64_MAX is never.
 *
 * Each source of addresses has a quota, so that a flood from one leaves the addresses of the others
 * alone. So has each host (addr_host), so that a list of all its ports is cut. Over all swarms that
 * share a sum, CANDIDATES_SUM_MAX addresses are kept, and those of a swarm with fewer than
 * CANDIDATES_MIN. A private swarm (BEP 27) takes addresses from its trackers only.
 */
#define CANDIDATES_HOST_MAX 32
#define CANDIDATES_SUM_MAX  100000
#define CANDIDATES_MIN      50
#define CANDIDATES_MAX      1250 /* the sum of the quotas */
#define CANDIDATES_NO_PEER  UINT32_MAX

/* How an attempt to use an address ended. */
enum candidate_outcome {
    CANDIDATE_USEFUL,  /* the connection was of some use: retry soon */
    CANDIDATE_FAILED,  /* retry with an exponential back-off */
    CANDIDATE_NEUTRAL, /* we gave up for a reason that is not the peer's */
    CANDIDATE_USELESS, /* neither end wants anything: retry after the longest back-off */
    CANDIDATE_NEVER,   /* it is ourselves */
};

struct candidate {
    struct addr addr;
    uint64_t next_ns; /* not dialled before */
    uint32_t peer;    /* the id of the peer while connected; else CANDIDATES_NO_PEER */
    uint8_t source;   /* enum peer_source: the first that named it */
    uint8_t n_failures;
    bool is_busy;
};

struct candidates {
    struct candidate *all;
    size_t room;
    unsigned n, at; /* AT: where the next search begins */
    uint16_t n_from[N_PEER_SOURCES];
    unsigned *sump; /* of n over all swarms */
    uint64_t retry_ns;
    bool is_private;
};
#define CANDIDATES_EMPTY ((struct candidates){0})

/* RETRY_NS: the first back-off, which doubles with each failure. *SUMP, borrowed, is 0 before the
 * first one of those that share it. */
void candidates_init(struct candidates *c, const struct swarm *swarm, uint64_t retry_ns,
                     unsigned *sump);
void candidates_deinit(struct candidates *c); /* safe twice */

/* Adds those of ADDRS that are new and can be dialled, as far as the quota of SOURCE and memory
 * allow. An address that was given up is retried when it is named again. */
void candidates_add(struct candidates *c, enum peer_source source, const struct addr *addrs,
                    unsigned n_addrs);

/* The next address to dial, which is busy from now on. When there is none, returns false and sets
 * *NEXTP to the time of the next retry. */
bool candidates_next(struct candidates *c, uint64_t now, struct addr *addrp, uint64_t *nextp);

/* ADDR, which is busy, was not dialled: it may be dialled at AT_NS. */
void candidates_hold(struct candidates *c, const struct addr *addr, uint64_t at_ns);

/* ADDR is connected, and PEER is the id of the connection. Nothing happens when ADDR is unknown. */
void candidates_connected(struct candidates *c, const struct addr *addr, uint32_t peer);

/* These two return when the address may be dialled again; UINT64_MAX when it is unknown. */
/* ADDR is not busy any more, and did not become a peer. */
uint64_t candidates_release(struct candidates *c, const struct addr *addr,
                            enum candidate_outcome outcome, uint64_t now);
/* The connection with the id PEER is closed. */
uint64_t candidates_peer_left(struct candidates *c, uint32_t peer, enum candidate_outcome outcome,
                              uint64_t now);

#endif
