/* SPDX-License-Identifier: MIT */
/*
 * Choker: the choke policy behind an inbox, and the totals of torrents.
 *
 * It ticks once a second while there are peers. A tick is also a round of the policy when the last
 * round was at least ten seconds ago.
 */
#include "conjure/actors/choker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/actors/actor.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/id_map.h"
#include "conjure/base/rng.h"
#include "conjure/choke/guide.h"
#include "conjure/choke/policy.h"
#include "conjure/msg/peer.h"

#define TICK_NS      NS_PER_S
#define ROUND_LAX_NS (NS_PER_S / 2) /* ticks are late, never early */

struct choker_torrent {
    struct torrent *torrent;
    bool seeding;
    bool guided;                   /* its leechers may be guided */
    bool guiding;                  /* there is a guide */
    struct guide guide;            /* made when the first leecher is unchoked while we seed */
    uint64_t uploaded, downloaded; /* since the last Totals */
    uint32_t n_peers, n_seeds;
    bool changed; /* a count, since the last Totals */
};

/* Suggested pieces that a leecher has not requested yet. The bound rises for a leecher that has
 * requested all of them. */
#define SUGGESTED_MIN 2
#define SUGGESTED_MAX 8

/* The user pointer of a peer in the policy. */
struct choker_peer {
    struct peer_inbox *inbox;
    struct choker_torrent *torrent;
    bool is_seed;
    bool unchoked;
    bool fast;
    uint8_t n_suggested, n_suggested_max; /* not requested yet */
    uint32_t suggested[SUGGESTED_MAX];
};

struct choker {
    struct actor actor;
    struct choker_inbox inbox;
    struct waker waker;
    struct timer_inbox *timer;
    struct master_inbox *master;
    struct choke_policy policy;
    struct id_map peers, torrents;
    uint64_t round_ns;
    struct timer_after after;
    bool after_is_out;
    struct choker_shutdown *shutdown; /* to be answered at the end */
};

static void send_totals(struct choker *c, struct choker_torrent *t)
{
    struct master_totals *m;

    if (!t->changed && !t->uploaded && !t->downloaded)
        return;
    m = master_new_totals();
    m->torrent = t->torrent;
    m->uploaded = t->uploaded;
    m->downloaded = t->downloaded;
    m->n_peers = t->n_peers;
    m->n_seeds = t->n_seeds;
    master_tell_or_drop_totals(c->master, m);
    t->uploaded = t->downloaded = 0;
    t->changed = false;
}

/* --- guiding leechers --------------------------------------------------------------------- */

static void suggest(struct choker_peer *p)
{
    struct choker_torrent *t = p->torrent;

    while (t->guiding && p->fast && p->n_suggested < p->n_suggested_max &&
           guide_next(&t->guide, &p->suggested[p->n_suggested])) {
        struct peer_suggest *m = peer_new_suggest();

        m->piece = p->suggested[p->n_suggested++];
        peer_tell_or_drop_suggest(p->inbox, m);
    }
}

static void begin_guiding(struct choker *c, struct choker_peer *p)
{
    struct choker_torrent *t = p->torrent;

    /* A partial seed cannot send every piece. */
    if (t->guided && !t->guide.used.bytes && bitfield_all(&t->torrent->wanted))
        t->guiding = !guide_init(&t->guide, t->torrent->geometry.n_pieces, &c->policy.rng);
    p->n_suggested_max = SUGGESTED_MIN;
    suggest(p);
}

static void take_back_suggestions(struct choker_peer *p)
{
    while (p->n_suggested)
        guide_take_back(&p->torrent->guide, p->suggested[--p->n_suggested]);
}

/* Returns false when PIECE was not suggested to P. */
static bool remove_suggestion(struct choker_peer *p, uint32_t piece)
{
    for (unsigned i = 0; i < p->n_suggested; i++) {
        if (p->suggested[i] != piece)
            continue;
        p->n_suggested--;
        memmove(p->suggested + i, p->suggested + i + 1,
                (p->n_suggested - i) * sizeof *p->suggested);
        return true;
    }
    return false;
}

static void note_began(struct choker_peer *p, uint32_t piece)
{
    guide_mark_sent(&p->torrent->guide, piece);
    if (!remove_suggestion(p, piece) && !p->n_suggested && p->n_suggested_max < SUGGESTED_MAX)
        p->n_suggested_max++;
    suggest(p);
}

static void on_began(struct choker *c, struct choker_began *m)
{
    struct choker_peer *p = id_map_get(&c->peers, m->peer);

    if (p) {
        for (uint32_t i = 0; p->torrent->guiding && i < m->pieces.n; i++)
            note_began(p, m->pieces.pieces[i]);
        if (!p->torrent->guiding || (guide_is_over(&p->torrent->guide) && !p->n_suggested))
            peer_tell_or_drop_unguided(p->inbox, peer_new_unguided());
    }
    msg_reply(&m->msg);
}

static void send_changes(struct choker *c)
{
    struct choke_change change;

    while (choke_policy_next_change(&c->policy, &change)) {
        struct choker_peer *p = change.user;

        p->unchoked = change.unchoke;
        if (change.unchoke) {
            struct peer_unchoke *m = peer_new_unchoke();

            begin_guiding(c, p); /* before the unchoke, after which the peer requests at once */
            m->guided = p->torrent->guiding;
            peer_tell_or_drop_unchoke(p->inbox, m);
        } else {
            take_back_suggestions(p);
            peer_tell_or_drop_choke(p->inbox, peer_new_choke());
        }
    }
}

static struct choker_torrent *torrent_of(struct choker *c, struct torrent *torrent)
{
    struct choker_torrent *t = id_map_get(&c->torrents, torrent->swarm->id);

    if (!t) {
        t = NEW(struct choker_torrent);
        id_map_put(&c->torrents, torrent->swarm->id, t);
    } else if (t->torrent != torrent) {
        guide_deinit(&t->guide);
        *t = (struct choker_torrent){0}; /* another torrent has the number now */
    }
    t->torrent = torrent;
    return t;
}

static void torrent_free(struct choker_torrent *t)
{
    if (t)
        guide_deinit(&t->guide);
    free(t);
}

static void ask_for_tick(struct choker *c)
{
    if (c->after_is_out || c->shutdown || !c->peers.n)
        return;
    c->after.delay_ns = TICK_NS;
    c->after_is_out = true;
    if (!choker_ask_timer_after(&c->inbox, c->timer, &c->after))
        c->after_is_out = false; /* Timer has ended: the program shuts down */
}

static void on_peer_joined(struct choker *c, struct choker_peer_joined *m)
{
    struct choker_peer *p = NEW(struct choker_peer);

    p->inbox = m->inbox;
    p->fast = m->fast;
    p->torrent = torrent_of(c, m->torrent);
    p->torrent->n_peers++;
    p->torrent->changed = true;
    id_map_put(&c->peers, m->peer, p);
    choke_policy_joined(&c->policy,
                        &(struct choke_newcomer){.peer = m->peer,
                                                 .torrent = m->torrent->swarm->id,
                                                 .host = m->host,
                                                 .seeding = p->torrent->seeding,
                                                 .user = p},
                        clock_now());
    ask_for_tick(c);
}

static void on_peer_left(struct choker *c, struct choker_peer_left *m)
{
    struct choker_peer *p = id_map_remove(&c->peers, m->peer);

    if (p) {
        struct choker_torrent *t = p->torrent;

        take_back_suggestions(p);
        choke_policy_left(&c->policy, m->peer, clock_now());
        t->n_peers--;
        t->n_seeds -= p->is_seed;
        t->changed = true;
        send_changes(c);
        free(p);
        if (!t->n_peers) {
            uint32_t id = t->torrent->swarm->id;

            /* After the reply the torrent may be freed. */
            send_totals(c, t);
            if (!t->seeding)
                torrent_free(id_map_remove(&c->torrents, id));
        }
    }
    msg_reply(&m->msg);
}

static void on_rates(struct choker *c, struct choker_rates *m)
{
    struct choker_peer *p = id_map_get(&c->peers, m->peer);

    if (!p)
        return;
    p->torrent->uploaded += m->uploaded;
    p->torrent->downloaded += m->downloaded;
    choke_policy_moved(&c->policy, m->peer, m->downloaded, m->uploaded, m->snubbed, clock_now());
}

static void on_interest_changed(struct choker *c, struct choker_interest_changed *m)
{
    struct choker_peer *p = id_map_get(&c->peers, m->peer);

    if (p && p->is_seed != m->peer_is_seed) {
        p->is_seed = m->peer_is_seed;
        p->torrent->n_seeds += p->is_seed ? 1 : -1;
        p->torrent->changed = true;
    }
    choke_policy_interest(&c->policy, m->peer, m->peer_interested, m->peer_is_seed, clock_now());
    send_changes(c);
    msg_reply(&m->msg);
}

static void on_torrent_completed(struct choker *c, struct choker_torrent_completed *m)
{
    struct choker_torrent *t = torrent_of(c, m->torrent);

    t->seeding = true;
    t->guided = m->guided;
    choke_policy_completed(&c->policy, m->torrent->swarm->id);
}

static void on_torrent_removed(struct choker *c, struct choker_torrent_removed *m)
{
    torrent_free(id_map_remove(&c->torrents, m->torrent));
}

static void on_set_limit(struct choker *c, struct choker_set_limit *m)
{
    choke_policy_set_limit(&c->policy, m->bytes_per_s, clock_now());
    send_changes(c);
}

static void on_shutdown(struct choker *c, struct choker_shutdown *m)
{
    c->shutdown = m;
}

static void reply_timer_after(struct choker *c, struct timer_after *m)
{
    uint64_t now = clock_now();

    c->after_is_out = false;
    if (m->cancelled)
        return;
    if (now - c->round_ns >= CHOKE_ROUND_NS - ROUND_LAX_NS) {
        c->round_ns = now;
        choke_policy_round(&c->policy, now);
        send_changes(c);
    }
    for (uint32_t i = 0; i < c->torrents.n_slots; i++)
        if (c->torrents.slots[i].value)
            send_totals(c, c->torrents.slots[i].value);
    ask_for_tick(c);
}

MSG_DISPATCH(choker, CHOKER_TABLE, struct choker);

static void *run(void *arg)
{
    struct choker *c = arg;
    struct msg *m;

    while (!c->shutdown || c->after_is_out) {
        m = channel_receive_wait(&c->inbox.channel, UINT64_MAX);
        if (m)
            choker_dispatch(c, m);
    }
    channel_close(&c->inbox.channel);
    while ((m = channel_receive(&c->inbox.channel)))
        choker_dispatch(c, m);
    msg_reply(&c->shutdown->msg);
    return NULL;
}

struct choker *choker_start(struct timer_inbox *timer, struct master_inbox *master,
                            unsigned max_slots)
{
    struct choker *c = NEW(struct choker);
    struct rng rng;
    int r;

    c->timer = timer;
    c->master = master;
    c->round_ns = clock_now();
    rng_seed_from_kernel(&rng);
    choke_policy_init(&c->policy, 0, max_slots, rng_next(&rng));
    timer_init_after(&c->after);
    waker_init_futex(&c->waker);
    channel_init(&c->inbox.channel, &c->waker);
    r = actor_start(&c->actor, "choker", run, c);
    if (r < 0) {
        choker_join(c);
        errno = -r;
        return NULL;
    }
    return c;
}

struct choker_inbox *choker_inbox(struct choker *c)
{
    return &c->inbox;
}

void choker_join(struct choker *c)
{
    if (!c)
        return;
    actor_join(&c->actor);
    for (uint32_t i = 0; i < c->peers.n_slots; i++)
        free(c->peers.slots[i].value);
    for (uint32_t i = 0; i < c->torrents.n_slots; i++)
        torrent_free(c->torrents.slots[i].value);
    id_map_deinit(&c->peers);
    id_map_deinit(&c->torrents);
    choke_policy_deinit(&c->policy);
    waker_deinit(&c->waker);
    free(c);
}
