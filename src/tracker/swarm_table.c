/* SPDX-License-Identifier: MIT */
/*
 * A swarm has its peers in a dense array: random peers are picked from a random place onwards. An
 * index by host (open addressing, at most half full) finds the peer that announces, and the others
 * of its host, which are at most SWARM_HOST_MAX. The last peer moves into the place of one that is
 * removed. Removing from the index moves displaced entries back (Knuth's algorithm R), so there are
 * no tombstones.
 */
#include "conjure/tracker/swarm_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/base/siphash.h"

void swarm_table_init(struct swarm_table *t, const struct swarm_table_limits *limits)
{
    memset(t, 0, sizeof *t);
    t->limits = *limits;
    crowd_init(&t->crowd);
}

static void swarm_free(struct swarm_table *t, struct tracked_swarm *s)
{
    crowd_remove(&t->crowd, &s->in_crowd);
    t->n_peers -= s->n_peers;
    free(s->peers);
    free(s->index);
    free(s);
}

void swarm_table_deinit(struct swarm_table *t)
{
    for (uint32_t i = 0; i < SWARM_TABLE_SIZE; i++) {
        while (t->buckets[i]) {
            struct tracked_swarm *s = t->buckets[i];

            t->buckets[i] = s->next;
            swarm_free(t, s);
        }
    }
    crowd_deinit(&t->crowd);
    t->n_swarms = 0;
}

static uint32_t bucket_of(const struct info_hash *info_hash)
{
    return (uint32_t)siphash(sip_secret_of_process(), info_hash->bytes, INFO_HASH_SIZE) %
           SWARM_TABLE_SIZE;
}

const struct tracked_swarm *swarm_table_find(const struct swarm_table *t,
                                             const struct info_hash *info_hash)
{
    for (const struct tracked_swarm *s = t->buckets[bucket_of(info_hash)]; s; s = s->next)
        if (info_hash_equal(&s->info_hash, info_hash))
            return s;
    return NULL;
}

/* --- the index ---------------------------------------------------------------------------- */

static uint32_t index_home(const struct tracked_swarm *s, const struct addr *a)
{
    uint64_t host = addr_host(a);

    return (uint32_t)siphash(sip_secret_of_process(), &host, sizeof host) & (s->n_index - 1);
}

/* The entry of A, or the free one where it belongs. */
static uint32_t index_find(const struct tracked_swarm *s, const struct addr *a)
{
    uint32_t i = index_home(s, a);

    while (s->index[i] && !addr_equal(&s->peers[s->index[i] - 1].addr, a))
        i = (i + 1) & (s->n_index - 1);
    return i;
}

static void index_remove(struct tracked_swarm *s, uint32_t hole)
{
    uint32_t mask = s->n_index - 1;

    for (uint32_t i = (hole + 1) & mask; s->index[i]; i = (i + 1) & mask) {
        uint32_t home = index_home(s, &s->peers[s->index[i] - 1].addr);

        /* An entry may move into the hole unless its home is between the hole and itself. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            s->index[hole] = s->index[i];
            hole = i;
        }
    }
    s->index[hole] = 0;
}

/* --- peers -------------------------------------------------------------------------------- */

static struct tracked_peer *find_peer(const struct tracked_swarm *s, const struct addr *a)
{
    uint32_t at = s->n_index ? s->index[index_find(s, a)] : 0;

    return at ? &s->peers[at - 1] : NULL;
}

static void remove_peer(struct swarm_table *t, struct tracked_swarm *s, struct tracked_peer *peer)
{
    uint32_t i = (uint32_t)(peer - s->peers);

    s->n_seeds -= peer->is_seed;
    s->n_partial -= peer->is_partial;
    index_remove(s, index_find(s, &peer->addr));
    s->n_peers--;
    t->n_peers--;
    if (i == s->n_peers)
        return;
    s->index[index_find(s, &s->peers[s->n_peers].addr)] = i + 1;
    *peer = s->peers[s->n_peers];
}

static int make_room(struct tracked_swarm *s)
{
    uint32_t n_room = s->n_room ? s->n_room * 2 : 8;
    struct tracked_peer *peers;
    uint32_t *index;

    if (s->n_peers < s->n_room)
        return 0;
    index = calloc(n_room, 2 * sizeof index[0]);
    peers = index ? realloc(s->peers, n_room * sizeof peers[0]) : NULL;
    if (!peers) {
        free(index);
        return -ENOMEM;
    }
    free(s->index);
    s->peers = peers;
    s->n_room = n_room;
    s->index = index;
    s->n_index = n_room * 2;
    for (uint32_t i = 0; i < s->n_peers; i++)
        s->index[index_find(s, &peers[i].addr)] = i + 1;
    return 0;
}

static int add_peer(struct swarm_table *t, struct tracked_swarm *s, const struct addr *a,
                    struct tracked_peer **outp)
{
    int r = make_room(s);

    if (r)
        return r;
    s->peers[s->n_peers] = (struct tracked_peer){.addr = *a};
    s->index[index_find(s, a)] = s->n_peers + 1;
    *outp = &s->peers[s->n_peers++];
    t->n_peers++;
    return 0;
}

/* --- announces ---------------------------------------------------------------------------- */

static void forget(struct swarm_table *t, struct tracked_swarm *s)
{
    struct tracked_swarm **at = &t->buckets[bucket_of(&s->info_hash)];

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    swarm_free(t, s);
    t->n_swarms--;
}

static void forget_if_empty(struct swarm_table *t, struct tracked_swarm *s)
{
    if (!s->n_peers)
        forget(t, s);
}

/* Makes room for another swarm, or for a peer of KEPT. */
static bool evict_swarm(struct swarm_table *t, const struct tracked_swarm *kept)
{
    struct crowd_member *m = crowd_first_to_go(&t->crowd);
    struct tracked_swarm *s = m ? container_of(m, struct tracked_swarm, in_crowd) : NULL;

    if (!s || s == kept)
        return false;
    forget(t, s);
    return true;
}

static int find_or_add(struct swarm_table *t, const struct info_hash *info_hash,
                       struct tracked_swarm **outp)
{
    struct tracked_swarm *s = (struct tracked_swarm *)swarm_table_find(t, info_hash);

    if (!s) {
        if (t->n_swarms >= t->limits.n_swarms && !evict_swarm(t, NULL))
            return SWARM_TABLE_FULL;
        s = calloc(1, sizeof *s);
        if (!s)
            return -ENOMEM;
        s->info_hash = *info_hash;
        s->next = t->buckets[bucket_of(info_hash)];
        t->buckets[bucket_of(info_hash)] = s;
        t->n_swarms++;
    }
    *outp = s;
    return 0;
}

static void expire(struct swarm_table *t, struct tracked_swarm *s, uint64_t now)
{
    for (uint32_t i = s->n_peers; i--;)
        if (now - s->peers[i].announced_at > t->limits.expiry_ns)
            remove_peer(t, s, &s->peers[i]);
}

/* The peer of the host of FROM that announced first, when the host may have no more; or NULL. */
static struct tracked_peer *find_of_full_host(const struct tracked_swarm *s,
                                              const struct addr *from)
{
    uint64_t host = addr_host(from);
    struct tracked_peer *oldest = NULL;
    unsigned n = 0;

    if (!s->n_index)
        return NULL;
    for (uint32_t i = index_home(s, from); s->index[i]; i = (i + 1) & (s->n_index - 1)) {
        struct tracked_peer *peer = &s->peers[s->index[i] - 1];

        if (addr_host(&peer->addr) != host)
            continue;
        n++;
        if (!oldest || peer->announced_at < oldest->announced_at)
            oldest = peer;
    }
    return n >= SWARM_HOST_MAX ? oldest : NULL;
}

/* A new peer of S, with others replaced as the limits demand. */
static int admit(struct swarm_table *t, struct tracked_swarm *s, const struct addr *from,
                 struct rng *rng, struct tracked_peer **outp)
{
    struct tracked_peer *replaced = find_of_full_host(s, from);

    if (!replaced && s->n_peers >= t->limits.n_peers)
        replaced = &s->peers[rng_below(rng, s->n_peers)];
    if (replaced)
        remove_peer(t, s, replaced);
    else if (t->n_peers >= t->limits.n_peers_sum && !evict_swarm(t, s))
        return SWARM_TABLE_FULL;
    return add_peer(t, s, from, outp);
}

int swarm_table_announce(struct swarm_table *t, const struct announce_request *request,
                         const struct addr *from, uint64_t now, struct rng *rng,
                         const struct tracked_swarm **swarmp)
{
    struct tracked_peer *peer;
    struct tracked_swarm *s;
    bool is_seed = request->left == 0;
    bool is_partial = request->event == ANNOUNCE_PAUSED && !is_seed;
    int r;

    *swarmp = NULL;
    if (request->event == ANNOUNCE_STOPPED) {
        s = (struct tracked_swarm *)swarm_table_find(t, &request->self.info_hash);
        peer = s ? find_peer(s, from) : NULL;
        if (peer)
            remove_peer(t, s, peer);
        if (s && s->n_peers)
            *swarmp = s;
        else if (s)
            forget_if_empty(t, s);
        return 0;
    }
    r = find_or_add(t, &request->self.info_hash, &s);
    if (r)
        return r;
    peer = find_peer(s, from);
    r = peer ? 0 : admit(t, s, from, rng, &peer);
    if (r) {
        forget_if_empty(t, s);
        return r;
    }
    crowd_remove(&t->crowd, &s->in_crowd);
    crowd_add(&t->crowd, &s->in_crowd, from);
    s->n_seeds += (uint32_t)is_seed - (uint32_t)peer->is_seed;
    s->n_partial += (uint32_t)is_partial - (uint32_t)peer->is_partial;
    /* A repeated `completed` does not count: the peer is a seed already. */
    if (request->event == ANNOUNCE_COMPLETED && is_seed && !peer->is_seed)
        s->n_completed++;
    peer->is_seed = is_seed;
    peer->is_partial = is_partial;
    peer->announced_at = now;
    memcpy(peer->peer_id, request->self.peer_id, sizeof peer->peer_id);
    *swarmp = s;
    return 0;
}

uint32_t tracked_swarm_pick(const struct tracked_swarm *s, const struct addr *asker,
                            enum swarm_pick which, uint8_t family, struct rng *rng,
                            const struct tracked_peer *picked[SWARM_WANT_MAX], uint32_t n_max)
{
    uint32_t n = 0, n_seen = 0, begin;

    if (n_max > SWARM_WANT_MAX)
        n_max = SWARM_WANT_MAX;
    if (!s->n_peers || !n_max)
        return 0;
    begin = rng_below(rng, s->n_peers);
    for (uint32_t k = 0; k < s->n_peers; k++) {
        const struct tracked_peer *peer = &s->peers[(begin + k) % s->n_peers];

        if (addr_equal(&peer->addr, asker) || (family && peer->addr.family != family) ||
            (which == SWARM_PICK_LEECHERS && (peer->is_seed || peer->is_partial)))
            continue;
        /* Reservoir sampling, over a window that is bounded for speed. */
        n_seen++;
        if (n < n_max) {
            picked[n++] = peer;
        } else {
            uint32_t i = rng_below(rng, n_seen);

            if (i < n_max)
                picked[i] = peer;
            if (n_seen >= 4 * n_max)
                break;
        }
    }
    return n;
}

void swarm_table_sweep(struct swarm_table *t, uint64_t now)
{
    for (uint32_t k = 0; k < SWARM_TABLE_SIZE / 16; k++) {
        struct tracked_swarm *s = t->buckets[t->sweep_at], *next;

        for (; s; s = next) {
            next = s->next;
            expire(t, s, now);
            forget_if_empty(t, s);
        }
        t->sweep_at = (t->sweep_at + 1) % SWARM_TABLE_SIZE;
    }
}
