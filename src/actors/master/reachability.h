/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_MASTER_REACHABILITY_H
#define CONJURE_SRC_ACTORS_MASTER_REACHABILITY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether a download in the foreground may still find peers, or is given up (exit code 4). Peers
 * that were connected in this run may return, and a tracker that names no other peer may name one
 * soon. But when no tracker has ever replied, or no peer that it named could be reached, the user
 * must learn of it. Pure; times in nanoseconds.
 */
struct reachability {
    uint64_t last_reply_ns; /* of a tracker, or the start */
    uint64_t last_failure_ns;
    uint32_t n_trackers; /* that can be asked */
    uint32_t n_announces_failed;
    bool any_announce_ok;
    bool others_named; /* the last announce named other peers than us */
    bool any_peer;     /* a peer was connected in this run */
};

enum reachability_verdict {
    REACHABILITY_OPEN = 0, /* keep waiting */
    REACHABILITY_NO_PEER_REPLIES,
    REACHABILITY_NO_TRACKER_NAMED,
    REACHABILITY_NO_TRACKER_REPLIES,
};

/* The download starts. N_TRACKERS is kept. */
void reachability_start(struct reachability *r, uint64_t now);
void reachability_note_peers(struct reachability *r, uint32_t n_peers);
/* An announce failed, or its tracker has not replied yet. */
void reachability_note_failure(struct reachability *r, uint64_t now);
/* An announce was answered; the numbers may include us. */
void reachability_note_reply(struct reachability *r, uint32_t n_peers, uint32_t n_seeders,
                             uint64_t now);
enum reachability_verdict reachability_judge(const struct reachability *r, uint64_t now);
/* For the log; not of REACHABILITY_OPEN. */
const char *reachability_text(enum reachability_verdict verdict);

#endif
