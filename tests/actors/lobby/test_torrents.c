/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/lobby/torrents.h"
#include "conjure/actors/peer.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"

#define N_PIECES 8u
#define ASK_NS   (30 * NS_PER_S)

static struct lobby_torrents ts;
static struct swarm swarms[3];
static struct torrent torrents[3];

/* Adds the I-th torrent, with its first N_HAVE pieces verified. */
static struct lobby_torrent *add(unsigned i, uint8_t hash, unsigned n_have, uint64_t now)
{
    struct lobby_torrent_added m = {.torrent = &torrents[i]};

    torrents[i].swarm = &swarms[i];
    swarms[i].info_hash.bytes[0] = hash;
    ck_assert_int_eq(bitfield_init(&m.have, N_PIECES), 0);
    for (unsigned k = 0; k < n_have; k++)
        bitfield_set(&m.have, k);
    return lobby_torrents_add(&ts, &m, NS_PER_S, now);
}

/* Ends T: returns once the removal of it is replied to. */
static void drop(struct lobby_torrent *t)
{
    struct waker waker;
    struct channel replies;
    struct lobby_torrent_removed m;
    unsigned n = lobby_torrents_n(&ts);

    waker_init_futex(&waker);
    channel_init(&replies, &waker);
    lobby_init_torrent_removed(&m);
    m.msg.reply_to = &replies;
    lobby_torrents_remove(&ts, t, &m);
    lobby_torrents_free_drained(&ts);
    ck_assert_ptr_eq(channel_receive(&replies), &m.msg);
    ck_assert_uint_eq(lobby_torrents_n(&ts), n - 1);
    channel_close(&replies);
}

START_TEST(a_torrent_is_found_by_swarm_and_by_info_hash)
{
    struct info_hash unknown = {.bytes = {9}};
    struct lobby_torrent *a, *b;

    lobby_torrents_init(&ts);
    a = add(0, 1, 0, 0);
    b = add(1, 2, 0, 0);
    ck_assert_ptr_eq(lobby_torrents_find(&ts, &swarms[0]), a);
    ck_assert_ptr_eq(lobby_torrents_find_hash(&ts, &swarms[1].info_hash), b);
    ck_assert_ptr_null(lobby_torrents_find(&ts, &swarms[2]));
    ck_assert_ptr_null(lobby_torrents_find_hash(&ts, &unknown));
    ck_assert_uint_ne(a->number, b->number);
    drop(a);
    ck_assert_ptr_null(lobby_torrents_find(&ts, &swarms[0]));
    drop(b);
    lobby_torrents_deinit(&ts);
    lobby_torrents_deinit(&ts);
}
END_TEST

START_TEST(a_removed_torrent_stays_until_its_last_connection_is_closed)
{
    struct waker waker;
    struct channel replies;
    struct lobby_torrent_removed m;
    struct lobby_torrent *t, *again;

    waker_init_futex(&waker);
    channel_init(&replies, &waker);
    lobby_init_torrent_removed(&m);
    m.msg.reply_to = &replies;
    lobby_torrents_init(&ts);
    t = add(0, 1, 0, 0);
    t->n_peers = t->n_handshakes = 1;
    lobby_torrents_remove(&ts, t, &m);
    t->n_peers--;
    lobby_torrents_left(&ts, t);
    lobby_torrents_free_drained(&ts);
    ck_assert_ptr_null(channel_receive(&replies));
    again = add(1, 1, 0, 0);
    ck_assert_ptr_eq(lobby_torrents_find_hash(&ts, &swarms[0].info_hash), again);
    t->n_handshakes--;
    lobby_torrents_left(&ts, t);
    ck_assert_ptr_null(channel_receive(&replies)); /* at the end of the round */
    lobby_torrents_free_drained(&ts);
    ck_assert_ptr_eq(channel_receive(&replies), &m.msg);
    ck_assert_ptr_eq(lobby_torrents_find_hash(&ts, &swarms[0].info_hash), again);
    drop(again);
    lobby_torrents_deinit(&ts);
    channel_close(&replies);
}
END_TEST

START_TEST(peers_are_asked_for_while_pieces_are_missing_and_no_peer_is_useful)
{
    static struct peer p;
    struct lobby_torrent *t, *whole;

    lobby_torrents_init(&ts);
    t = add(0, 1, N_PIECES - 1, 0);
    whole = add(1, 2, N_PIECES, 0);
    ck_assert_ptr_null(lobby_torrents_next_due(&ts, ASK_NS - 1));
    ck_assert_ptr_eq(lobby_torrents_next_due(&ts, ASK_NS), t);
    ck_assert_ptr_null(lobby_torrents_next_due(&ts, ASK_NS));
    ck_assert(lobby_torrents_must_ask(&ts, t, ASK_NS));
    ck_assert(!lobby_torrents_must_ask(&ts, t, ASK_NS)); /* once */
    ck_assert(!lobby_torrents_must_ask(&ts, whole, ASK_NS));
    ck_assert_ptr_eq(lobby_torrents_next_due(&ts, 2 * ASK_NS), t);
    t->n_peers = 1;
    list_append(&t->peers, &p.in_torrent);
    p.state = PEER_IN_THREAD;
    ck_assert(!lobby_torrents_must_ask(&ts, t, 2 * ASK_NS));
    ck_assert_ptr_eq(lobby_torrents_next_due(&ts, 3 * ASK_NS), t);
    p.state = PEER_IN_LOBBY; /* it has nothing for us */
    ck_assert(lobby_torrents_must_ask(&ts, t, 3 * ASK_NS));
    p.session.we_interested = true;
    p.idle_since_ns = 3 * ASK_NS;
    ck_assert(!lobby_torrents_must_ask(&ts, t, 4 * ASK_NS));
    ck_assert(lobby_torrents_must_ask(&ts, t, 5 * ASK_NS)); /* it chokes us */
    p.state = PEER_CLOSING;
    ck_assert(lobby_torrents_must_ask(&ts, t, 6 * ASK_NS));
    list_remove(&p.in_torrent);
    t->n_peers = 0;
    lobby_torrent_verified(t, N_PIECES - 1);
    ck_assert(!lobby_torrents_must_ask(&ts, t, 9 * ASK_NS));
    drop(t);
    drop(whole);
    lobby_torrents_deinit(&ts);
}
END_TEST

START_TEST(a_torrent_is_due_at_the_earliest_of_its_times)
{
    struct lobby_torrent *t;

    lobby_torrents_init(&ts);
    t = add(0, 1, N_PIECES, 0);
    lobby_torrents_due(&ts, t, UINT64_MAX);
    ck_assert_ptr_null(lobby_torrents_next_due(&ts, UINT64_MAX - 1));
    lobby_torrents_due(&ts, t, 20);
    lobby_torrents_due(&ts, t, 10);
    lobby_torrents_due(&ts, t, 30);
    ck_assert_ptr_null(lobby_torrents_next_due(&ts, 9));
    ck_assert_ptr_eq(lobby_torrents_next_due(&ts, 10), t);
    ck_assert_ptr_null(lobby_torrents_next_due(&ts, 30));
    lobby_torrents_due(&ts, t, 40);
    drop(t);
    ck_assert_ptr_null(lobby_torrents_next_due(&ts, 40));
    lobby_torrents_deinit(&ts);
}
END_TEST

START_TEST(only_wanted_pieces_are_missing)
{
    struct lobby_torrent *t;

    lobby_torrents_init(&ts);
    ck_assert_int_eq(bitfield_init(&torrents[0].wanted, N_PIECES), 0);
    bitfield_set(&torrents[0].wanted, 1);
    bitfield_set(&torrents[0].wanted, 6);
    t = add(0, 1, 2, 0);
    ck_assert_uint_eq(t->n_missing, 1);
    lobby_torrent_verified(t, 7);
    lobby_torrent_verified(t, 1); /* it was already */
    ck_assert_uint_eq(t->n_missing, 1);
    lobby_torrent_verified(t, 6);
    ck_assert_uint_eq(t->n_missing, 0);
    ck_assert_ptr_eq(lobby_torrent_have(t), &t->have); /* not every piece */
    for (uint32_t i = 0; i < N_PIECES; i++)
        lobby_torrent_verified(t, i);
    ck_assert_ptr_null(lobby_torrent_have(t));
    drop(t);
    bitfield_deinit(&torrents[0].wanted);
    lobby_torrents_deinit(&ts);
}
END_TEST

RUN_SUITE("Torrents of the Lobby", 20, a_torrent_is_found_by_swarm_and_by_info_hash,
          a_removed_torrent_stays_until_its_last_connection_is_closed,
          peers_are_asked_for_while_pieces_are_missing_and_no_peer_is_useful,
          a_torrent_is_due_at_the_earliest_of_its_times, only_wanted_pieces_are_missing);
