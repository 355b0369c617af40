/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_ANNOUNCE_H
#define CONJURE_TRACKER_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/addr.h"
#include "conjure/base/info_hash.h"
#include "conjure/base/sha1.h"

/* An announce and its reply, over any protocol. */

#define ANNOUNCE_PEERS_MAX      200  /* addresses kept of one reply; the others are dropped */
#define ANNOUNCE_TEXT_MAX       200  /* with NUL; longer failure reasons and warnings are cut */
#define ANNOUNCE_TRACKER_ID_MAX 128  /* with NUL; a longer id is ignored */
#define ANNOUNCE_URL_MAX        2048 /* with NUL; a tracker with a longer URL is not used */

/* With the numbers of BEP 15. */
enum announce_event {
    ANNOUNCE_NONE = 0,
    ANNOUNCE_COMPLETED = 1,
    ANNOUNCE_STARTED = 2,
    ANNOUNCE_STOPPED = 3,
    ANNOUNCE_PAUSED = 4, /* BEP 21, over HTTP only: in every regular announce of a partial seed */
};

/* Our identity in one swarm, which never changes. */
struct announce_self {
    struct info_hash info_hash;
    uint8_t peer_id[20];
    uint32_t key;  /* BEP 7 */
    uint16_t port; /* where we listen */
};

struct announce_request {
    struct announce_self self;
    enum announce_event event;
    uint64_t uploaded; /* bytes since `started` */
    uint64_t downloaded;
    uint64_t left;          /* bytes of all files, wanted or not; 0 makes us a seed */
    uint32_t n_want;        /* addresses to send back */
    const char *tracker_id; /* BEP 3; NULL when the tracker gave none. Borrowed */
};

struct announce_reply {
    bool failed;                  /* the tracker refused the announce; `text` is the reason */
    char text[ANNOUNCE_TEXT_MAX]; /* failure reason or warning, printable; may be empty */
    uint32_t interval_s;          /* 0: none given */
    uint32_t min_interval_s;      /* 0: none given */
    uint32_t retry_s;             /* BEP 31, of a refusal: the earliest retry. 0: none given;
                                     UINT32_MAX: never */
    uint32_t n_seeders;
    uint32_t n_leechers;
    char tracker_id[ANNOUNCE_TRACKER_ID_MAX]; /* may be empty */
    uint32_t n_addrs;
    struct addr addrs[ANNOUNCE_PEERS_MAX]; /* dialable ones only */
};
#define ANNOUNCE_REPLY_EMPTY ((struct announce_reply){0})

/* Adds A if it can be dialled and there is room. */
void announce_reply_add(struct announce_reply *r, const struct addr *a);
/* Copies the N bytes of TEXT, cut to size, with '?' for control characters. */
void announce_reply_set_text(struct announce_reply *r, const void *text, uint64_t n);

#endif
