/* SPDX-License-Identifier: MIT */
#include "../stub_inbox.h"

#include "conjure/actors/super_seeder.h"
#include "conjure/base/alloc.h"

#define PIECES 4u

static struct swarm swarm = {.id = 7};
static struct torrent torrent;
static struct stub_inbox master;
static struct super_seeder *seeder;

static struct stub_inbox reports; /* their replies */

/* A torrent of PIECES pieces of 1 MiB; its metainfo is for the name in the log. */
static void begin(void)
{
    static const char info[] =
        "d4:infod6:lengthi4194304e4:name1:T12:piece lengthi1048576e6:pieces80:"
        "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb"
        "ccccccccccccccccccccddddddddddddddddddddee";
    char reason[METAINFO_REASON_MAX];

    torrent = (struct torrent){.swarm = &swarm};
    ck_assert_int_eq(metainfo_parse((const uint8_t *)info, sizeof info - 1, &torrent.meta, reason),
                     0);
    torrent.geometry = *metainfo_geometry(torrent.meta);
    ck_assert_uint_eq(torrent.geometry.n_pieces, PIECES);
    stub_inbox_init(&reports);
    stub_inbox_init(&master);
    seeder = super_seeder_start(&torrent, &master.master);
    ck_assert_ptr_nonnull(seeder);
}

static void end(void)
{
    struct interest_shutdown *m = interest_new_shutdown();

    ck_assert(master_ask_interest_shutdown(&master.master, &torrent.interest, m));
    ck_assert_ptr_eq(expect(&master, interest_kind_shutdown), m);
    ck_assert(channel_is_closed(&torrent.interest.channel));
    msg_free(&m->msg);
    super_seeder_join(seeder);
    super_seeder_join(NULL);
    metainfo_free(torrent.meta);
}

/* A peer with the first N_HAS pieces. */
static void join(struct stub_inbox *p, uint32_t peer, uint32_t n_has)
{
    struct interest_peer_joined *m = interest_new_peer_joined();

    stub_inbox_init(p);
    m->peer = peer;
    m->inbox = &p->peer;
    if (n_has)
        ck_assert_int_eq(bitfield_init(&m->has, PIECES), 0);
    for (uint32_t i = 0; i < n_has; i++)
        bitfield_set(&m->has, i);
    ck_assert(interest_tell_peer_joined(&torrent.interest, m));
}

static uint32_t expect_offer(struct stub_inbox *p)
{
    struct peer_have *m = expect(p, peer_kind_have);
    uint32_t piece = m->piece;

    msg_free(&m->msg);
    return piece;
}

static bool may_have(struct stub_inbox *p, uint32_t peer, uint32_t piece)
{
    struct interest_have_piece *m = interest_new_have_piece();
    bool have;

    m->peer = peer;
    m->piece = piece;
    ck_assert(peer_ask_interest_have_piece(&p->peer, &torrent.interest, m));
    ck_assert_ptr_eq(expect(p, interest_kind_have_piece), m);
    have = m->have;
    msg_free(&m->msg);
    return have;
}

static void got(uint32_t peer, uint32_t piece)
{
    struct interest_peer_got_piece *m = interest_new_peer_got_piece();

    m->peer = peer;
    piece_list_add(&m->pieces, piece);
    ck_assert(peer_ask_interest_peer_got_piece(&reports.peer, &torrent.interest, m));
    ck_assert_ptr_eq(expect(&reports, interest_kind_peer_got_piece), m);
    msg_free(&m->msg);
}

static void expect_progress(uint32_t n_peers, uint32_t n_seeders)
{
    struct interest_progress *m = interest_new_progress();

    ck_assert(master_ask_interest_progress(&master.master, &torrent.interest, m));
    ck_assert_ptr_eq(expect(&master, interest_kind_progress), m);
    ck_assert(m->verified == m->wanted && m->wanted == PIECES << 20 && m->stored == 0);
    ck_assert_uint_eq(m->n_verified, PIECES);
    ck_assert_uint_eq(m->n_peers, n_peers);
    ck_assert_uint_eq(m->n_seeders, n_seeders);
    msg_free(&m->msg);
}

START_TEST(pieces_are_offered_until_a_peer_has_everything)
{
    struct stub_inbox a, b;
    uint32_t offers[PIECES];

    begin();
    join(&a, 1, 0);
    for (uint32_t i = 0; i < PIECES; i++)
        offers[i] = expect_offer(&a);
    join(&b, 2, 2);
    ck_assert(!may_have(&b, 2, 0)); /* not offered */
    expect_progress(2, 0);
    for (uint32_t i = 0; i < PIECES; i++) {
        ck_assert(channel_is_empty(&master.channel));
        ck_assert(may_have(&a, 1, offers[i]));
        got(1, offers[i]);
    }
    msg_free(expect(&master, master_kind_super_seeded));
    expect_progress(2, 1);
    end();
    ck_assert(channel_is_empty(&master.channel));
}
END_TEST

/* Once the inbox is closed a peer cannot leave any more, and may be freed at any time. */
START_TEST(no_peer_is_sent_an_offer_after_the_end)
{
    struct interest_shutdown *end_ = interest_new_shutdown();
    struct interest_peer_joined *m = interest_new_peer_joined();
    struct stub_inbox *late = NEW(struct stub_inbox);

    begin();
    stub_inbox_init(late);
    m->peer = 2;
    m->inbox = &late->peer;
    /* The actor has enough to do for both messages to be in its inbox before it reads the first. */
    for (unsigned i = 0; i < 20000; i++) {
        struct interest_peer_got_piece *busy = interest_new_peer_got_piece();

        busy->peer = 1;
        ck_assert(peer_ask_interest_peer_got_piece(&reports.peer, &torrent.interest, busy));
    }
    ck_assert(master_ask_interest_shutdown(&master.master, &torrent.interest, end_));
    if (!interest_tell_peer_joined(&torrent.interest, m))
        msg_free(&m->msg);
    ck_assert_ptr_eq(expect(&master, interest_kind_shutdown), end_);
    ck_assert(channel_is_empty(&late->channel));
    free(late);
    msg_free(&end_->msg);
    for (unsigned i = 0; i < 20000; i++)
        msg_free(expect(&reports, interest_kind_peer_got_piece));
    super_seeder_join(seeder);
    metainfo_free(torrent.meta);
}
END_TEST

/* Messages about claims come from connections that do not know what is behind the inbox. */
START_TEST(there_is_nothing_to_fetch)
{
    struct interest_next_piece *next = interest_new_next_piece();
    struct interest_peer_left *left = interest_new_peer_left();
    struct stub_inbox p;

    begin();
    join(&p, 1, 0);
    next->peer = 1;
    next->n_blocks = 1;
    next->claim.id = 5;
    for (uint32_t i = 0; i < PIECES; i++)
        expect_offer(&p);
    ck_assert(peer_ask_interest_next_piece(&p.peer, &torrent.interest, next));
    ck_assert_ptr_eq(expect(&p, interest_kind_next_piece), next);
    ck_assert_uint_eq(next->claim.id, 0);
    interest_tell_or_drop_claim_returned(&torrent.interest, interest_new_claim_returned());
    interest_tell_or_drop_blocks_stored(&torrent.interest, interest_new_blocks_stored());
    interest_tell_or_drop_piece_completed(&torrent.interest, interest_new_piece_completed());
    ck_assert(peer_ask_interest_peer_lost_piece(&reports.peer, &torrent.interest,
                                                interest_new_peer_lost_piece()));
    msg_free(expect(&reports, interest_kind_peer_lost_piece));
    ck_assert(peer_ask_interest_piece_suggested(&reports.peer, &torrent.interest,
                                                interest_new_piece_suggested()));
    msg_free(expect(&reports, interest_kind_piece_suggested));
    left->peer = 1;
    ck_assert(peer_ask_interest_peer_left(&p.peer, &torrent.interest, left));
    ck_assert_ptr_eq(expect(&p, interest_kind_peer_left), left);
    expect_progress(0, 0);
    msg_free(&left->msg);
    msg_free(&next->msg);
    end();
    ck_assert(channel_is_empty(&master.channel));
}
END_TEST

/* The only sign of a client that sends no HAVE for what a peer has itself. */
START_TEST(a_peer_without_interest_has_what_it_requested)
{
    struct interest_peer_not_interested *m = interest_new_peer_not_interested();
    uint32_t offers[PIECES];
    struct stub_inbox p;

    begin();
    join(&p, 1, 0);
    for (uint32_t i = 0; i < PIECES; i++)
        offers[i] = expect_offer(&p);
    for (uint32_t i = 0; i < PIECES; i++)
        ck_assert(may_have(&p, 1, offers[i]));
    m->peer = 1;
    ck_assert(peer_ask_interest_peer_not_interested(&reports.peer, &torrent.interest, m));
    ck_assert_ptr_eq(expect(&reports, interest_kind_peer_not_interested), m);
    msg_free(&m->msg);
    msg_free(expect(&master, master_kind_super_seeded));
    expect_progress(1, 1);
    end();
}
END_TEST

RUN_SUITE("SuperSeeder", 30, pieces_are_offered_until_a_peer_has_everything,
          no_peer_is_sent_an_offer_after_the_end, there_is_nothing_to_fetch,
          a_peer_without_interest_has_what_it_requested);
