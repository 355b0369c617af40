/* SPDX-License-Identifier: MIT */
#include "actors/master/reachability.h"

#include <stddef.h>

#include "conjure/base/clock.h"

/* A download is given up when no tracker has replied for this long: */
#define NO_TRACKER_NS    (30 * NS_PER_S)  /* and every tracker has failed */
#define SLOW_TRACKERS_NS (180 * NS_PER_S) /* and some tracker has neither failed nor replied */
#define NO_PEER_NS       (60 * NS_PER_S)  /* and a tracker has named peers */

/* After a failure the Announcer tries the next tracker; its reply may take this long. */
#define NEXT_TRACKER_NS (5 * NS_PER_S)

void reachability_start(struct reachability *r, uint64_t now)
{
    *r = (struct reachability){.last_reply_ns = now, .n_trackers = r->n_trackers};
}

void reachability_note_peers(struct reachability *r, uint32_t n_peers)
{
    r->any_peer |= n_peers > 0;
}

void reachability_note_failure(struct reachability *r, uint64_t now)
{
    r->n_announces_failed++;
    r->last_failure_ns = now;
}

void reachability_note_reply(struct reachability *r, uint32_t n_peers, uint32_t n_seeders,
                             uint64_t now)
{
    r->last_reply_ns = now;
    r->any_announce_ok = true;
    /* The tracker names us too, after the first announce. */
    r->others_named = n_peers > 1 || n_seeders > 0;
}

static bool have_all_trackers_failed(const struct reachability *r, uint64_t now)
{
    return r->n_announces_failed >= r->n_trackers && now - r->last_failure_ns >= NEXT_TRACKER_NS;
}

enum reachability_verdict reachability_judge(const struct reachability *r, uint64_t now)
{
    uint64_t silence = now - r->last_reply_ns;

    if (r->any_peer)
        return REACHABILITY_OPEN;
    if (r->any_announce_ok)
        return r->others_named && silence > NO_PEER_NS ? REACHABILITY_NO_PEER_REPLIES
                                                       : REACHABILITY_OPEN;
    if (silence <= NO_TRACKER_NS)
        return REACHABILITY_OPEN;
    if (!r->n_trackers)
        return REACHABILITY_NO_TRACKER_NAMED;
    if (have_all_trackers_failed(r, now) || silence > SLOW_TRACKERS_NS)
        return REACHABILITY_NO_TRACKER_REPLIES;
    return REACHABILITY_OPEN;
}

const char *reachability_text(enum reachability_verdict verdict)
{
    static const char *const texts[] = {
        [REACHABILITY_NO_PEER_REPLIES] = "none of the peers that the tracker names can be reached",
        [REACHABILITY_NO_TRACKER_NAMED] = "the torrent names no tracker, and no peer has connected",
        [REACHABILITY_NO_TRACKER_REPLIES] = "no tracker replies, and no peer can be reached",
    };

    return texts[verdict];
}
