/* SPDX-License-Identifier: MIT */
#include "pair.h"

START_TEST(an_idle_peer_is_small)
{
    ck_assert_uint_le(sizeof(struct peer), 640);
    begin(LEECHING);
    peer_work_end(x.p);
    remote_send_message(&x.far, 14, 0, 0, 0, 0);
    ck_assert_int_ge(peer_read(x.p, &x.scratch, x.now), 0);
    for (unsigned i = 0; i < 10; i++)
        session_send_have(&x.p->session, i);
    ck_assert_int_eq(peer_flush(x.p, x.now), 0);
    ck_assert_ptr_null(x.p->work);
    ck_assert_ptr_null(x.p->session.uploads);
    ck_assert_ptr_null(x.p->session.out);
    ck_assert_ptr_null(x.p->session.incoming.bytes);
    end();
}
END_TEST

START_TEST(a_message_to_an_idle_peer_rings_the_lobby_once)
{
    struct msg *m;

    begin(SEEDING);
    peer_tell_or_drop_yield(&x.p->inbox, peer_new_yield());
    peer_tell_or_drop_yield(&x.p->inbox, peer_new_yield());
    m = channel_receive(&x.lobby.channel);
    ck_assert_ptr_eq(m, &x.p->mail.msg);
    ck_assert_ptr_eq(x.p->mail.peer, x.p);
    ck_assert_ptr_null(channel_receive(&x.lobby.channel));
    waker_arm(&x.p->mail_waker);
    peer_receive_all(x.p);
    peer_tell_or_drop_yield(&x.p->inbox, peer_new_yield());
    ck_assert_ptr_eq(channel_receive(&x.lobby.channel), m);
    peer_receive_all(x.p);
    end();
}
END_TEST

START_TEST(a_new_peer_takes_over_the_stream)
{
    struct peer_options options = {.addr.family = AF_INET, .id = 9, .seeding = true};
    struct stream stream;
    struct peer *p;
    int fds[2];

    begin(SEEDING);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    stream_init_tcp(&stream, fds[0]);
    p = peer_new(&x.env, &x.actors.torrent, &stream, &options, x.now);
    ck_assert_int_eq(stream_fd(&stream), -1);
    ck_assert_int_eq(stream_fd(&p->stream), fds[0]);
    ck_assert(p->session.we_have_all && !p->session.keep_bitfield);
    peer_super_seed(p);
    ck_assert(!p->session.we_have_all && p->session.keep_bitfield);
    peer_free(p);
    ck_assert_int_eq(recv(fds[1], fds, 1, 0), 0); /* closed */
    close(fds[1]);
    end();
}
END_TEST

RUN_SUITE("Peer", 20, an_idle_peer_is_small, a_message_to_an_idle_peer_rings_the_lobby_once,
          a_new_peer_takes_over_the_stream);
