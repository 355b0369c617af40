/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_TIERS_H
#define CONJURE_TRACKER_TIERS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/rng.h"
#include "conjure/tracker/announce.h"
#include "conjure/tracker/families.h"
#include "conjure/tracker/protocol.h"

/*
 * The trackers of one torrent in their tiers (BEP 12): each tier is shuffled once; trackers are
 * tried in order, tier after tier; one that replies moves to the front of its tier. Pure: `now` in
 * ns.
 */

/* The back-off of a failed tracker: 15 s, then 30 s, and so on up to half an hour. */
#define TRACKER_BACK_OFF_FIRST_S 15
#define TRACKER_BACK_OFF_MAX_S   1800

struct announce_tracker {
    char *url; /* owned */
    const struct tracker_protocol *protocol;
    uint32_t tier;
    bool refuses_paused;       /* it refused an announce with the event `paused` */
    bool knows_us;             /* it accepted `started`, so it must receive `stopped` */
    bool reported_failing;     /* for the log: a warning was logged, and no success since */
    uint32_t n_failures;       /* in a row */
    uint64_t retry_at;         /* ns; 0: at any time */
    uint64_t min_interval_end; /* of its last reply: not asked for more peers before */
    struct announce_families families;
    char tracker_id[ANNOUNCE_TRACKER_ID_MAX]; /* BEP 3; empty when it gave none */
};

#define TIERS_TRACKERS_MAX 256 /* of one torrent; others are ignored */

struct tiers {
    struct announce_tracker **trackers; /* in order of trial; owned; each keeps its address */
    uint32_t n;
};
#define TIERS_EMPTY ((struct tiers){0})

enum tiers_condition {
    TIERS_UNUSABLE_URL = 1, /* too long, or see TRACKER_URL_UNUSABLE */
    TIERS_FULL,
    TIERS_DUPLICATE, /* a tracker of the same tier or an earlier one has this URL */
};

void tiers_deinit(struct tiers *t); /* safe twice */
/* Adds a tracker to the end of TIER; tiers are added in order. URL is copied. Returns 0; or a
 * condition, and the tracker is not added. */
int tiers_add(struct tiers *t, uint32_t tier, const char *url);
/* Shuffles each tier; once, when all trackers are added. */
void tiers_shuffle(struct tiers *t, struct rng *rng);

/* The first tracker in order that may be tried at NOW, or NULL. */
struct announce_tracker *tiers_pick(const struct tiers *t, uint64_t now);
/* When tiers_pick will find a tracker: 0 for any time; UINT64_MAX for never. */
uint64_t tiers_next_at(const struct tiers *t);

/* The same for trackers whose min interval has ended, too. */
struct announce_tracker *tiers_pick_more(const struct tiers *t, uint64_t now);
uint64_t tiers_next_more_at(const struct tiers *t);

/* The tracker replied: moves it to the front of its tier and resets its back-off. */
void tiers_succeeded(struct tiers *t, struct announce_tracker *tracker);
/* The same, and it keeps its place. */
void tiers_replied(struct announce_tracker *tracker);
/* The tracker did not reply, or refused: it is not tried again for its back-off, or for RETRY_S if
 * that is longer (BEP 31; 0: none given, UINT32_MAX: never again). */
void tiers_failed(struct announce_tracker *tracker, uint32_t retry_s, uint64_t now);

#endif
