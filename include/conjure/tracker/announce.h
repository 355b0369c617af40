/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_ANNOUNCE_H
#define CONJURE_TRACKER_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/info_hash.h"
#include "conjure/base/sha1.h"

/* What is said to a tracker and what it answers, whatever the protocol in between. */

#define ANNOUNCE_PEERS_MAX      200  /* addresses kept of one reply; the rest is dropped */
#define ANNOUNCE_TEXT_MAX       200  /* with NUL; longer failures and warnings are cut */
#define ANNOUNCE_TRACKER_ID_MAX 128  /* with NUL; a longer id is not remembered */
#define ANNOUNCE_URL_MAX        2048 /* with NUL; longer announce URLs are not used */

/* With the numbers of BEP 15. */
enum announce_event {
    ANNOUNCE_NONE = 0,
    ANNOUNCE_COMPLETED = 1,
    ANNOUNCE_STARTED = 2,
    ANNOUNCE_STOPPED = 3,
    ANNOUNCE_PAUSED = 4, /* BEP 21, over HTTP alone: a partial seed, which says it every time */
};

/* Who we are in one swarm; never changes. */
struct announce_self {
    struct info_hash info_hash;
    uint8_t peer_id[20];
    uint32_t key;
    uint16_t port;
};

struct announce_request {
    struct announce_self self;
    enum announce_event event;
    uint64_t uploaded; /* bytes since `started`, as are the next two */
    uint64_t downloaded;
    uint64_t left;   /* of all files, wanted or not: only a seed that has all of them says 0 */
    uint32_t n_want; /* addresses wished for */
    const char *tracker_id; /* BEP 3; NULL when the tracker gave none. Borrowed */
};

struct announce_reply {
    bool failed;                  /* the tracker refused; `text` says why */
    char text[ANNOUNCE_TEXT_MAX]; /* failure reason or warning message, or empty; printable */
    uint32_t interval_s;          /* 0: not said */
    uint32_t min_interval_s;      /* 0: not said */
    uint32_t retry_s; /* BEP 31, with a failure: not before; 0: not said; UINT32_MAX: never */
    uint32_t n_seeders;
    uint32_t n_leechers;
    char tracker_id[ANNOUNCE_TRACKER_ID_MAX]; /* empty: not said */
    uint32_t n_addrs;
    struct addr addrs[ANNOUNCE_PEERS_MAX]; /* dialable ones only */
};
#define ANNOUNCE_REPLY_EMPTY ((struct announce_reply){0})

/* Keeps A if it can be dialled and there is room. */
void announce_reply_add(struct announce_reply *r, const struct addr *a);
/* Keeps the N bytes of TEXT, cut to size and with control characters as '?'. */
void announce_reply_set_text(struct announce_reply *r, const void *text, uint64_t n);

#endif
