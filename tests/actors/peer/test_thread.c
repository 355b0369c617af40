/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include <fcntl.h>

/* As the Lobby does: the thread owns the peer from here on. */
static void to_thread(void)
{
    if (x.p->work)
        peer_work_end(x.p);
    ck_assert_int_eq(waker_init_eventfd(&x.p->thread_waker), 0);
    channel_set_waker(&x.p->inbox.channel, &x.p->thread_waker);
    x.p->state = PEER_IN_THREAD;
    ck_assert_int_eq(peer_thread_start(x.p), 0);
}

/* Waits until the thread hands the peer back. */
static void adopt(void)
{
    struct msg *m = NULL;

    do
        UNTIL(&x.actors, (m = channel_receive(&x.lobby.channel)));
    while (m->kind == lobby_kind_mail); /* sent before the thread began */
    ck_assert_uint_eq(m->kind, lobby_kind_adopt);
    ck_assert_ptr_eq(((struct lobby_adopt *)m)->peer, x.p);
    msg_free(m);
    channel_set_waker(&x.p->inbox.channel, &x.p->mail_waker);
    waker_deinit(&x.p->thread_waker);
    x.p->state = PEER_IN_LOBBY;
    ck_assert_ptr_null(x.p->work);
}

START_TEST(a_thread_serves_and_hands_an_idle_peer_back)
{
    begin(SEEDING);
    join_choker();
    session_set_choking(&x.p->session, false);
    remote_send_message(&x.far, 6, 3, 3, 0, 16384);
    to_thread();
    UNTIL(&x.actors, remote_has(&x.far, 5 + 13 + 16384));
    check_block(3, 0, 16384, 5);
    adopt();
    ck_assert(!x.p->must_close);
    ck_assert_uint_eq(x.p->session.up.total, 16384);
    to_thread();
    adopt();
    end();
}
END_TEST

START_TEST(a_shutdown_ends_a_thread)
{
    begin(LEECHING);
    peer_tell_or_drop_shutdown(&x.p->inbox, peer_new_shutdown());
    to_thread();
    adopt();
    ck_assert(x.p->must_close);
    end();
}
END_TEST

/* Sends the blocks that were requested; returns their number. */
static unsigned answer_requests(void)
{
    uint32_t piece, at;
    unsigned n = 0;

    while (next_request(&piece, &at)) {
        remote_send_block(&x.far, &x.actors, piece, at, BLOCK_SIZE);
        n++;
    }
    return n;
}

START_TEST(a_thread_downloads_until_the_far_end_closes)
{
    unsigned n = 0;

    begin(LEECHING);
    join_choker();
    x.actors.n_give = 20;
    far_is_a_seed();
    /* The thread reads at its own pace. */
    ck_assert_int_eq(fcntl(x.far.fd, F_SETFL, 0), 0);
    to_thread();
    UNTIL(&x.actors, (n += answer_requests(), !x.actors.n_give && !x.actors.n_claims));
    ck_assert_uint_ge(n, 20);
    ck_assert_uint_eq(x.actors.stored_bytes, n * BLOCK_SIZE);
    remote_close(&x.far);
    adopt();
    ck_assert(x.p->must_close);
    ck_assert_uint_eq(x.p->session.down.total, n * BLOCK_SIZE);
    end();
    ck_assert_uint_eq(x.actors.downloaded, n * BLOCK_SIZE);
}
END_TEST

RUN_SUITE("Peer: thread", 30, a_thread_serves_and_hands_an_idle_peer_back, a_shutdown_ends_a_thread,
          a_thread_downloads_until_the_far_end_closes);
