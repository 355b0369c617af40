/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_LOBBY_H
#define CONJURE_ACTORS_LOBBY_H

#include <stdint.h>

#include "conjure/msg/announcer.h"
#include "conjure/msg/bandwidth.h"
#include "conjure/msg/choker.h"
#include "conjure/msg/fs.h"
#include "conjure/msg/lobby.h"
#include "conjure/msg/timer.h"
#include "conjure/swarm/eviction.h"

struct lobby;

/*
 * Lobby: listens, dials, does handshakes and drives every peer that has no thread
 * (src/actors/lobby). As soon as data can move on a connection it is handed to a thread of its own,
 * and given back (Adopt) when nothing moves any more or when it is over; only the Lobby closes and
 * frees peers.
 */
struct lobby_times {
    uint64_t retry_ns; /* the first back-off of an address; doubled with each failure */
    uint64_t hold_ns;  /* how long a connection waits for the torrent that it named */
    uint64_t twins_ns; /* until one of two connections with the same peer is closed */
    struct eviction_times eviction;
};

struct lobby_options {
    int listen_fd;                   /* from lobby_listen; the Lobby's from lobby_run on */
    unsigned max_peers;              /* connections over all torrents */
    const struct lobby_times *times; /* outlives the Lobby; NULL: the usual ones */
    struct timer_inbox *timer;
    struct announcer_inbox *announcer;
    struct choker_inbox *choker;
    struct fs_inbox *fs;
    struct bandwidth_inbox *bandwidth;
};

/* Opens a listening TCP socket for IPv6 and IPv4 on PORT (0: any). Returns 0 with the descriptor
 * and its port, or -errno. Any thread. */
int lobby_listen(uint16_t port, int *fdp, uint16_t *portp);

/* Two steps, because the Lobby and its options refer to each other: the inbox exists after
 * lobby_new, the thread after lobby_run. All from the thread that owns the Lobby; call lobby_join
 * after the reply to Lobby.Shutdown. */
struct lobby *lobby_new(void); /* NULL with errno: the process is about to end */
struct lobby_inbox *lobby_inbox(struct lobby *l);
int lobby_run(struct lobby *l, const struct lobby_options *options); /* 0 or -errno */
void lobby_join(struct lobby *l);                                    /* L may be NULL */

#endif
