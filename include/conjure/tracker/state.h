/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_STATE_H
#define CONJURE_TRACKER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/tracker/announce.h"
#include "conjure/tracker/tiers.h"

/*
 * The schedule of one torrent's announces: the time, tracker and event of each. At most one regular
 * announce is under way at a time; `stopped` is sent at once to all trackers that know us.
 *
 *       due_at ----> begin ----> (transport) ----> succeeded or failed ----> due_at ...
 *
 * The first tracker that replies is asked regularly. When it names nobody, or the owner needs more
 * peers (NeedPeers), the others are asked as well, each when its min interval has ended.
 *
 * Torrents that start together must not always announce together: `spread` makes a tracker's
 * interval up to a tenth longer and the back-off of a failed tracker up to a quarter longer, so
 * that the periods of torrents differ.
 *
 * Pure: `now` in ns.
 */
#define ANNOUNCE_SPREAD_PART            10    /* of the interval */
#define ANNOUNCE_BACK_OFF_SPREAD_PART   4     /* of the back-off */
#define ANNOUNCE_INTERVAL_DEFAULT_S     1800  /* when the tracker gives none */
#define ANNOUNCE_MIN_INTERVAL_DEFAULT_S 60    /* the same, for NeedPeers */
#define ANNOUNCE_INTERVAL_FLOOR_S       5     /* shorter intervals of trackers are raised to this */
#define ANNOUNCE_INTERVAL_CEILING_S     86400 /* longer ones are cut to this */
#define ANNOUNCE_WANT                   50    /* addresses, in a swarm that is large enough */
#define ANNOUNCE_WANT_MORE              200   /* in one that is too small */

struct announce_state {
    struct announce_self self;
    struct tiers tiers; /* the owner fills them (tiers_add, tiers_shuffle) before the first begin */
    uint64_t uploaded;  /* the owner sets these four: see struct announce_request */
    uint64_t downloaded;
    uint64_t left;
    bool partial;                       /* BEP 21: we have every wanted piece, but not all */
    uint16_t spread;                    /* random, set by the owner: see above */
    struct announce_tracker *under_way; /* NULL when no announce is */
    enum announce_event event;          /* of the announce under way */
    bool completed;                     /* `completed` is still to be announced */
    bool needs_peers;
    bool asks_others;      /* the last reply named nobody, and other trackers may be asked */
    bool stopped;          /* no more regular announces */
    uint64_t interval_end; /* of the last regular reply; 0 before the first success */
    const struct announce_tracker *regular; /* it sent that reply */
    bool is_extra; /* the announce under way is one for more peers, before that interval ends */
};
#define ANNOUNCE_STATE_EMPTY ((struct announce_state){0})

void announce_state_deinit(struct announce_state *s); /* safe twice */

/* The download is complete: `completed` is due at once. */
void announce_state_complete(struct announce_state *s);
/* The swarm is too small: the next announce is due when the min interval of a tracker ends. */
void announce_state_need_peers(struct announce_state *s);

/* When the next announce may begin; UINT64_MAX: never, because one is under way, there is no
 * tracker, or the torrent has stopped. May be in the past. */
uint64_t announce_state_due_at(const struct announce_state *s);

/* Begins the announce that is due at NOW: fills in *OUTP and returns its tracker; NULL when none is
 * due. The request borrows from S until the outcome is reported. */
struct announce_tracker *announce_state_begin(struct announce_state *s, uint64_t now,
                                              struct announce_request *outp);
/* The tracker that announce_state_begin would return. */
struct announce_tracker *announce_state_peek(const struct announce_state *s, uint64_t now);

/* End the announce under way. A reply with `failed` set counts as a failure. RETRY_S is as in
 * tiers_failed. */
void announce_state_succeeded(struct announce_state *s, const struct announce_reply *reply,
                              uint64_t now);
void announce_state_failed(struct announce_state *s, uint32_t retry_s, uint64_t now);

/* The tracker refuses the event PAUSED: the same announce is due again without it. */
void announce_state_refused_paused(struct announce_state *s);

/* Ends the announce under way, if any, without an outcome. */
void announce_state_abort(struct announce_state *s);
/* The same, and no announce is due any more. */
void announce_state_stop(struct announce_state *s);
/* After announce_state_stop: the next tracker that must receive `stopped`, each once; then NULL. */
struct announce_tracker *announce_state_next_stop(struct announce_state *s,
                                                  struct announce_request *outp);

#endif
