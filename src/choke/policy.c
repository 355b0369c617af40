/* SPDX-License-Identifier: MIT */
/*
 * The choke policy, after the original client's (BEP 3, "Choking Algorithms").
 *
 * SLOTS. Their number is configured, or follows from the upload limit: max(4, sqrt(0.6 * KiB/s)),
 * as in the original client. Without a limit it follows from the measured rate in the same way, and
 * is at least 8; it grows by one while peers wait for a slot and the last slot added brought 5 %
 * more.
 *
 * A ROUND gives the slots to interested peers. Torrents take turns, one slot each, so that a
 * torrent with a thousand leechers does not starve one with two; which torrent begins changes every
 * 30 s. Within a torrent:
 *   - while we leech it, tit for tat: peers are ordered by the rate at which they send to us. The
 *     rate of a peer with a slot counts a tenth more, so that equal peers do not flap. A snubbing
 *     peer gets no such slot.
 *   - while we seed it, in turn: first the peers that have had their slot for less than a minute;
 *     then the waiting peers, the longest waiting first; then the peers whose minute is over, the
 *     least served first. So every leecher is served for whole minutes, and none is choked while
 *     slots are free.
 *
 * OPTIMISTIC. While peers of torrents that we leech have no slot, one slot in eight (at least one)
 * is given to a random one of them for 30 s, whatever its rate; a peer that joined within 45 s is
 * three times as likely. So new peers get pieces to trade, and we find better partners.
 *
 * BETWEEN ROUNDS a free slot is filled at once, by a peer that becomes interested or else by the
 * first waiting peer. A peer that loses interest frees its slot at once, but only the next round
 * chokes it: most are interested again within seconds.
 */
#include "conjure/choke/policy.h"

#include <assert.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define NEW_PEER_CHANCES     3
#define SLOTS_PER_OPTIMISTIC 8
#define GROWN_MAX            64

void choke_policy_init(struct choke_policy *p, uint64_t upload_limit, uint32_t max_slots,
                       uint64_t seed)
{
    *p = CHOKE_POLICY_EMPTY;
    p->upload_limit = upload_limit;
    p->max_slots = max_slots;
    rng_seed(&p->rng, seed);
}

void choke_policy_deinit(struct choke_policy *p)
{
    for (uint32_t i = 0; i < p->n_peers; i++)
        free(p->peers[i]);
    free(p->peers);
    free(p->changes);
    id_map_deinit(&p->by_id);
    *p = CHOKE_POLICY_EMPTY;
}

const struct choke_peer *choke_policy_peer(const struct choke_policy *p, uint32_t peer)
{
    return id_map_get(&p->by_id, peer);
}

/* --- slots --------------------------------------------------------------------------------- */

static uint32_t slots_for(uint64_t bytes_per_s)
{
    uint64_t square = bytes_per_s / 1024 * 6 / 10;
    uint32_t n = CHOKE_SLOTS_MIN;

    while (n < CHOKE_SLOTS_MAX && (uint64_t)(n + 1) * (n + 1) <= square)
        n++;
    return n;
}

uint32_t choke_policy_n_slots(struct choke_policy *p, uint64_t now)
{
    uint32_t n;

    if (p->max_slots)
        return p->max_slots;
    if (p->upload_limit)
        return slots_for(p->upload_limit);
    n = slots_for(rate_get(&p->up, now));
    n = (n > CHOKE_SLOTS_START ? n : CHOKE_SLOTS_START) + p->n_grown;
    return n < CHOKE_SLOTS_MAX ? n : CHOKE_SLOTS_MAX;
}

static void grow_slots(struct choke_policy *p, bool peers_wait, uint64_t now)
{
    uint64_t rate = rate_get(&p->up, now);

    if (p->max_slots || p->upload_limit)
        return;
    if (rate < p->grown_at_rate / 2)
        p->grown_at_rate = rate; /* the uplink has changed: allow growth again */
    if (peers_wait && p->n_grown < GROWN_MAX && rate > p->grown_at_rate / 20 * 21) {
        p->n_grown++;
        p->grown_at_rate = rate;
    } else if (!peers_wait && p->n_grown) {
        p->n_grown--;
    }
}

/* --- peers --------------------------------------------------------------------------------- */

static void add_change(struct choke_policy *p, const struct choke_peer *peer)
{
    mem_reserve(&p->changes, &p->n_changes_room, p->n_changes + 1, sizeof *p->changes);
    p->changes[p->n_changes++] =
        (struct choke_change){.peer = peer->id, .user = peer->user, .unchoke = peer->unchoked};
}

static void unchoke(struct choke_policy *p, struct choke_peer *peer, uint64_t now)
{
    if (peer->unchoked)
        return;
    peer->unchoked = true;
    peer->unchoked_ns = now;
    peer->served = 0;
    p->n_used += peer->interested;
    add_change(p, peer);
}

static void choke(struct choke_policy *p, struct choke_peer *peer, uint64_t now)
{
    peer->optimistic = false;
    if (!peer->unchoked)
        return;
    peer->unchoked = false;
    peer->choked_ns = now;
    p->n_used -= peer->interested;
    add_change(p, peer);
}

bool choke_policy_next_change(struct choke_policy *p, struct choke_change *changep)
{
    if (p->changes_at == p->n_changes) {
        p->changes_at = p->n_changes = 0;
        return false;
    }
    *changep = p->changes[p->changes_at++];
    return true;
}

static bool waits(const struct choke_peer *peer)
{
    return peer->interested && !peer->unchoked && !peer->is_seed;
}

static bool may_have_slot(const struct choke_peer *peer)
{
    return peer->interested && !peer->is_seed && (peer->seeding || !peer->snubbed);
}

/* Gives free slots to waiting peers: to the best partner, or to the longest waiting. */
static void fill_free_slots(struct choke_policy *p, uint64_t now)
{
    uint32_t n_slots = choke_policy_n_slots(p, now);

    while (p->n_used < n_slots) {
        struct choke_peer *best = NULL;

        for (uint32_t i = 0; i < p->n_peers; i++) {
            struct choke_peer *peer = p->peers[i];

            if (!waits(peer) || !may_have_slot(peer))
                continue;
            if (!best || peer->down.per_s > best->down.per_s ||
                (peer->down.per_s >= best->down.per_s && peer->choked_ns < best->choked_ns))
                best = peer;
        }
        if (!best)
            return;
        unchoke(p, best, now);
    }
}

void choke_policy_joined(struct choke_policy *p, uint32_t peer, uint32_t torrent, bool seeding,
                         void *user, uint64_t now)
{
    struct choke_peer *c = NEW(struct choke_peer);

    owner_assert(&p->owner);
    assert(!choke_policy_peer(p, peer));
    *c = (struct choke_peer){.id = peer,
                             .torrent = torrent,
                             .at = p->n_peers,
                             .user = user,
                             .joined_ns = now,
                             .seeding = seeding};
    mem_reserve(&p->peers, &p->n_peers_room, (size_t)p->n_peers + 1, sizeof(struct choke_peer *));
    p->peers[p->n_peers++] = c;
    id_map_put(&p->by_id, peer, c);
}

void choke_policy_left(struct choke_policy *p, uint32_t peer, uint64_t now)
{
    struct choke_peer *c = id_map_remove(&p->by_id, peer);
    bool frees;

    owner_assert(&p->owner);
    if (!c)
        return;
    frees = c->unchoked && c->interested;
    p->n_used -= frees;
    p->peers[c->at] = p->peers[--p->n_peers];
    p->peers[c->at]->at = c->at;
    free(c);
    if (frees)
        fill_free_slots(p, now);
}

void choke_policy_moved(struct choke_policy *p, uint32_t peer, uint64_t downloaded,
                        uint64_t uploaded, bool snubbed, uint64_t now)
{
    struct choke_peer *c = id_map_get(&p->by_id, peer);

    owner_assert(&p->owner);
    if (!c)
        return;
    rate_add(&c->down, downloaded, now);
    rate_add(&c->up, uploaded, now);
    rate_add(&p->up, uploaded, now);
    c->served += uploaded;
    c->snubbed = snubbed && !downloaded;
}

void choke_policy_interest(struct choke_policy *p, uint32_t peer, bool interested, bool is_seed,
                           uint64_t now)
{
    struct choke_peer *c = id_map_get(&p->by_id, peer);
    bool was;

    owner_assert(&p->owner);
    if (!c)
        return;
    was = c->interested;
    c->interested = interested;
    c->is_seed = is_seed;
    if (was == interested)
        return;
    if (c->unchoked)
        p->n_used += interested ? 1 : -1;
    if (interested && waits(c) && may_have_slot(c) && p->n_used < choke_policy_n_slots(p, now))
        unchoke(p, c, now);
    else if (!interested && c->unchoked)
        fill_free_slots(p, now);
}

void choke_policy_completed(struct choke_policy *p, uint32_t torrent)
{
    owner_assert(&p->owner);
    for (uint32_t i = 0; i < p->n_peers; i++) {
        if (p->peers[i]->torrent == torrent) {
            p->peers[i]->seeding = true;
            p->peers[i]->optimistic = false;
        }
    }
}

void choke_policy_set_limit(struct choke_policy *p, uint64_t upload_limit, uint64_t now)
{
    owner_assert(&p->owner);
    p->upload_limit = upload_limit;
    fill_free_slots(p, now);
}

/* --- a round -------------------------------------------------------------------------------- */

/* Peers of a torrent that we seed, in the order of service. */
enum service_class {
    SERVICE_UNDER_WAY, /* keeps its slot */
    SERVICE_WAITS,
    SERVICE_OVER, /* its minute is over */
};

static enum service_class service_class(const struct choke_peer *c, uint64_t now)
{
    if (!c->unchoked)
        return SERVICE_WAITS;
    return now - c->unchoked_ns < CHOKE_QUANTUM_NS ? SERVICE_UNDER_WAY : SERVICE_OVER;
}

static int by_number(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static double partner_rate(const struct choke_peer *c)
{
    return c->unchoked && !c->optimistic ? c->down.per_s * 1.1 : c->down.per_s;
}

/* The order within a torrent. `rank` is the service class. */
static int compare_in_torrent(const struct choke_peer *a, const struct choke_peer *b)
{
    if (a->seeding) {
        if (a->rank != b->rank)
            return a->rank < b->rank ? -1 : 1;
        if (a->rank == SERVICE_WAITS && a->choked_ns != b->choked_ns)
            return by_number(a->choked_ns, b->choked_ns);
        if (a->rank == SERVICE_OVER && a->served != b->served)
            return by_number(a->served, b->served);
    } else {
        double x = partner_rate(a), y = partner_rate(b);

        if (x > y || x < y)
            return x > y ? -1 : 1;
        if (a->unchoked != b->unchoked)
            return a->unchoked ? -1 : 1;
    }
    if (a->joined_ns != b->joined_ns)
        return by_number(a->joined_ns, b->joined_ns);
    return by_number(a->id, b->id);
}

static int compare_by_torrent(const void *x, const void *y)
{
    const struct choke_peer *a = *(struct choke_peer *const *)x,
                            *b = *(struct choke_peer *const *)y;

    if (a->torrent != b->torrent)
        return a->torrent < b->torrent ? -1 : 1;
    return compare_in_torrent(a, b);
}

static int compare_turns(const void *x, const void *y)
{
    const struct choke_peer *a = *(struct choke_peer *const *)x,
                            *b = *(struct choke_peer *const *)y;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return by_number(a->turn, b->turn);
}

/* Orders the candidates by turns: the first of each torrent, the second of each... */
static void order_by_turns(struct choke_policy *p, struct choke_peer **c, uint32_t n, uint64_t now)
{
    uint32_t n_torrents = 0, rank = 0, first;

    for (uint32_t i = 0; i < n; i++) {
        rate_get(&c[i]->down, now);
        c[i]->rank = (uint32_t)service_class(c[i], now);
    }
    qsort(c, n, sizeof(struct choke_peer *), compare_by_torrent);
    for (uint32_t i = 0; i < n; i++) {
        rank = i && c[i]->torrent == c[i - 1]->torrent ? rank + 1 : 0;
        n_torrents += rank == 0;
        c[i]->rank = rank;
        c[i]->turn = n_torrents - 1;
    }
    if (now - p->turn_ns >= CHOKE_OPTIMISTIC_NS) {
        p->turn_ns = now;
        p->turn++;
    }
    first = n_torrents ? p->turn % n_torrents : 0;
    for (uint32_t i = 0; i < n; i++)
        c[i]->turn = (c[i]->turn + n_torrents - first) % n_torrents;
    qsort(c, n, sizeof(struct choke_peer *), compare_turns);
}

static bool may_be_optimistic(const struct choke_peer *c)
{
    return c->interested && !c->is_seed && !c->seeding && !c->chosen;
}

/* Chooses up to N of the peers without a slot: first those within their 30 s, then random ones.
 * Returns their number. */
static uint32_t choose_optimistic(struct choke_policy *p, uint32_t n, uint64_t now)
{
    uint32_t n_wanted = n;

    for (uint32_t i = 0; i < p->n_peers; i++) {
        struct choke_peer *c = p->peers[i];

        if (c->optimistic && n && may_be_optimistic(c) &&
            now - c->optimistic_ns < CHOKE_OPTIMISTIC_NS) {
            c->chosen = true;
            n--;
        } else {
            c->optimistic = false;
        }
    }
    for (; n; n--) {
        struct choke_peer *winner = NULL;
        uint32_t n_chances = 0;

        for (uint32_t i = 0; i < p->n_peers; i++) {
            struct choke_peer *c = p->peers[i];
            uint32_t chances = now - c->joined_ns < CHOKE_NEW_NS ? NEW_PEER_CHANCES : 1;

            if (!may_be_optimistic(c))
                continue;
            n_chances += chances;
            if (rng_below(&p->rng, n_chances) < chances)
                winner = c;
        }
        if (!winner)
            break;
        winner->chosen = winner->optimistic = true;
        winner->optimistic_ns = now;
    }
    return n_wanted - n;
}

void choke_policy_round(struct choke_policy *p, uint64_t now)
{
    struct choke_peer **c = mem_new_array((size_t)p->n_peers + 1, sizeof *c);
    uint32_t n = 0, n_slots, n_optimistic, n_chosen = 0;

    owner_assert(&p->owner);
    for (uint32_t i = 0; i < p->n_peers; i++) {
        p->peers[i]->chosen = false;
        if (may_have_slot(p->peers[i]))
            c[n++] = p->peers[i];
    }
    grow_slots(p, n > choke_policy_n_slots(p, now), now);
    n_slots = choke_policy_n_slots(p, now);
    n_optimistic = (n_slots + SLOTS_PER_OPTIMISTIC - 1) / SLOTS_PER_OPTIMISTIC;
    if (n_optimistic == n_slots)
        n_optimistic = 0;
    order_by_turns(p, c, n, now);
    for (uint32_t i = 0; i < n && i < n_slots - n_optimistic; i++, n_chosen++)
        c[i]->chosen = true;
    n_chosen += choose_optimistic(p, n_optimistic, now);
    for (uint32_t i = 0; i < n && n_chosen < n_slots; i++) {
        n_chosen += !c[i]->chosen;
        c[i]->chosen = true;
    }
    for (uint32_t i = 0; i < p->n_peers; i++)
        if (!p->peers[i]->chosen)
            choke(p, p->peers[i], now);
    for (uint32_t i = 0; i < p->n_peers; i++)
        if (p->peers[i]->chosen)
            unchoke(p, p->peers[i], now);
    free(c);
}
