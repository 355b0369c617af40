/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_HANDSHAKE_H
#define CONJURE_SRC_ACTORS_LOBBY_HANDSHAKE_H

#include <stdint.h>

#include "conjure/actors/stream.h"
#include "conjure/base/addr.h"
#include "conjure/base/crowd.h"
#include "conjure/base/list.h"
#include "conjure/base/peer_source.h"
#include "conjure/peer/handshake.h"
#include "conjure/swarm/candidates.h"

struct lobby;
struct lobby_torrent;

/*
 * Connections before they are peers: the handshake (BEP 3). The end that dialled sends first; the
 * other end replies once it has read the info-hash.
 *
 *      dialled    CONNECTING --> SENT --------------------> peer
 *      incoming   AWAITED -----> SENT --------------------> peer
 *                    '--> HELD ---^      (any state: CLOSED)
 *
 * HELD. We listen before all torrents are open, because opening thousands takes a while. A
 * connection that names an unknown torrent is held without a reply for some seconds, in which the
 * torrent may be added. At most HANDSHAKES_HELD_MAX are held.
 */
#define HANDSHAKES_HELD_MAX 256

enum handshaking_state {
    HANDSHAKING_CONNECTING,
    HANDSHAKING_AWAITED, /* the far end dialled, and has not named a torrent yet */
    HANDSHAKING_HELD,
    HANDSHAKING_SENT,   /* our handshake is sent, and the far end's is not complete */
    HANDSHAKING_CLOSED, /* or a peer now; freed at the end of the round */
};

struct handshaking {
    enum handshaking_state state;
    enum peer_source source;
    struct stream stream;
    struct addr addr;
    struct lobby_torrent *torrent; /* NULL: not named yet */
    uint64_t deadline_ns;
    struct list in_lobby;
    struct list in_torrent;
    struct crowd_member in_crowd; /* of incoming ones */
    uint8_t bytes[HANDSHAKE_SIZE];
    uint8_t n_bytes;
};

struct handshakes {
    struct list all;    /* oldest first */
    struct list closed; /* until the end of the round: its events may refer to them */
    struct crowd incoming;
    unsigned n, n_incoming, n_held;
};

void handshakes_init(struct handshakes *hs);
void handshakes_deinit(struct handshakes *hs); /* when it has none */

/* Takes over STREAM: accepted (PEER_SOURCE_INCOMING; T is NULL), or being dialled for T. 0; or
 * -errno, and then the stream is closed. */
int handshakes_add(struct lobby *l, struct stream *stream, const struct addr *addr,
                   enum peer_source source, struct lobby_torrent *t);
/* EVENTS of epoll for the stream of H. */
void handshaking_event(struct lobby *l, struct handshaking *h, uint32_t events);
/* Closes an incoming one: the oldest of the host that has most. */
void handshakes_close_one_incoming(struct lobby *l);
void handshakes_close_all(struct lobby *l);
void handshakes_close_of(struct lobby *l, struct lobby_torrent *t);
/* Once a second: closes those whose deadline has passed. */
void handshakes_tick(struct lobby *l);
/* T was added: resumes the held connections that named it. */
void handshakes_resume_held(struct lobby *l, struct lobby_torrent *t);
/* At the end of a round. */
void handshakes_free_closed(struct lobby *l);

#endif
