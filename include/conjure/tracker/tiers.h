/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TRACKER_TIERS_H
#define CONJURE_TRACKER_TIERS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/rng.h"
#include "conjure/tracker/announce.h"
#include "conjure/tracker/protocol.h"

/*
 * The trackers of one torrent in their tiers (BEP 12): each tier is shuffled once; trackers are
 * tried in order, tier after tier; one that answers goes to the front of its tier.
 */

/* A failed tracker is held down for 15 s, then 30 s, and so on up to half an hour. */
#define TRACKER_HOLD_DOWN_FIRST_S 15
#define TRACKER_HOLD_DOWN_MAX_S   1800

struct announce_tracker {
    char *url; /* owned */
    const struct tracker_protocol *protocol;
    uint32_t tier;
    bool refuses_paused;   /* it does not know that event, and minds */
    bool knows_us;         /* accepted `started`, so it wants to hear `stopped` */
    bool reported_failing; /* for the log: a failure has been reported and no success since */
    uint32_t n_failures;   /* in a row */
    uint64_t held_until;   /* not before this time, in ns */
    char tracker_id[ANNOUNCE_TRACKER_ID_MAX]; /* BEP 3, empty when it gave none */
};

#define TIERS_TRACKERS_MAX 256 /* of one torrent; more are not looked at */

struct tiers {
    struct announce_tracker **trackers; /* in order of trial; owned, and they never move */
    uint32_t n;
};
#define TIERS_EMPTY ((struct tiers){0})

enum {
    TIERS_UNUSABLE_URL = 1, /* or a URL that is too long or not well-formed */
    TIERS_FULL,
    TIERS_DUPLICATE, /* of the same tier or one before: tried once is enough */
};

void tiers_deinit(struct tiers *t); /* safe twice */
/* Adds a tracker to the end of TIER; tiers are added in order. Returns 0 or a condition from above,
 * and then it was not added. URL is copied. */
int tiers_add(struct tiers *t, uint32_t tier, const char *url);
/* Once, when all are added. */
void tiers_shuffle(struct tiers *t, struct rng *rng);

/* The first tracker in order that is not held down at NOW, or NULL. */
struct announce_tracker *tiers_pick(const struct tiers *t, uint64_t now);
/* When tiers_pick finds one: 0 for any time; UINT64_MAX for never. */
uint64_t tiers_next_at(const struct tiers *t);

/* It answered: promotion to the front of its tier, and its failures are forgiven. */
void tiers_succeeded(struct tiers *t, struct announce_tracker *tracker);
/* It did not, or refused: held down. RETRY_S is what BEP 31 says, 0 for nothing, UINT32_MAX: never.
 */
void tiers_failed(struct announce_tracker *tracker, uint32_t retry_s, uint64_t now);

#endif
