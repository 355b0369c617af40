/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_LOBBY_TORRENTS_H
#define CONJURE_SRC_ACTORS_LOBBY_TORRENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/bitfield.h"
#include "conjure/base/due_heap.h"
#include "conjure/base/info_hash.h"
#include "conjure/base/key_map.h"
#include "conjure/base/list.h"
#include "conjure/msg/lobby.h"
#include "conjure/swarm/candidates.h"
#include "conjure/swarm/dial_queue.h"

/*
 * The torrents of the Lobby. A thousand torrents at rest cost nothing: each stands in a heap by the
 * time when an address of it may be dialled, or when it needs peers. One thread at a time.
 *
 * A torrent that is removed stays until its last connection is closed. It may be added again
 * before: then the new one is found by the info-hash.
 */
struct lobby_torrent {
    struct swarm *swarm; /* the key. A message may name it after it was freed, so look it up
                                  here before reading it */
    struct torrent *torrent;
    struct info_hash info_hash;
    uint32_t number;      /* no other torrent ever has it */
    struct bitfield have; /* verified pieces, for handshakes; unchanged once n_missing is 0 */
    uint32_t n_missing;   /* wanted pieces that are not verified */
    bool super_seed;      /* our pieces are hidden from peers */
    struct candidates candidates;
    struct list peers; /* all of them, also in threads and while they close */
    struct list handshakes;
    unsigned n_peers, n_handshakes, n_dialling;
    struct due due;        /* when to dial, or to ask for peers */
    struct dial_turn turn; /* while an address may be dialled now */
    uint64_t counted_ns;   /* of is_alone; 0: never */
    bool is_alone;
    uint64_t asked_ns;                     /* the last NeedPeers */
    struct lobby_torrent_removed *removal; /* to reply to once the last connection is closed */
    struct list in_drained;
};

struct lobby_torrents {
    struct key_map by_swarm, by_hash;
    struct due_heap due;
    struct list drained; /* removed, and without a connection */
    uint32_t n_ever;
    unsigned n_candidates; /* of all */
};

void lobby_torrents_init(struct lobby_torrents *ts);
void lobby_torrents_deinit(struct lobby_torrents *ts); /* when it has no torrents */

/* Takes what M owns. RETRY_NS: see candidates_init. */
struct lobby_torrent *lobby_torrents_add(struct lobby_torrents *ts, struct lobby_torrent_added *m,
                                         uint64_t retry_ns, uint64_t now);
/* NULL when there is none. */
struct lobby_torrent *lobby_torrents_find(const struct lobby_torrents *ts,
                                          const struct swarm *swarm);
struct lobby_torrent *lobby_torrents_find_hash(const struct lobby_torrents *ts,
                                               const struct info_hash *info_hash);
static inline unsigned lobby_torrents_n(const struct lobby_torrents *ts)
{
    return ts->by_swarm.n;
}

/* Makes T due at AT_NS, unless it is due earlier. UINT64_MAX changes nothing. */
void lobby_torrents_due(struct lobby_torrents *ts, struct lobby_torrent *t, uint64_t at_ns);
/* Takes a torrent that is due off the heap; NULL when none is. */
struct lobby_torrent *lobby_torrents_next_due(struct lobby_torrents *ts, uint64_t now);

/* Whether T has no useful peer: one on which data can move, or one that has pieces for us and has
 * not choked us for a minute. The result may be a second old. */
bool lobby_torrent_is_alone(struct lobby_torrent *t, uint64_t now);
/* Whether the Announcer must be asked for peers of T now: T misses pieces and is alone. While it
 * misses pieces it is due again every 30 s. */
bool lobby_torrents_must_ask(struct lobby_torrents *ts, struct lobby_torrent *t, uint64_t now);

/* PIECE of T is verified. */
void lobby_torrent_verified(struct lobby_torrent *t, uint32_t piece);
/* The pieces that peers may be served; NULL: every piece. */
const struct bitfield *lobby_torrent_have(const struct lobby_torrent *t);

/* A peer or a handshake of T has just left its list. */
void lobby_torrents_left(struct lobby_torrents *ts, struct lobby_torrent *t);
/* T takes no more connections; M is replied to by lobby_torrents_free_drained. */
void lobby_torrents_remove(struct lobby_torrents *ts, struct lobby_torrent *t,
                           struct lobby_torrent_removed *m);
/* Frees the removed torrents whose last connection is closed. At the end of a round: until then
 * connections may refer to them. */
void lobby_torrents_free_drained(struct lobby_torrents *ts);

#endif
