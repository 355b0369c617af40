/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_CHOKE_POLICY_H
#define CONJURE_CHOKE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/base/id_map.h"
#include "conjure/base/rate.h"
#include "conjure/base/rng.h"

/*
 * Who may download from us, over all torrents: the choke policy, pure. Peers and torrents are named
 * by number. A peer starts choked. Who is interested and unchoked fills a slot. `now` in ns, one
 * thread at a time. The rules are at the top of policy.c.
 */
#define CHOKE_ROUND_NS      (UINT64_C(10) * 1000000000)
#define CHOKE_OPTIMISTIC_NS (UINT64_C(30) * 1000000000)
#define CHOKE_QUANTUM_NS    (UINT64_C(60) * 1000000000) /* a seed serves one leecher this long */
#define CHOKE_NEW_NS        (UINT64_C(45) * 1000000000) /* new peers are likelier optimists */
#define CHOKE_SLOTS_START   8                           /* without a limit */
#define CHOKE_SLOTS_MIN     4
#define CHOKE_SLOTS_MAX     256

struct choke_peer {
    uint32_t id, torrent;
    uint32_t at; /* index in choke_policy.peers */
    void *user;
    struct rate down, up; /* content it sends us, we send it */
    uint64_t joined_ns;
    uint64_t unchoked_ns;   /* when it was last unchoked; 0 never */
    uint64_t choked_ns;     /* when it was last choked; 0 never */
    uint64_t served;        /* bytes since it was unchoked */
    uint64_t optimistic_ns; /* since when it has an optimistic slot */
    uint32_t rank, turn;    /* of the round under way */
    bool seeding;           /* we have all of its torrent */
    bool is_seed, interested, snubbed;
    bool unchoked, optimistic;
    bool chosen; /* of the round under way */
};

/* What the caller shall tell a peer. */
struct choke_change {
    uint32_t peer;
    void *user;
    bool unchoke;
};

struct choke_policy {
    struct rng rng;
    uint64_t upload_limit; /* bytes per second, 0: none */
    uint32_t max_slots;    /* 0: by capacity */
    struct choke_peer **peers;
    uint32_t n_peers, peers_size;
    struct id_map by_id;
    uint32_t n_used;        /* unchoked and interested */
    struct rate up;         /* of all */
    uint32_t n_grown;       /* slots added because more of them moved more */
    uint64_t grown_at_rate; /* what was moved then */
    uint32_t turn;          /* which torrent comes first; moves on every 30 s */
    uint64_t turn_ns;
    struct choke_change *changes; /* [changes_at, n_changes) */
    uint32_t changes_at, n_changes, changes_size;
};
#define CHOKE_POLICY_EMPTY ((struct choke_policy){0})

/* UPLOAD_LIMIT in bytes per second, 0 for none; MAX_SLOTS 0: by capacity. */
void choke_policy_init(struct choke_policy *p, uint64_t upload_limit, uint32_t max_slots,
                       uint64_t seed);
void choke_policy_deinit(struct choke_policy *p);

/* The peer must not be there already. USER comes back in the changes. */
void choke_policy_joined(struct choke_policy *p, uint32_t peer, uint32_t torrent, bool seeding,
                         void *user, uint64_t now);
/* Its slot goes to somebody else at once. No change names the peer from now on. */
void choke_policy_left(struct choke_policy *p, uint32_t peer, uint64_t now);
/* What it moved since the last call; SNUBBED: nothing came for a minute although it unchokes us. */
void choke_policy_moved(struct choke_policy *p, uint32_t peer, uint64_t downloaded,
                        uint64_t uploaded, bool snubbed, uint64_t now);
/* A newly interested peer is unchoked at once when a slot is free. */
void choke_policy_interest(struct choke_policy *p, uint32_t peer, bool interested, bool is_seed,
                           uint64_t now);
/* We seed this torrent from now on. */
void choke_policy_completed(struct choke_policy *p, uint32_t torrent);
/* In bytes per second, 0 for none. Slots that there are more of are filled at once; those too many go
 * with the next round. */
void choke_policy_set_limit(struct choke_policy *p, uint64_t upload_limit, uint64_t now);
/* Chooses anew; to be called every CHOKE_ROUND_NS. */
void choke_policy_round(struct choke_policy *p, uint64_t now);

/* How many peers may be unchoked and interested at a time. */
uint32_t choke_policy_n_slots(struct choke_policy *p, uint64_t now);
/* The changes of the calls so far, in order; take them after each call. */
bool choke_policy_next_change(struct choke_policy *p, struct choke_change *changep);
const struct choke_peer *choke_policy_peer(const struct choke_policy *p, uint32_t peer);

#endif
