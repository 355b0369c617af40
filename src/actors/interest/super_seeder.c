/* SPDX-License-Identifier: MIT */
/*
 * src/interest/super_seed.c chooses the pieces. Peers send this actor the same messages as
 * InterestStat, and it sends them Have for each piece that it offers to them. When super-seeding is
 * over it sends Master.SuperSeeded; then the Lobby sends Completed to all peers, and Master ends
 * the actor like an InterestStat.
 */
#include "conjure/actors/super_seeder.h"

#include <errno.h>
#include <stdlib.h>

#include "conjure/actors/actor.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"
#include "conjure/base/owner.h"
#include "conjure/base/rng.h"
#include "conjure/interest/super_seed.h"
#include "conjure/msg/master.h"
#include "conjure/msg/peer.h"

#define FACILITY "interest"

#define TICK_NS NS_PER_S

struct super_seeder {
    struct actor actor;
    struct owner starter; /* Master's thread */
    struct torrent *torrent;
    struct master_inbox *master;
    struct rng rng;
    struct super_seed *seed;
    uint64_t now, ticked_ns;
    bool over; /* SuperSeeded was sent to Master */
    struct interest_shutdown *shutdown;
};

/* A complete torrent has no claims and stores no blocks. */
MSG_IGNORE(interest, requested_from_seeder, struct super_seeder);
MSG_IGNORE(interest, requested_from_leecher, struct super_seeder);
MSG_IGNORE(interest, piece_completed, struct super_seeder);
MSG_IGNORE(interest, piece_failed, struct super_seeder);
MSG_IGNORE(interest, blocks_stored, struct super_seeder);
MSG_IGNORE(interest, claim_returned, struct super_seeder);

static void on_next_piece(struct super_seeder *s, struct interest_next_piece *m)
{
    m->claim = (struct claim){0};
    msg_reply(&m->msg);
}

static void on_have_piece(struct super_seeder *s, struct interest_have_piece *m)
{
    m->have = super_seed_requested(s->seed, m->peer, m->piece, s->now);
    msg_reply(&m->msg);
}

static void on_peer_joined(struct super_seeder *s, struct interest_peer_joined *m)
{
    const struct super_seed_peer peer = {.peer = m->peer, .user = m->inbox, .host = m->host};

    super_seed_joined(s->seed, &peer, &m->has, m->has_all, s->now);
    bitfield_deinit(&m->has);
}

static void on_peer_left(struct super_seeder *s, struct interest_peer_left *m)
{
    super_seed_left(s->seed, m->peer);
    msg_reply(&m->msg);
}

static void on_peer_got_piece(struct super_seeder *s, struct interest_peer_got_piece *m)
{
    for (uint32_t i = 0; i < m->pieces.n; i++)
        super_seed_got_piece(s->seed, m->peer, m->pieces.pieces[i], s->now);
    if (m->has_all || m->has.bytes)
        super_seed_got_pieces(s->seed, m->peer, m->has_all ? NULL : &m->has, s->now);
    msg_reply(&m->msg);
}

static void on_peer_not_interested(struct super_seeder *s, struct interest_peer_not_interested *m)
{
    super_seed_not_interested(s->seed, m->peer, s->now);
    msg_reply(&m->msg);
}

/* We fetch nothing. */
static void on_peer_lost_piece(struct super_seeder *s, struct interest_peer_lost_piece *m)
{
    msg_reply(&m->msg);
}

static void on_piece_suggested(struct super_seeder *s, struct interest_piece_suggested *m)
{
    msg_reply(&m->msg);
}

static void on_progress(struct super_seeder *s, struct interest_progress *m)
{
    m->verified = m->wanted = s->torrent->geometry.total_length;
    m->stored = 0;
    m->n_verified = s->torrent->geometry.n_pieces;
    m->n_peers = super_seed_n_peers(s->seed);
    m->n_seeders = super_seed_has_copy(s->seed);
    m->availability = 0;
    msg_reply(&m->msg);
}

static void on_shutdown(struct super_seeder *s, struct interest_shutdown *m)
{
    s->shutdown = m;
    channel_close(&s->torrent->interest.channel);
}

MSG_DISPATCH(interest, INTEREST_TABLE, struct super_seeder);

/* Once our inbox is closed a peer cannot send PeerLeft any more, and may be freed at any time. */
static void send_offers(struct super_seeder *s)
{
    struct super_seed_offer offer;

    while (super_seed_next(s->seed, &offer)) {
        struct peer_have *m;

        if (s->shutdown)
            continue;
        m = peer_new_have();
        m->piece = offer.piece;
        peer_tell_or_drop_have(offer.user, m);
    }
}

static void check_for_end(struct super_seeder *s)
{
    struct master_super_seeded *m;

    if (s->over || !super_seed_is_over(s->seed))
        return;
    s->over = true;
    log_notice(FACILITY, "%s: %s: super-seeding is over", metainfo_name(s->torrent->meta),
               super_seed_has_copy(s->seed) ? "another peer has every piece"
                                            : "no peer passes pieces on");
    m = master_new_super_seeded();
    m->torrent = s->torrent;
    master_tell_or_drop_super_seeded(s->master, m);
}

static void *run(void *arg)
{
    struct super_seeder *s = arg;
    struct channel *inbox = &s->torrent->interest.channel;

    while (!s->shutdown) {
        bool waits = super_seed_n_peers(s->seed) && !s->over;
        struct msg *m = channel_receive_wait(inbox, waits ? TICK_NS : UINT64_MAX);

        s->now = clock_now();
        for (; m; m = channel_receive(inbox)) {
            interest_dispatch(s, m);
            send_offers(s); /* before the peer may leave */
        }
        if (s->now - s->ticked_ns >= TICK_NS) {
            s->ticked_ns = s->now;
            super_seed_tick(s->seed, s->now);
            send_offers(s);
        }
        check_for_end(s);
    }
    msg_reply(&s->shutdown->msg);
    return NULL;
}

static void seeder_free(struct super_seeder *s)
{
    super_seed_free(s->seed);
    free(s);
}

struct super_seeder *super_seeder_start(struct torrent *t, struct master_inbox *master)
{
    struct super_seeder *s = NEW(struct super_seeder);
    int r;

    owner_assert(&s->starter);
    s->torrent = t;
    s->master = master;
    s->now = clock_now();
    rng_seed_from_kernel(&s->rng);
    s->seed = super_seed_new(t->geometry.n_pieces, t->geometry.piece_length, &s->rng, s->now);
    waker_init_futex(&t->interest_waker);
    channel_init(&t->interest.channel, &t->interest_waker);
    r = s->seed ? actor_start(&s->actor, "super", run, s) : -ENOMEM;
    if (r) {
        channel_close(&t->interest.channel);
        seeder_free(s);
        errno = -r;
        return NULL;
    }
    return s;
}

void super_seeder_join(struct super_seeder *s)
{
    if (!s)
        return;
    owner_assert(&s->starter);
    actor_join(&s->actor);
    seeder_free(s);
}
