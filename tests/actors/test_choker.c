/* SPDX-License-Identifier: MIT */
#include "stub_inbox.h"

#include "conjure/actors/choker.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"

static struct stub_inbox timer, master, peers[6];
static struct swarm swarm = {.id = 3};
static struct torrent torrent = {.swarm = &swarm, .geometry = {.n_pieces = 6}};
static bool fast; /* of the peers that join */
static struct choker *c;

/* Replies of Choker to reports. */
static struct stub_inbox replies;

static void begin(unsigned max_slots)
{
    stub_inbox_init(&replies);
    stub_inbox_init(&timer);
    stub_inbox_init(&master);
    for (size_t i = 0; i < N_ELEMENTS(peers); i++)
        stub_inbox_init(&peers[i]);
    c = choker_start(&timer.timer, &master.master, max_slots);
    ck_assert_ptr_nonnull(c);
}

static void end(struct timer_after *after)
{
    struct choker_shutdown *m = choker_new_shutdown();

    ck_assert(master_ask_choker_shutdown(&master.master, choker_inbox(c), m));
    if (after) {
        after->cancelled = true;
        msg_reply(&after->msg);
    }
    ck_assert_ptr_eq(expect(&master, choker_kind_shutdown), m);
    ck_assert(channel_is_closed(&choker_inbox(c)->channel));
    msg_free(&m->msg);
    choker_join(c);
}

static void join(uint32_t peer)
{
    struct choker_peer_joined *m = choker_new_peer_joined();

    m->peer = peer;
    m->torrent = &torrent;
    m->inbox = &peers[peer].peer;
    m->fast = fast;
    ck_assert(choker_tell_peer_joined(choker_inbox(c), m));
}

enum side {
    LEECHER,
    SEED,
};

/* A leecher is interested, a seed is not. */
static void interest(uint32_t peer, enum side side)
{
    struct choker_interest_changed *m = choker_new_interest_changed();

    m->peer = peer;
    m->peer_interested = side == LEECHER;
    m->peer_is_seed = side == SEED;
    ck_assert(peer_ask_choker_interest_changed(&replies.peer, choker_inbox(c), m));
    ck_assert_ptr_eq(expect(&replies, choker_kind_interest_changed), m);
    msg_free(&m->msg);
}

static void rates(uint32_t peer, uint64_t down, uint64_t up)
{
    struct choker_rates *m = choker_new_rates();

    m->peer = peer;
    m->downloaded = down;
    m->uploaded = up;
    ck_assert(choker_tell_rates(choker_inbox(c), m));
}

static void leave(uint32_t peer)
{
    struct choker_peer_left *m = choker_new_peer_left();
    struct msg *reply;

    m->peer = peer;
    ck_assert(peer_ask_choker_peer_left(&peers[peer].peer, choker_inbox(c), m));
    do {
        reply = receive(&peers[peer]);
        ck_assert_ptr_nonnull(reply);
        msg_free(reply);
    } while (reply != &m->msg);
}

static void expect_totals(uint64_t up, uint64_t down, uint32_t n_peers, uint32_t n_seeds)
{
    struct master_totals *m = expect(&master, master_kind_totals);

    ck_assert_ptr_eq(m->torrent, &torrent);
    ck_assert_uint_eq(m->uploaded, up);
    ck_assert_uint_eq(m->downloaded, down);
    ck_assert_uint_eq(m->n_peers, n_peers);
    ck_assert_uint_eq(m->n_seeds, n_seeds);
    msg_free(&m->msg);
}

static struct timer_after *tick(struct timer_after *after)
{
    ck_assert_uint_eq(after->delay_ns, NS_PER_S);
    msg_reply(&after->msg);
    return expect(&timer, timer_kind_after);
}

START_TEST(interested_peers_are_unchoked_and_totals_sent)
{
    struct timer_after *after;

    begin(2);
    ck_assert(channel_is_empty(&timer.channel));
    join(0);
    after = expect(&timer, timer_kind_after);
    join(1);
    join(2);
    join(3);
    interest(3, SEED);
    interest(0, LEECHER);
    interest(1, LEECHER);
    interest(2, LEECHER);
    msg_free(expect(&peers[0], peer_kind_unchoke));
    msg_free(expect(&peers[1], peer_kind_unchoke));
    rates(0, 100, 20);
    rates(1, 1000, 200);
    after = tick(after);
    expect_totals(220, 1100, 4, 1);
    after = tick(after); /* nothing moved: no totals */
    ck_assert(channel_is_empty(&master.channel));
    leave(0);
    msg_free(expect(&peers[2], peer_kind_unchoke));
    rates(2, 5, 0);
    leave(1);
    leave(2);
    leave(3); /* the last: the totals come before the reply */
    expect_totals(0, 5, 0, 0);
    end(after);
}
END_TEST

START_TEST(without_peers_it_does_not_tick)
{
    struct timer_after *after;

    begin(2);
    join(0);
    after = expect(&timer, timer_kind_after);
    leave(0);
    expect_totals(0, 0, 0, 0);
    msg_reply(&after->msg);
    end(NULL);
    ck_assert(channel_is_empty(&timer.channel));
}
END_TEST

START_TEST(it_survives_the_end_of_timer)
{
    struct timer_after *after;

    begin(2);
    join(0);
    after = expect(&timer, timer_kind_after);
    channel_close(&timer.channel);
    after->cancelled = true;
    msg_reply(&after->msg);
    join(1);
    interest(1, LEECHER);
    msg_free(expect(&peers[1], peer_kind_unchoke));
    leave(0);
    leave(1);
    expect_totals(0, 0, 0, 0);
    end(NULL);
}
END_TEST

START_TEST(a_seed_torrent_is_known_before_its_peers)
{
    struct choker_torrent_completed *m = choker_new_torrent_completed();

    begin(1);
    m->torrent = &torrent;
    m->guided = true;
    ck_assert(choker_tell_torrent_completed(choker_inbox(c), m));
    for (int i = 0; i < 3; i++) {
        join(0);
        interest(0, LEECHER);
        msg_free(expect(&peers[0], peer_kind_unchoke));
        leave(0);
        expect_totals(0, 0, 0, 0);
    }
    end(expect(&timer, timer_kind_after));
}
END_TEST

static void complete(void)
{
    struct choker_torrent_completed *m = choker_new_torrent_completed();

    m->torrent = &torrent;
    m->guided = true;
    ck_assert(choker_tell_torrent_completed(choker_inbox(c), m));
}

static void took(uint32_t peer, uint32_t piece)
{
    struct choker_began *m = choker_new_began();

    m->peer = peer;
    piece_list_add(&m->pieces, piece);
    ck_assert(peer_ask_choker_began(&replies.peer, choker_inbox(c), m));
    ck_assert_ptr_eq(expect(&replies, choker_kind_began), m);
    msg_free(&m->msg);
}

static uint32_t suggested(uint32_t peer)
{
    struct peer_suggest *m = expect(&peers[peer], peer_kind_suggest);
    uint32_t piece = m->piece;

    msg_free(&m->msg);
    ck_assert_uint_lt(piece, 6);
    return piece;
}

static bool unchoked_and_guided(uint32_t peer)
{
    struct peer_unchoke *m = expect(&peers[peer], peer_kind_unchoke);
    bool guided = m->guided;

    msg_free(&m->msg);
    return guided;
}

/* Six pieces, each suggested to one leecher; those of a leecher that leaves, to another. */
START_TEST(a_seed_suggests_other_pieces_to_each_leecher)
{
    uint32_t a, b, x, y, seen;
    struct choker_torrent_removed *removed;
    struct timer_after *after;

    fast = true;
    begin(4);
    complete();
    join(0);
    after = expect(&timer, timer_kind_after);
    join(1);
    interest(0, LEECHER);
    interest(1, LEECHER);
    a = suggested(0);
    b = suggested(0);
    ck_assert(unchoked_and_guided(0));
    x = suggested(1);
    y = suggested(1);
    ck_assert(unchoked_and_guided(1));
    seen = 1u << a | 1u << b | 1u << x | 1u << y;
    ck_assert_int_eq(__builtin_popcount(seen), 4);
    leave(1);
    took(0, a);
    took(0, b);
    seen = 1u << suggested(0) | 1u << suggested(0);
    ck_assert_int_eq(__builtin_popcount(seen), 2);
    ck_assert(!(seen & (1u << a | 1u << b)));
    fast = false; /* gets no suggestions, but what it requests counts */
    join(2);
    interest(2, LEECHER);
    ck_assert(unchoked_and_guided(2));
    for (uint32_t i = 0; i < 6; i++)
        took(2, i);
    msg_free(expect(&peers[2], peer_kind_unguided));
    ck_assert(channel_is_empty(
        &peers[0].channel)); /* two more were suggested to it, and it requests them */
    for (uint32_t i = 0; i < 6; i++)
        if (seen & 1u << i)
            took(0, i);
    msg_free(expect(&peers[0], peer_kind_unguided));
    leave(0);
    leave(2);
    expect_totals(0, 0, 0, 0);
    removed = choker_new_torrent_removed();
    removed->torrent = torrent.swarm->id;
    ck_assert(choker_tell_torrent_removed(choker_inbox(c), removed));
    end(after);
}
END_TEST

/* A piece that another leecher took counts as sent, also when the leecher leaves to which it was
 * suggested. */
START_TEST(a_suggestion_that_was_sent_to_another_leecher_is_not_repeated)
{
    uint32_t a, b;
    struct choker_torrent_removed *removed = choker_new_torrent_removed();
    struct timer_after *after;

    begin(4);
    complete();
    fast = true;
    join(0);
    after = expect(&timer, timer_kind_after);
    interest(0, LEECHER);
    a = suggested(0);
    b = suggested(0);
    ck_assert(unchoked_and_guided(0));
    fast = false;
    join(1);
    interest(1, LEECHER);
    ck_assert(unchoked_and_guided(1));
    for (uint32_t i = 0; i < 6; i++)
        if (i != b)
            took(1, i);
    msg_free(expect(&peers[1], peer_kind_unguided));
    ck_assert_uint_ne(a, b);
    leave(0); /* B alone may be suggested again */
    fast = true;
    join(2);
    interest(2, LEECHER);
    ck_assert_uint_eq(suggested(2), b);
    ck_assert(unchoked_and_guided(2));
    leave(1);
    leave(2);
    expect_totals(0, 0, 0, 0);
    removed->torrent = torrent.swarm->id;
    ck_assert(choker_tell_torrent_removed(choker_inbox(c), removed));
    end(after);
}
END_TEST

START_TEST(a_leecher_guides_no_peer)
{
    struct timer_after *after;

    fast = true;
    begin(4);
    join(0);
    after = expect(&timer, timer_kind_after);
    interest(0, LEECHER);
    ck_assert(!unchoked_and_guided(0));
    took(0, 1);
    msg_free(expect(&peers[0], peer_kind_unguided));
    leave(0);
    expect_totals(0, 0, 0, 0);
    end(after);
}
END_TEST

static void set_limit(uint64_t bytes_per_s)
{
    struct choker_set_limit *m = choker_new_set_limit();

    m->bytes_per_s = bytes_per_s;
    ck_assert(choker_tell_set_limit(choker_inbox(c), m));
}

START_TEST(slots_follow_the_upload_limit)
{
    begin(0);
    set_limit(1000);
    for (uint32_t i = 0; i < 6; i++) {
        join(i);
        interest(i, LEECHER);
    }
    for (int i = 0; i < 4; i++)
        msg_free(expect(&peers[i], peer_kind_unchoke));
    set_limit(0);
    for (int i = 4; i < 6; i++)
        msg_free(expect(&peers[i], peer_kind_unchoke));
    for (uint32_t i = 0; i < 6; i++)
        leave(i);
    expect_totals(0, 0, 0, 0);
    end(expect(&timer, timer_kind_after));
}
END_TEST

START_TEST(a_partial_seed_guides_no_peer)
{
    fast = true;
    ck_assert_int_eq(bitfield_init(&torrent.wanted, 6), 0);
    bitfield_set(&torrent.wanted, 2);
    begin(4);
    complete();
    join(0);
    interest(0, LEECHER);
    ck_assert(!unchoked_and_guided(0));
    leave(0);
    expect_totals(0, 0, 0, 0);
    end(expect(&timer, timer_kind_after));
    bitfield_deinit(&torrent.wanted);
}
END_TEST

RUN_SUITE("Choker", 30, interested_peers_are_unchoked_and_totals_sent,
          without_peers_it_does_not_tick, it_survives_the_end_of_timer,
          a_seed_torrent_is_known_before_its_peers, a_seed_suggests_other_pieces_to_each_leecher,
          a_suggestion_that_was_sent_to_another_leecher_is_not_repeated, a_leecher_guides_no_peer,
          a_partial_seed_guides_no_peer, slots_follow_the_upload_limit);
