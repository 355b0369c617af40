/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_PEERS_H
#define CONJURE_SRC_ACTORS_LOBBY_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/actors/peer.h"
#include "conjure/base/key_map.h"
#include "conjure/base/list.h"

struct lobby;

/*
 * All peers: those that the Lobby drives, those that it lent to threads, and those that close. A
 * peer has a small id, and is found by its peer id within a torrent.
 */
struct lobby_peers {
    struct peer **by_id; /* NULL: the id is free */
    uint32_t n_ids;      /* 0 or a power of two */
    uint32_t id_at;      /* where the search for a free id begins */
    uint32_t n;
    uint32_t n_open;       /* without those that close */
    struct key_map by_key; /* open ones: the latest with a key, earlier ones by `twin` */
    struct list silent; /* new, by in_queue, oldest first: they join InterestStat after a second */
    struct peer *drained; /* freed at the end of the round, by `twin` */
};

void lobby_peers_init(struct lobby_peers *ps);
void lobby_peers_deinit(struct lobby_peers *ps); /* when it has no peers */

uint32_t lobby_peers_new_id(struct lobby *l);
/* P, which has its id, its torrent and its key, is a peer from now on. */
void lobby_peers_add(struct lobby *l, struct peer *p);
/* The latest peer with KEY that does not close, or NULL. */
struct peer *lobby_peers_find(const struct lobby *l, const struct peer_key *key);
/* The peer with the id *ATP (modulo the number of ids), or NULL; *ATP advances by one. */
struct peer *lobby_peers_next(const struct lobby *l, uint32_t *atp);

/* Makes epoll watch the stream of P, by OP of epoll_ctl. When that fails, P must close. */
void lobby_peer_watch(struct lobby *l, struct peer *p, int op);
/* Sends the output of P. False when P is closed. */
bool lobby_peer_flush(struct lobby *l, struct peer *p);

/* Closes P; or, while a thread owns it, sends Shutdown, and P is closed after Adopt. REASON, a
 * literal, counts unless P has one. */
void lobby_peer_close(struct lobby *l, struct peer *p, const char *reason);
/* Closes one of P and its twin, if it still has one. */
void lobby_peer_close_twin(struct lobby *l, struct peer *p);
/* After each message to a closing peer: P leaves its torrent once all its queries are answered. */
void lobby_peer_free_if_drained(struct lobby *l, struct peer *p);
/* At the end of a round, since its events may name a peer that is closed. */
void lobby_peers_free_drained(struct lobby *l);

#endif
