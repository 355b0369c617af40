/* SPDX-License-Identifier: MIT */
/*
 * One array has the trackers of all tiers in the order in which they are tried. Neighbours with the
 * same `tier` are one tier.
 * Each tracker is on the heap, so that an announce under way may point at it while the order
 * changes.
 */
#include "conjure/tracker/tiers.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

void tiers_deinit(struct tiers *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        free(t->trackers[i]->url);
        free(t->trackers[i]);
    }
    free(t->trackers);
    *t = TIERS_EMPTY;
}

int tiers_add(struct tiers *t, uint32_t tier, const char *url)
{
    struct announce_tracker *tracker;
    struct tracker_url parsed;

    if (strlen(url) >= ANNOUNCE_URL_MAX || tracker_url_parse(url, &parsed))
        return TIERS_UNUSABLE_URL;
    if (t->n == TIERS_TRACKERS_MAX)
        return TIERS_FULL;
    for (uint32_t i = 0; i < t->n; i++)
        if (!strcmp(t->trackers[i]->url, url))
            return TIERS_DUPLICATE;
    tracker = NEW(struct announce_tracker);
    tracker->url = mem_dup_string(url);
    tracker->protocol = tracker_protocol_find(url);
    tracker->tier = tier;
    t->trackers = mem_resize(t->trackers, t->n + 1, sizeof t->trackers[0]);
    t->trackers[t->n++] = tracker;
    return 0;
}

void tiers_shuffle(struct tiers *t, struct rng *rng)
{
    uint32_t begin, end;

    for (begin = 0; begin < t->n; begin = end) {
        for (end = begin; end < t->n && t->trackers[end]->tier == t->trackers[begin]->tier;)
            end++;
        for (uint32_t i = end - 1; i > begin; i--) {
            uint32_t k = begin + rng_below(rng, i - begin + 1);
            struct announce_tracker *tracker = t->trackers[i];

            t->trackers[i] = t->trackers[k];
            t->trackers[k] = tracker;
        }
    }
}

static uint64_t any_at(const struct announce_tracker *tracker)
{
    return tracker->retry_at;
}

static uint64_t more_at(const struct announce_tracker *tracker)
{
    return tracker->retry_at > tracker->min_interval_end ? tracker->retry_at
                                                         : tracker->min_interval_end;
}

static struct announce_tracker *pick(const struct tiers *t,
                                     uint64_t (*at)(const struct announce_tracker *), uint64_t now)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (at(t->trackers[i]) <= now)
            return t->trackers[i];
    return NULL;
}

static uint64_t next_at(const struct tiers *t, uint64_t (*at)(const struct announce_tracker *))
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < t->n; i++)
        if (at(t->trackers[i]) < next)
            next = at(t->trackers[i]);
    return next;
}

struct announce_tracker *tiers_pick(const struct tiers *t, uint64_t now)
{
    return pick(t, any_at, now);
}

uint64_t tiers_next_at(const struct tiers *t)
{
    return next_at(t, any_at);
}

struct announce_tracker *tiers_pick_more(const struct tiers *t, uint64_t now)
{
    return pick(t, more_at, now);
}

uint64_t tiers_next_more_at(const struct tiers *t)
{
    return next_at(t, more_at);
}

void tiers_replied(struct announce_tracker *tracker)
{
    tracker->n_failures = 0;
    tracker->retry_at = 0;
}

void tiers_succeeded(struct tiers *t, struct announce_tracker *tracker)
{
    uint32_t i = 0;

    tiers_replied(tracker);
    while (t->trackers[i] != tracker)
        i++;
    for (; i && t->trackers[i - 1]->tier == tracker->tier; i--)
        t->trackers[i] = t->trackers[i - 1];
    t->trackers[i] = tracker;
}

void tiers_failed(struct announce_tracker *tracker, uint32_t retry_s, uint64_t now)
{
    uint64_t hold = TRACKER_BACK_OFF_FIRST_S;

    for (uint32_t i = 0; i < tracker->n_failures && hold < TRACKER_BACK_OFF_MAX_S; i++)
        hold *= 2;
    if (hold > TRACKER_BACK_OFF_MAX_S)
        hold = TRACKER_BACK_OFF_MAX_S;
    if (retry_s > hold)
        hold = retry_s;
    tracker->n_failures++;
    tracker->retry_at = retry_s == UINT32_MAX ? UINT64_MAX : now + hold * NS_PER_S;
}
