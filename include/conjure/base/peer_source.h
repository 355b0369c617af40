/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_PEER_SOURCE_H
#define CONJURE_BASE_PEER_SOURCE_H

/* How we learned of a peer. A new way of discovery is one row here and one quota in
 * src/swarm/candidates.c. */
enum peer_source {
    PEER_SOURCE_TRACKER,
    PEER_SOURCE_INCOMING, /* it dialled us, from a port that is not the one it listens on */
    N_PEER_SOURCES,
};

#endif
