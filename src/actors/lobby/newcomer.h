/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_NEWCOMER_H
#define CONJURE_SRC_ACTORS_LOBBY_NEWCOMER_H

#include "conjure/actors/stream.h"
#include "conjure/base/addr.h"
#include "conjure/base/peer_source.h"
#include "conjure/peer/handshake.h"

struct lobby;
struct lobby_torrent;

/* A connection whose handshakes are done. */
struct newcomer {
    struct stream stream; /* not watched by epoll */
    struct addr addr;
    enum peer_source source;
    struct lobby_torrent *torrent;
    struct handshake handshake; /* the far end's */
};

/* Makes N a peer, or closes it when its far end is ourselves or a connected peer. Takes over its
 * stream. */
void newcomer_admit(struct lobby *l, struct newcomer *n);

#endif
