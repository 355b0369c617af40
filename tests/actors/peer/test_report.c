/* SPDX-License-Identifier: MIT */
#include "pair.h"

/* --- what a stranger can put into the inboxes of other actors -------------------------------- */

#define FLOOD 4000

static void send_toggled_interest(unsigned i)
{
    remote_send_message(&x.far, 2 + i % 2, 0, 0, 0, 0);
}

static void send_have(unsigned i)
{
    if (i < 2 * N_PIECES)
        remote_send_message(&x.far, 4, 1, i / 2, 0, 0);
}

static void send_have_all(unsigned i)
{
    if (i % 2)
        remote_send_message(&x.far, 14, 0, 0, 0, 0);
    else
        remote_send(&x.far, "\0\0\0\x9\x5\x80\0\0\0\0\0\0\1", 13);
}

static void send_suggestion(unsigned i)
{
    remote_send_message(&x.far, 13, 1, i % N_PIECES, 0, 0);
}

static void send_upload_only(unsigned i)
{
    remote_send(
        &x.far,
        i % 2 ? "\0\0\0\x15\x14\0d11:upload_onlyi1ee" : "\0\0\0\x15\x14\0d11:upload_onlyi0ee", 25);
}

static void send_toggled_choke(unsigned i)
{
    remote_send_message(&x.far, i % 2, 0, 0, 0, 0);
}

static void send_port_and_unknown(unsigned i)
{
    remote_send_message(&x.far, i % 2 ? 9 : 77, 1, i, 0, 0);
}

/* While no other actor replies, one message of a kind is in its inbox, whatever the far end
 * sends. */
static unsigned flood(void (*send)(unsigned i))
{
    struct channel *inboxes[] = {&x.actors.torrent.interest.channel, &x.actors.choker.channel,
                                 &x.actors.fs.channel, &x.actors.bandwidth.channel,
                                 &x.lobby.channel};
    unsigned n = 0, n_most = 0;
    struct msg *m;

    for (unsigned i = 0; i < FLOOD; i++) {
        send(i);
        if (i % 16 == 15) {
            ck_assert_int_eq(peer_read(x.p, &x.scratch, x.now), 0);
            peer_download_ask(x.p, x.now);
        }
    }
    ck_assert(!x.p->must_close);
    for (unsigned i = 0; i < N_ELEMENTS(inboxes); i++) {
        for (n = 0; (m = channel_receive(inboxes[i])); n++)
            if (!(m->flags & MSG_EMBEDDED))
                actors_answer(&x.actors, m);
        n_most = n > n_most ? n : n_most;
    }
    ck_assert_int_eq(turn(), 0);
    return n_most;
}

START_TEST(a_flood_puts_one_message_of_a_kind_into_an_inbox)
{
    void (*const floods[])(unsigned) = {
        send_toggled_interest, send_have,          send_have_all,         send_suggestion,
        send_upload_only,      send_toggled_choke, send_port_and_unknown,
    };

    begin(LEECHING);
    join_choker();
    peer_super_seed(x.p);
    session_set_extensions(&x.p->session, &extensions_ours, false);
    peer_join_interest(x.p);
    session_set_interested(&x.p->session, true);
    x.actors.unchoke = false;
    ck_assert_int_eq(turn(), 0);
    for (unsigned i = 0; i < N_ELEMENTS(floods); i++) {
        unsigned n = flood(floods[i]);

        ck_assert_msg(n <= 4, "flood %u puts %u messages into an inbox", i, n);
    }
    ck_assert(seen(&x.actors, PEER_ID)->has_all);
    ck_assert_int_eq(seen(&x.actors, PEER_ID)->peer_interested,
                     x.p->session.peer_interested && !x.p->session.peer_upload_only);
    end();
}
END_TEST

/* A request of a byte costs little, and each may be the first of another piece. */
START_TEST(began_is_one_message_with_the_latest_pieces)
{
    unsigned n = 0;

    begin(SEEDING);
    session_set_choking(&x.p->session, false);
    x.p->guided = true;
    for (unsigned i = 0; i < 600 + 4; i++) {
        if (i < 600)
            remote_send_message(&x.far, 6, 3, i % N_PIECES, i / N_PIECES, 1);
        ck_assert_int_eq(peer_read(x.p, &x.scratch, x.now), 0);
        peer_serve(x.p, x.now);
        actors_take(&x.actors, &x.actors.fs.channel);
        actors_take(&x.actors, &x.actors.bandwidth.channel);
        peer_receive_all(x.p);
        remote_pull(&x.far);
        x.far.n = 0;
    }
    ck_assert_uint_eq(x.p->session.up.total, 600);
    for (struct msg *m; (m = channel_receive(&x.actors.choker.channel)); n++)
        actors_answer(&x.actors, m);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.actors.last_began, 599 % N_PIECES);
    ck_assert_uint_eq(x.actors.n_began, 1 + PIECE_LIST_MAX);
    end();
}
END_TEST

START_TEST(a_repeated_bitfield_is_one_report)
{
    begin(LEECHING);
    remote_send(&x.far, "\0\0\0\x9\x5\x80\0\0\0\0\0\0\0", 13);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.actors, PEER_ID)->n_got, 1);
    for (unsigned i = 0; i < 30; i++) /* more than a list has room for */
        remote_send_message(&x.far, 4, 1, i, 0, 0);
    remote_send(&x.far, "\0\0\0\x9\x5\0\0\0\0\0\0\0\xc0", 13);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.actors, PEER_ID)->n_got_reports, 2);
    ck_assert_uint_eq(seen(&x.actors, PEER_ID)->n_got, 1 + 30 + 2);
    ck_assert(!seen(&x.actors, PEER_ID)->has_all);
    for (unsigned i = 0; i < 100; i++)
        remote_send_message(&x.far, 14, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert(seen(&x.actors, PEER_ID)->has_all);
    ck_assert_uint_le(seen(&x.actors, PEER_ID)->n_got_reports, 4);
    ck_assert_uint_eq(seen(&x.actors, PEER_ID)->n_got, 1 + 30 + 2);
    end();
}
END_TEST

/* It may have pieces for us, so it stays connected, but it gets no upload slot. */
START_TEST(a_peer_that_downloads_nothing_is_not_interested)
{
    begin(LEECHING);
    join_choker();
    remote_send_message(&x.far, 2, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    ck_assert(seen(&x.actors, PEER_ID)->peer_interested);
    far_is_upload_only();
    ck_assert_int_eq(turn(), 0);
    ck_assert(x.p->session.peer_interested);
    ck_assert(!seen(&x.actors, PEER_ID)->peer_interested);
    ck_assert(!seen(&x.actors, PEER_ID)->is_seed);
    end();
}
END_TEST

START_TEST(a_super_seeder_learns_that_its_offer_is_not_wanted)
{
    begin(LEECHING);
    actors_hold(&x.actors, interest_kind_peer_not_interested);
    peer_report_not_interested(x.p);
    peer_super_seed(x.p);
    peer_report_not_interested(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_held, 0); /* it has not joined yet */
    peer_join_interest(x.p);
    peer_report_not_interested(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_held, 1);
    peer_report_not_interested(x.p); /* the first has no reply yet */
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_held, 1);
    x.p->session.peer_interested = true; /* it requests more: the second must not be sent now */
    msg_reply(x.actors.held[0]);
    x.actors.n_held = 0;
    peer_receive_all(x.p);
    actors_pump(&x.actors, 0);
    ck_assert_uint_eq(x.actors.n_held, 0);
    end();
}
END_TEST

START_TEST(rates_are_what_moved_since_the_last_report)
{
    uint32_t piece, at;

    begin(LEECHING);
    join_choker();
    x.actors.n_give = 1;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        remote_send_block(&x.far, &x.actors, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    for (unsigned i = 0; i < 2; i++) {
        peer_report_rates(x.p, x.now);
        actors_pump(&x.actors, 0);
        ck_assert_uint_eq(x.actors.downloaded, 2 * BLOCK_SIZE);
        ck_assert_uint_eq(x.actors.uploaded, 0);
    }
    end();
}
END_TEST

RUN_SUITE("Peer: report", 20, a_flood_puts_one_message_of_a_kind_into_an_inbox,
          began_is_one_message_with_the_latest_pieces, a_repeated_bitfield_is_one_report,
          a_peer_that_downloads_nothing_is_not_interested,
          a_super_seeder_learns_that_its_offer_is_not_wanted,
          rates_are_what_moved_since_the_last_report);
