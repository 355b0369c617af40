/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SWARM_TWINS_H
#define CONJURE_SWARM_TWINS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Twins are two connections between the same two peers, one dialled by each end: the far ends have
 * one peer id and one host. A stranger may claim the peer id of another peer, but not its host.
 * Pure: any thread.
 *
 * Most clients keep the older one, but the ends may disagree on which is older, and when each
 * closes another one both are lost. So a second connection in the other direction is admitted, and
 * the far end may close either by its own rule. If both are still open after a while, we close one:
 * the connection that the peer with the higher id dialled stays. Another Conjure has the same rule,
 * so between two of them one is closed at once.
 */
enum twin_direction {
    TWIN_DIALLED,  /* by us */
    TWIN_INCOMING, /* by the far end */
};

/* A connection, and the latest other one with the same peer in the same swarm. */
struct twin {
    enum twin_direction direction;
    uint64_t age_ns; /* since the handshake */
    bool has_twin;   /* another one was there before it */
};

enum twin_admission {
    TWIN_ADMIT,
    TWIN_REFUSE, /* the peer is connected already */
};

/* Whether a connection in DIRECTION is admitted beside PRESENT. GRACE_NS: for so long after its
 * handshake two ends may have dialled each other at the same time. */
enum twin_admission twin_admit(const struct twin *present, enum twin_direction direction,
                               uint64_t grace_ns);

/* Whether one of two is closed at once: the far end has the same rule. */
bool twin_closes_at_once(const uint8_t peer_id[20]);

/* The direction of the connection that is closed. */
enum twin_direction twin_to_close(const uint8_t our_id[20], const uint8_t peer_id[20]);

#endif
