/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_INTERNAL_H
#define CONJURE_SRC_ACTORS_LOBBY_INTERNAL_H

#include "actors/lobby/accept.h"
#include "actors/lobby/dial.h"
#include "actors/lobby/handshake.h"
#include "actors/lobby/hosts.h"
#include "actors/lobby/peers.h"
#include "actors/lobby/threads.h"
#include "actors/lobby/torrents.h"
#include "actors/lobby/trouble.h"
#include "conjure/actors/actor.h"
#include "conjure/actors/lobby.h"
#include "conjure/actors/peer.h"
#include "conjure/base/owner.h"
#include "conjure/swarm/bans.h"

/* The Lobby. Each module of this folder changes only its own part. All functions of the folder that
 * take a struct lobby belong to the Lobby's thread. */
struct lobby {
    struct actor actor;
    struct owner owner;
    struct lobby_inbox inbox;
    struct waker waker;
    int epoll_fd;
    struct lobby_options options;
    struct peer_env env;
    struct credits buffers; /* of env */
    struct session_scratch scratch;
    uint64_t now; /* of this round */

    struct timer_after *tick;
    bool tick_is_out;
    struct lobby_shutdown *shutdown; /* to reply to at the end */

    struct lobby_torrents torrents;
    struct listener listener;
    struct dialling dialling;
    struct handshakes handshakes;
    struct lobby_peers peers;
    struct lobby_threads threads;
    struct hosts hosts;
    struct bans bans;
    struct troubles troubles;
    uint32_t evict_at, idle_at; /* ids: where the next scan of some peers begins */
};

/* The object of an epoll event, in the low bits of its pointer. */
enum epoll_tag {
    TAG_PEER,
    TAG_HANDSHAKING,
    TAG_LISTEN,
    TAG_WAKER,
    TAG_MASK = 3,
};

static inline unsigned lobby_n_connections(const struct lobby *l)
{
    return l->peers.n_open + l->handshakes.n;
}

#endif
