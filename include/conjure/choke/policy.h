/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_POLICY_H
#define CONJURE_CHOKE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/base/id_map.h"
#include "conjure/base/key_map.h"
#include "conjure/base/owner.h"
#include "conjure/base/rate.h"
#include "conjure/base/rng.h"
#include "conjure/choke/slots.h"

/*
 * The choke policy: which peers, of all torrents, may download from us. Peers and torrents are
 * named by number. A peer starts choked. A peer that is interested and unchoked fills a slot. The
 * rules are at the top of policy.c.
 *
 * Pure: `now` in ns. One thread at a time; init and deinit may be in others.
 */
#define CHOKE_ROUND_NS      (UINT64_C(10) * 1000000000)
#define CHOKE_OPTIMISTIC_NS (UINT64_C(30) * 1000000000)
#define CHOKE_QUANTUM_NS    (UINT64_C(60) * 1000000000) /* for which a seed serves one leecher */

/* All connections of one host. */
struct choke_host {
    uint64_t key;
    uint32_t n_peers;
    uint32_t n_slots;   /* filled by it */
    uint32_t n_in_turn; /* of the round under way */
    uint64_t served_ns; /* when it lost a slot last */
};

struct choke_peer {
    uint32_t id, torrent;
    uint32_t at; /* index in choke_policy.peers */
    void *user;
    struct rate down, up; /* content from the peer, and to it */
    uint64_t joined_ns;
    uint64_t unchoked_ns;   /* when it was last unchoked; 0: never */
    uint64_t waits_ns;      /* since when it waits: it was choked, or became interested */
    uint64_t served;        /* bytes sent to it since it was unchoked */
    uint64_t optimistic_ns; /* when it got its optimistic slot */
    struct choke_host *host;
    uint32_t rank, turn, host_rank; /* of the round under way */
    bool seeding;                   /* we have all of its torrent */
    bool is_seed, interested, snubbed;
    bool unchoked, optimistic;
    bool chosen; /* in the round under way */
};

/* A message to a peer. */
struct choke_change {
    uint32_t peer;
    void *user;
    bool unchoke;
};

struct choke_policy {
    struct owner owner;
    struct rng rng;
    struct choke_slots slots;
    struct choke_peer **peers;
    uint32_t n_peers;
    size_t n_peers_room;
    struct id_map by_id;
    struct key_map hosts;
    uint32_t n_used; /* slots that are filled */
    uint32_t turn;   /* which torrent comes first; changes every 30 s */
    uint64_t turn_ns;
    struct choke_change *changes; /* not yet taken: [changes_at, n_changes) */
    size_t changes_at, n_changes, n_changes_room;
};
#define CHOKE_POLICY_EMPTY ((struct choke_policy){0})

/* UPLOAD_LIMIT in bytes per second, 0: none. MAX_SLOTS 0: by capacity. */
void choke_policy_init(struct choke_policy *p, uint64_t upload_limit, uint32_t max_slots,
                       uint64_t seed);
void choke_policy_deinit(struct choke_policy *p); /* safe twice */

/* A peer as it joins. */
struct choke_newcomer {
    uint32_t peer, torrent;
    uint64_t host; /* addr_host */
    bool seeding;  /* we have all of its torrent */
    void *user;    /* stands in its changes */
};
void choke_policy_joined(struct choke_policy *p, const struct choke_newcomer *n, uint64_t now);
/* The peer has left: its slot is filled at once, and no later change names it. */
void choke_policy_left(struct choke_policy *p, uint32_t peer, uint64_t now);
/* The bytes that the peer moved since the last call. SNUBBED: it unchoked us and sent no content
 * for a minute. */
void choke_policy_moved(struct choke_policy *p, uint32_t peer, uint64_t downloaded,
                        uint64_t uploaded, bool snubbed, uint64_t now);
/* A newly interested peer is unchoked at once when a slot is free. */
void choke_policy_interest(struct choke_policy *p, uint32_t peer, bool interested, bool is_seed,
                           uint64_t now);
/* We seed this torrent from now on. */
void choke_policy_completed(struct choke_policy *p, uint32_t torrent);
/* In bytes per second, 0: none. Additional slots are filled at once; superfluous ones are taken
 * away in the next round. */
void choke_policy_set_limit(struct choke_policy *p, uint64_t upload_limit, uint64_t now);
/* Distributes all slots again. To be called every CHOKE_ROUND_NS. */
void choke_policy_round(struct choke_policy *p, uint64_t now);

/* Takes the next change that a call made; false when there is none. Take all after each call. */
bool choke_policy_next_change(struct choke_policy *p, struct choke_change *changep);
/* NULL when there is no such peer. */
const struct choke_peer *choke_policy_peer(const struct choke_policy *p, uint32_t peer);

#endif
