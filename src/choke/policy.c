/* SPDX-License-Identifier: MIT */
/*
 * The choke policy, after the original client's (BEP 3, "Choking Algorithms").
 *
 * HOSTS COME FIRST. A host (addr_host) gets a second slot only when no other host waits. A peer
 * gains nothing by connecting again: its wait began when it became interested, or when its host
 * last had a slot, whichever is later.
 *
 * A ROUND gives the slots to interested peers. Torrents take turns, one slot each, so that a
 * torrent with a thousand leechers does not starve one with two; which torrent begins changes every
 * 30 s. Within a torrent:
 *   - while we leech it, tit for tat: the peers that send to us fastest get the slots. The rate of
 *     a peer that has a slot counts a tenth more, so that equal peers do not replace each other in
 *     every round. The rule about hosts does not apply to a peer that sends to us. A peer that
 *     snubs us gets no such slot.
 *   - while we seed it, in turn: first the peers that have had their slot for less than a minute;
 *     then the waiting peers, the longest waiting first; then the peers whose minute is over, the
 *     least served first. So every leecher is served for whole minutes, and none is choked while
 *     slots are free. A peer that takes less than an eighth of its slot's share of the uplink
 *     comes last.
 *
 * OPTIMISTIC. While peers of torrents that we leech have no slot, one slot in eight (at least one)
 * is given to a random one of a random host for 30 s, whatever its rate. So new peers get pieces to
 * trade, and we find better partners.
 *
 * BETWEEN ROUNDS a free slot is filled at once, by a peer that becomes interested or else by the
 * first waiting peer. A peer that loses interest frees its slot at once, but only the next round
 * chokes it, since most are interested again within seconds.
 */
#include "conjure/choke/policy.h"

#include <assert.h>
#include <stdlib.h>

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define SLOTS_PER_OPTIMISTIC 8
#define SLOW_SHARE           8 /* a slow reader gets less than one part in so many of the mean */
#define SLOT_BYTES_PER_S     (8u << 10) /* what a slot moves at least, without a limit */
#define CHANCES              4096

void choke_policy_init(struct choke_policy *p, uint64_t upload_limit, uint32_t max_slots,
                       uint64_t seed)
{
    *p = CHOKE_POLICY_EMPTY;
    p->slots.limit = upload_limit;
    p->slots.configured = max_slots;
    p->hosts = KEY_MAP(struct choke_host, key);
    rng_seed(&p->rng, seed);
}

void choke_policy_deinit(struct choke_policy *p)
{
    for (uint32_t i = 0; i < p->n_peers; i++)
        free(p->peers[i]);
    free(p->peers);
    free(p->changes);
    id_map_deinit(&p->by_id);
    for (uint32_t i = 0; i < p->hosts.n_slots; i++)
        free(p->hosts.slots[i].value);
    key_map_deinit(&p->hosts);
    *p = CHOKE_POLICY_EMPTY;
}

const struct choke_peer *choke_policy_peer(const struct choke_policy *p, uint32_t peer)
{
    return id_map_get(&p->by_id, peer);
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
    peer->host->n_slots += peer->interested;
    add_change(p, peer);
}

static void choke(struct choke_policy *p, struct choke_peer *peer, uint64_t now)
{
    peer->optimistic = false;
    if (!peer->unchoked)
        return;
    peer->unchoked = false;
    peer->waits_ns = peer->host->served_ns = now;
    p->n_used -= peer->interested;
    peer->host->n_slots -= peer->interested;
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

/* Since when a peer without a slot waits. A host that is served does not wait. */
static uint64_t waits_since(const struct choke_peer *c)
{
    if (c->host->n_slots)
        return UINT64_MAX;
    return c->waits_ns > c->host->served_ns ? c->waits_ns : c->host->served_ns;
}

/* Whether a free slot is for A rather than B: by host, the better partner, the longest waiting. */
static bool comes_first(const struct choke_peer *a, const struct choke_peer *b)
{
    if (a->host->n_slots != b->host->n_slots)
        return a->host->n_slots < b->host->n_slots;
    if (a->down.per_s > b->down.per_s || a->down.per_s < b->down.per_s)
        return a->down.per_s > b->down.per_s;
    if (waits_since(a) != waits_since(b))
        return waits_since(a) < waits_since(b);
    return a->waits_ns < b->waits_ns;
}

static void fill_free_slots(struct choke_policy *p, uint64_t now)
{
    uint32_t n_slots = choke_slots_n(&p->slots);

    while (p->n_used < n_slots) {
        struct choke_peer *best = NULL;

        for (uint32_t i = 0; i < p->n_peers; i++) {
            struct choke_peer *peer = p->peers[i];

            if (waits(peer) && may_have_slot(peer) && (!best || comes_first(peer, best)))
                best = peer;
        }
        if (!best)
            return;
        unchoke(p, best, now);
    }
}

static struct choke_host *host_get(struct choke_policy *p, uint64_t key)
{
    struct choke_host *h = key_map_get(&p->hosts, &key);

    if (h)
        return h;
    h = NEW(struct choke_host);
    h->key = key;
    key_map_put(&p->hosts, h);
    return h;
}

void choke_policy_joined(struct choke_policy *p, const struct choke_newcomer *n, uint64_t now)
{
    struct choke_peer *c = NEW(struct choke_peer);

    owner_assert(&p->owner);
    assert(!choke_policy_peer(p, n->peer));
    *c = (struct choke_peer){.id = n->peer,
                             .torrent = n->torrent,
                             .at = p->n_peers,
                             .user = n->user,
                             .host = host_get(p, n->host),
                             .joined_ns = now,
                             .waits_ns = now,
                             .seeding = n->seeding};
    c->host->n_peers++;
    mem_reserve(&p->peers, &p->n_peers_room, (size_t)p->n_peers + 1, sizeof(struct choke_peer *));
    p->peers[p->n_peers++] = c;
    id_map_put(&p->by_id, n->peer, c);
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
    c->host->n_slots -= frees;
    if (c->unchoked)
        c->host->served_ns = now;
    if (!--c->host->n_peers)
        free(key_map_remove(&p->hosts, &c->host->key));
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
    choke_slots_moved(&p->slots, uploaded);
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
    if (interested)
        c->waits_ns = now;
    if (c->unchoked) {
        p->n_used += interested ? 1 : -1;
        c->host->n_slots += interested ? 1 : -1;
    }
    if (interested && waits(c) && may_have_slot(c) && p->n_used < choke_slots_n(&p->slots))
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
    choke_slots_set_limit(&p->slots, upload_limit);
    fill_free_slots(p, now);
}

/* --- a round -------------------------------------------------------------------------------- */

/* Peers of a torrent that we seed, in the order of service. */
enum service_class {
    SERVICE_UNDER_WAY, /* keeps its slot */
    SERVICE_WAITS,
    SERVICE_OVER, /* its minute is over */
    SERVICE_SLOW, /* it reads far less than others */
};

static bool is_slow(const struct choke_policy *p, const struct choke_peer *c, uint64_t now)
{
    uint64_t ns = now - c->unchoked_ns;
    uint64_t mean = p->n_used ? p->slots.rate / p->n_used : 0;
    uint64_t due = p->slots.limit ? p->slots.limit / choke_slots_n(&p->slots) : SLOT_BYTES_PER_S;

    if (ns < CHOKE_ROUND_NS - NS_PER_S)
        return false;
    return (double)c->served * (double)NS_PER_S / (double)ns * SLOW_SHARE <
           (double)(mean > due ? mean : due);
}

static enum service_class service_class(const struct choke_policy *p, const struct choke_peer *c,
                                        uint64_t now)
{
    if (!c->unchoked)
        return SERVICE_WAITS;
    if (is_slow(p, c, now))
        return SERVICE_SLOW;
    return now - c->unchoked_ns < CHOKE_QUANTUM_NS ? SERVICE_UNDER_WAY : SERVICE_OVER;
}

#define by_number(a, b) (((a) > (b)) - ((a) < (b)))

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
        if (a->rank == SERVICE_WAITS && waits_since(a) != waits_since(b))
            return by_number(waits_since(a), waits_since(b));
        if (a->rank == SERVICE_WAITS && a->waits_ns != b->waits_ns)
            return by_number(a->waits_ns, b->waits_ns);
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
        c[i]->rank = (uint32_t)service_class(p, c[i], now);
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

static int compare_hosts(const void *x, const void *y)
{
    const struct choke_peer *a = *(struct choke_peer *const *)x,
                            *b = *(struct choke_peer *const *)y;

    if (a->host_rank != b->host_rank)
        return a->host_rank < b->host_rank ? -1 : 1;
    return by_number(a->turn, b->turn);
}

/* Keeps the order, but puts the first candidate of each host before any second one. A partner that
 * sends to us has earned its place. */
static void put_hosts_first(struct choke_peer **c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        c[i]->host->n_in_turn = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool earned = !c[i]->seeding && c[i]->down.per_s > 0;

        c[i]->host_rank = earned ? 0 : c[i]->host->n_in_turn++;
        c[i]->turn = i;
    }
    qsort(c, n, sizeof(struct choke_peer *), compare_hosts);
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
            uint32_t chances = CHANCES / (c->host->n_peers < CHANCES ? c->host->n_peers : CHANCES);

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
    choke_slots_round(&p->slots, n, now);
    n_slots = choke_slots_n(&p->slots);
    n_optimistic = (n_slots + SLOTS_PER_OPTIMISTIC - 1) / SLOTS_PER_OPTIMISTIC;
    if (n_optimistic == n_slots)
        n_optimistic = 0;
    order_by_turns(p, c, n, now);
    put_hosts_first(c, n);
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
