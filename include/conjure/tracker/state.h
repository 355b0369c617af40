/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_STATE_H
#define CONJURE_TRACKER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/tracker/announce.h"
#include "conjure/tracker/tiers.h"

/*
 * When one torrent announces, to which of its trackers, and what it says. At most one regular
 * announce is under way at a time; `stopped` goes to all trackers that know us, side by side.
 *
 *       due_at ----> begin ----> (the wire) ----> succeeded or failed ----> due_at ...
 *
 * A thousand torrents that begin together must not come back together: what the tracker's interval says is
 * made up to a tenth longer by `spread`, and the time that a tracker is held down up to a quarter. Each
 * torrent has a period of its own, so they drift apart.
 *
 * Pure: time is passed in, in ns; nothing is sent from here.
 */
#define ANNOUNCE_SPREAD_PART            10    /* of the interval */
#define ANNOUNCE_HOLD_SPREAD_PART       4     /* of the time held down */
#define ANNOUNCE_INTERVAL_DEFAULT_S     1800  /* when the tracker does not say */
#define ANNOUNCE_MIN_INTERVAL_DEFAULT_S 60    /* the same, for NeedPeers */
#define ANNOUNCE_INTERVAL_FLOOR_S       5     /* whatever the tracker says */
#define ANNOUNCE_INTERVAL_CEILING_S     86400 /* the same */
#define ANNOUNCE_WANT                   50    /* addresses, in a swarm that suffices */
#define ANNOUNCE_WANT_MORE              200   /* when it is too small */

struct announce_state {
    struct announce_self self;
    struct tiers
        tiers; /* filled by the owner with tiers_add and tiers_shuffle before the first begin */
    uint64_t uploaded;
    uint64_t downloaded;
    uint64_t left;
    uint16_t spread;                    /* by the owner, at random: see below */
    struct announce_tracker *under_way; /* NULL when no announce is */
    enum announce_event event;          /* of the announce under way */
    bool completed;                     /* `completed` is still to be said */
    bool partial; /* BEP 21: nothing more is wanted, though something is left */
    bool needs_peers;
    bool stopped;      /* no more regular announces */
    uint64_t next_at;  /* the regular time, by the last interval; 0 before the first success */
    uint64_t early_at; /* not before this for NeedPeers, by the last min interval */
};
#define ANNOUNCE_STATE_EMPTY ((struct announce_state){0})

void announce_state_deinit(struct announce_state *s); /* safe twice */

/* The download is complete: `completed` is due at once. */
void announce_state_complete(struct announce_state *s);
/* The swarm is too small: the next announce is due as soon as the min interval allows. */
void announce_state_need_peers(struct announce_state *s);

/* When the next announce may begin: a time in the past means now, UINT64_MAX never (one is under
 * way, no tracker, or stopped). */
uint64_t announce_state_due_at(const struct announce_state *s);

/* Begins the announce that is due at NOW: fills in the request and returns the tracker to send it
 * to; NULL when none is due. The request borrows from S until the outcome is told. */
struct announce_tracker *announce_state_begin(struct announce_state *s, uint64_t now,
                                              struct announce_request *outp);
/* Which tracker would be next; NULL when none is due. */
struct announce_tracker *announce_state_peek(const struct announce_state *s, uint64_t now);

/* The outcome of the announce under way. A reply whose `failed` is set counts as failure. */
void announce_state_succeeded(struct announce_state *s, const struct announce_reply *reply,
                              uint64_t now);
void announce_state_failed(struct announce_state *s, uint32_t retry_s, uint64_t now);

/* The tracker does not take the event PAUSED that was said: the same announce is due again without. */
void announce_state_refused_paused(struct announce_state *s);

/* The announce under way, if any, is given up by the caller before its outcome is known. */
void announce_state_cut_off(struct announce_state *s);
/* The end: no announce is due any more, and the one under way is cut off. */
void announce_state_stop(struct announce_state *s);
/* After stop: the next tracker that must hear `stopped`, each once; NULL when all have been given.
 */
struct announce_tracker *announce_state_next_stop(struct announce_state *s,
                                                  struct announce_request *outp);

#endif
