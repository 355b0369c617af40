/* SPDX-License-Identifier: MIT */
#include "conjure/tracker/state.h"

#include <string.h>

#include "conjure/base/clock.h"

void announce_state_deinit(struct announce_state *s)
{
    tiers_deinit(&s->tiers);
    *s = ANNOUNCE_STATE_EMPTY;
}

void announce_state_complete(struct announce_state *s)
{
    s->left = 0;
    s->completed = true;
}

void announce_state_need_peers(struct announce_state *s)
{
    s->needs_peers = true;
}

static bool wants_more(const struct announce_state *s)
{
    return s->needs_peers || s->asks_others;
}

uint64_t announce_state_due_at(const struct announce_state *s)
{
    uint64_t at = s->completed ? 0 : s->interval_end, allowed, more;

    if (s->under_way || s->stopped)
        return UINT64_MAX;
    allowed = tiers_next_at(&s->tiers);
    at = at > allowed ? at : allowed;
    more = wants_more(s) ? tiers_next_more_at(&s->tiers) : UINT64_MAX;
    return at < more ? at : more;
}

static bool is_regular_due(const struct announce_state *s, uint64_t now)
{
    return s->completed || s->interval_end <= now;
}

struct announce_tracker *announce_state_peek(const struct announce_state *s, uint64_t now)
{
    if (announce_state_due_at(s) > now)
        return NULL;
    return is_regular_due(s, now) ? tiers_pick(&s->tiers, now) : tiers_pick_more(&s->tiers, now);
}

static void fill_request(const struct announce_state *s, const struct announce_tracker *tracker,
                         struct announce_request *outp)
{
    *outp = (struct announce_request){
        .self = s->self,
        .event = s->event,
        .uploaded = s->uploaded,
        .downloaded = s->downloaded,
        .left = s->left,
        .tracker_id = tracker->tracker_id[0] ? tracker->tracker_id : NULL,
    };
    if (s->event != ANNOUNCE_STOPPED)
        outp->n_want = wants_more(s) ? ANNOUNCE_WANT_MORE : ANNOUNCE_WANT;
}

struct announce_tracker *announce_state_begin(struct announce_state *s, uint64_t now,
                                              struct announce_request *outp)
{
    struct announce_tracker *tracker = announce_state_peek(s, now);

    if (!tracker)
        return NULL;
    /* The first announce to each tracker is `started`, also after another tracker failed. */
    if (!tracker->knows_us)
        s->event = ANNOUNCE_STARTED;
    else if (s->completed)
        s->event = ANNOUNCE_COMPLETED;
    else if (s->partial && !tracker->refuses_paused)
        s->event = ANNOUNCE_PAUSED;
    else
        s->event = ANNOUNCE_NONE;
    s->is_extra = !is_regular_due(s, now) && tracker != s->regular;
    s->under_way = tracker;
    fill_request(s, tracker, outp);
    return tracker;
}

static uint64_t bounded_interval(uint32_t interval_s, uint32_t default_s)
{
    if (!interval_s)
        interval_s = default_s;
    if (interval_s < ANNOUNCE_INTERVAL_FLOOR_S)
        interval_s = ANNOUNCE_INTERVAL_FLOOR_S;
    if (interval_s > ANNOUNCE_INTERVAL_CEILING_S)
        interval_s = ANNOUNCE_INTERVAL_CEILING_S;
    return interval_s;
}

/* Returns NS plus up to NS / PART. */
static uint64_t spread_out(const struct announce_state *s, uint64_t ns, unsigned part)
{
    return ns + ns / part / UINT16_MAX * s->spread;
}

static bool downloads(const struct announce_state *s)
{
    return s->left && !s->partial;
}

void announce_state_succeeded(struct announce_state *s, const struct announce_reply *reply,
                              uint64_t now)
{
    struct announce_tracker *tracker = s->under_way;
    uint64_t interval, min_interval;

    if (reply->failed) {
        announce_state_failed(s, reply->retry_s, now);
        return;
    }
    s->under_way = NULL;
    if (s->event == ANNOUNCE_STARTED)
        tracker->knows_us = true;
    if (s->event == ANNOUNCE_COMPLETED)
        s->completed = false;
    /* BEP 3: an id that is not repeated stays valid. */
    if (reply->tracker_id[0])
        memcpy(tracker->tracker_id, reply->tracker_id, sizeof tracker->tracker_id);
    /* One that names nobody does not precede those that may know more. */
    if (reply->n_addrs || !downloads(s))
        tiers_succeeded(&s->tiers, tracker);
    else
        tiers_replied(tracker);
    interval = bounded_interval(reply->interval_s, ANNOUNCE_INTERVAL_DEFAULT_S);
    min_interval = bounded_interval(reply->min_interval_s, ANNOUNCE_MIN_INTERVAL_DEFAULT_S);
    if (interval < min_interval && reply->min_interval_s)
        interval = min_interval;
    if (min_interval > interval)
        min_interval = interval;
    tracker->min_interval_end = now + min_interval * NS_PER_S;
    if (!s->is_extra) {
        s->interval_end = now + spread_out(s, interval * NS_PER_S, ANNOUNCE_SPREAD_PART);
        s->regular = tracker;
    }
    s->needs_peers = false;
    s->asks_others = downloads(s) && !reply->n_addrs && tiers_pick_more(&s->tiers, now);
}

void announce_state_failed(struct announce_state *s, uint32_t retry_s, uint64_t now)
{
    struct announce_tracker *t = s->under_way;

    tiers_failed(t, retry_s, now);
    if (t->retry_at != UINT64_MAX)
        t->retry_at = now + spread_out(s, t->retry_at - now, ANNOUNCE_BACK_OFF_SPREAD_PART);
    s->under_way = NULL;
    s->asks_others = s->asks_others && tiers_pick_more(&s->tiers, now);
}

void announce_state_refused_paused(struct announce_state *s)
{
    s->under_way->refuses_paused = true;
    s->under_way = NULL;
}

void announce_state_abort(struct announce_state *s)
{
    /* The tracker may have received `started`, although its reply did not arrive. */
    if (s->under_way && s->event == ANNOUNCE_STARTED)
        s->under_way->knows_us = true;
    s->under_way = NULL;
}

void announce_state_stop(struct announce_state *s)
{
    announce_state_abort(s);
    s->stopped = true;
}

struct announce_tracker *announce_state_next_stop(struct announce_state *s,
                                                  struct announce_request *outp)
{
    for (uint32_t i = 0; i < s->tiers.n; i++) {
        struct announce_tracker *tracker = s->tiers.trackers[i];

        if (!tracker->knows_us)
            continue;
        tracker->knows_us = false;
        s->event = ANNOUNCE_STOPPED;
        fill_request(s, tracker, outp);
        return tracker;
    }
    return NULL;
}
