/* SPDX-License-Identifier: MIT */
#include "../lobby_world.h"

#include "actors/peer/internal.h"

/* One peer on a socket pair, driven by the test as its thread would, at times the test chooses. */
struct pair {
    struct world world;
    struct lobby_inbox lobby;
    struct peer_env env;
    struct peer *p;
    struct remote far;
    struct session_scratch scratch;
    uint64_t now;
};
static struct pair x;

static void begin(bool we_have_all)
{
    struct stream stream;
    int fds[2];

    world_init(&x.world);
    channel_init(&x.lobby.channel, &x.world.waker);
    x.now = clock_now();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    x.far = (struct remote){.fd = fds[1]};
    x.env = (struct peer_env){.lobby = &x.lobby,
                              .choker = &x.world.choker,
                              .fs = &x.world.fs,
                              .bandwidth = &x.world.bandwidth};
    ck_assert_int_eq(session_scratch_init(&x.scratch), 0);
    if (we_have_all)
        channel_close(&x.world.torrent.interest.channel);
    stream_init_tcp(&stream, fds[0]);
    x.p = peer_new(&x.env, &x.world.torrent, &stream,
                   &(struct peer_options){
                       .addr.family = AF_INET, .id = 7, .fast = true, .seeding = we_have_all},
                   x.now);
    peer_work_begin(x.p, x.now);
}

/* Until all that is on its way has come. 0 or the error that ends the connection. */
static int turn(void)
{
    for (unsigned i = 0; i < 20; i++) {
        ssize_t n;

        world_pump(&x.world, 0);
        peer_receive_all(x.p);
        if (x.p->must_close)
            return -ECANCELED;
        n = peer_read(x.p, &x.scratch, x.now);
        if (n < 0)
            return (int)n;
        peer_download_ask(x.p, x.now);
        if (peer_serve(x.p, x.now) < 0)
            return -EPIPE;
    }
    return 0;
}

/* As its thread does at the end, and then the Lobby. */
static void close_peer(void)
{
    if (x.p->work)
        peer_work_end(x.p);
    peer_close(x.p);
}

static void end(void)
{
    close_peer();
    while (!peer_continue_close(x.p)) {
        world_pump(&x.world, 0);
        peer_receive_all(x.p);
    }
    while (channel_receive(&x.lobby.channel)) /* Mail: embedded */
        ;
    ck_assert_uint_eq(x.p->n_stores, 0);
    ck_assert_uint_eq(x.p->n_next_piece, 0);
    ck_assert_uint_eq(x.p->n_blocks_asked, 0);
    peer_free(x.p);
    session_scratch_deinit(&x.scratch);
    remote_close(&x.far);
    world_take_all(&x.world);
    world_deinit(&x.world);
}

static void far_is_a_seed(void)
{
    remote_say(&x.far, 14, 0, 0, 0, 0);
    remote_say(&x.far, 1, 0, 0, 0, 0);
}

/* The next request that came; 0 when there is none. */
static bool next_request(uint32_t *piecep, uint32_t *beginp)
{
    while (remote_has_message(&x.far)) {
        uint8_t id = x.far.bytes[4];

        *piecep = get_be32(x.far.bytes + 5);
        *beginp = get_be32(x.far.bytes + 9);
        remote_drop(&x.far, 4 + get_be32(x.far.bytes));
        if (id == 6)
            return true;
    }
    return false;
}

START_TEST(a_snubbing_peer_loses_its_claims_and_then_its_place)
{
    uint32_t piece, at;

    begin(false);
    x.world.n_give = 4;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_claims, 4);
    ck_assert(next_request(&piece, &at));
    remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    x.now += SESSION_SNUBBED_NS - NS_PER_S;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 7);
    x.now += NS_PER_S;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 0);
    x.world.n_give = 0;
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_claims, 0);
    ck_assert_uint_eq(x.world.stored_bytes, BLOCK_SIZE); /* what had come is kept */
    /* A pause; then it gets another chance, and uses it. */
    x.world.n_give = 1;
    ck_assert_int_eq(turn(), 0);
    x.now += 11 * NS_PER_S;
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        ;
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 2);
    remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    ck_assert(!x.p->work->download.snubbed);
    /* Twice in a row is enough. */
    x.now += SESSION_SNUBBED_NS;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), 0);
    x.now += 11 * NS_PER_S;
    x.world.n_give = 1;
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_claims, 1);
    x.now += SESSION_SNUBBED_NS;
    ck_assert_int_eq(peer_download_tick(x.p, x.now), -ETIMEDOUT);
    ck_assert(x.p->at_fault);
    end();
}
END_TEST

/* Transmission refuses what it holds and then chokes: it has the pieces all the same. */
START_TEST(only_who_refuses_twice_lacks_a_piece)
{
    uint32_t piece, at;

    begin(false);
    x.world.n_give = 1;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        remote_say(&x.far, 16, 3, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.world, 7)->n_lost, 0);
    ck_assert_uint_eq(x.world.n_claims, 0);
    x.now += 2 * NS_PER_S;
    x.world.n_give = 1;
    x.world.next_piece = piece;
    ck_assert_int_eq(turn(), 0);
    ck_assert(next_request(&piece, &at));
    remote_say(&x.far, 16, 3, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(seen(&x.world, 7)->n_lost, 1);
    end();
}
END_TEST

START_TEST(quota_is_neither_lost_nor_stretched)
{
    uint32_t piece, at, n = 0;

    begin(false);
    x.world.grant = UINT32_MAX;
    x.world.n_give = 20;
    far_is_a_seed();
    while (n < 7) {
        ck_assert_int_eq(turn(), 0);
        x.now += 3 * NS_PER_S;
        while (n < 7 && next_request(&piece, &at)) {
            if (n++ % 2)
                remote_say(&x.far, 16, 3, piece, at, BLOCK_SIZE);
            else
                remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
        }
        ck_assert_uint_le(x.world.stored_bytes + session_n_in_flight(&x.p->session) * BLOCK_SIZE,
                          x.world.granted_down);
    }
    ck_assert_int_eq(turn(), 0);
    x.world.n_give = 0;
    remote_say(&x.far, 0, 0, 0, 0, 0); /* choke; BEP 6: each request is refused */
    while (next_request(&piece, &at))
        remote_say(&x.far, 16, 3, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(session_n_in_flight(&x.p->session), 0);
    ck_assert_uint_eq(x.p->work->quotas[DIRECTION_DOWN].n_bytes + x.p->n_blocks_asked * BLOCK_SIZE +
                          x.p->session.down.total,
                      x.world.granted_down);
    close_peer();
    while (!peer_continue_close(x.p)) {
        world_pump(&x.world, 0);
        peer_receive_all(x.p);
    }
    world_pump(&x.world, 0);
    ck_assert_uint_eq(x.p->session.down.total, x.world.granted_down);
    end();
}
END_TEST

START_TEST(uploads_wait_for_quota_and_control_does_not)
{
    begin(true);
    x.world.grant = UINT32_MAX;
    world_hold(&x.world, bandwidth_kind_want_quota);
    session_set_choking(&x.p->session, false, x.now);
    remote_say(&x.far, 6, 3, 3, 0, 16384);
    remote_say(&x.far, 6, 3, 4, 100, 5000);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_held, 1);
    ck_assert(remote_has(&x.far, 5));
    ck_assert_uint_eq(x.far.n, 5); /* unchoke and nothing else */
    session_say_have(&x.p->session, 9);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 14);
    world_release(&x.world);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 14 + 13 + 16384 + 13 + 5000);
    ck_assert_mem_eq(x.far.bytes + 27, x.world.content + 3 * PIECE_LENGTH, 16384);
    ck_assert_uint_eq(x.world.granted_up - x.p->work->quotas[DIRECTION_UP].n_bytes, 16384 + 5000);
    ck_assert_uint_eq(x.world.n_leases, 1);
    end();
}
END_TEST

START_TEST(a_guided_peer_reports_each_piece_once)
{
    struct peer_unchoke *unchoke = peer_new_unchoke();
    struct peer_suggest *suggest = peer_new_suggest();

    begin(true);
    suggest->piece = 9;
    unchoke->guided = true;
    peer_tell_or_drop_suggest(&x.p->inbox, suggest);
    peer_tell_or_drop_unchoke(&x.p->inbox, unchoke);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 9 + 5);
    ck_assert_mem_eq(x.far.bytes, "\0\0\0\5\15\0\0\0\11\0\0\0\1\1", 14);
    remote_say(&x.far, 6, 3, 0, 0, 16384);
    remote_say(&x.far, 6, 3, 0, 16384, 16384);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_began, 1);
    ck_assert_uint_eq(x.world.last_began, 0);
    remote_say(&x.far, 6, 3, 9, 0, 16384);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_began, 2);
    ck_assert_uint_eq(x.world.last_began, 9);
    peer_tell_or_drop_unguided(&x.p->inbox, peer_new_unguided());
    remote_say(&x.far, 6, 3, 4, 0, 16384);
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_began, 2);
    end();
}
END_TEST

/* The bytes of a piece message are where they ought to be; returns their number. */
static uint32_t check_block(uint32_t piece, uint32_t at, uint32_t length, uint32_t from)
{
    const uint8_t *m = x.far.bytes + from;

    ck_assert_uint_eq(get_be32(m), 9 + length);
    ck_assert_uint_eq(m[4], 7);
    ck_assert_uint_eq(get_be32(m + 5), piece);
    ck_assert_uint_eq(get_be32(m + 9), at);
    ck_assert_mem_eq(m + 13, x.world.content + piece * x.world.torrent.geometry.piece_length + at,
                     length);
    return 13 + length;
}

/* A socket that takes a few KiB at a time cuts the batches anywhere; a HAVE that is due goes out
 * between two blocks, wherever that is. */
START_TEST(a_slow_reader_gets_whole_blocks)
{
    static const uint32_t lengths[] = {16384, 1, 16383, 60000, 5, 16384, 12000};
    unsigned n_have = 0;
    uint32_t from = 5;
    int small = 1; /* the kernel's least */

    begin(true);
    x.world.torrent.geometry = (struct geometry){
        .total_length = LENGTH, .piece_length = 65536, .n_pieces = LENGTH / 65536};
    ck_assert_int_eq(
        setsockopt(stream_fd(&x.p->stream), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    session_set_choking(&x.p->session, false, x.now);
    for (unsigned i = 0; i < N_ELEMENTS(lengths); i++)
        remote_say(&x.far, 6, 3, i, 0, lengths[i]);
    for (unsigned i = 0; i < 200; i++) {
        if (i % 20 == 1)
            session_say_have(&x.p->session, i);
        ck_assert_int_eq(turn(), 0);
        remote_pull(&x.far);
    }
    ck_assert(!peer_is_sending(x.p));
    for (unsigned i = 0; i < N_ELEMENTS(lengths);) {
        if (get_be32(x.far.bytes + from) == 5) {
            n_have++;
            from += 9;
            continue;
        }
        from += check_block(i, 0, lengths[i], from);
        i++;
    }
    ck_assert_uint_gt(n_have, 0);
    ck_assert_uint_eq(x.far.n, from + (10 - n_have) * 9);
    ck_assert_uint_eq(x.p->session.up.total, 121157);
    end();
}
END_TEST

START_TEST(without_its_file_the_peer_is_let_go)
{
    begin(true);
    x.world.lease_error = -ENOENT;
    session_set_choking(&x.p->session, false, x.now);
    remote_say(&x.far, 6, 3, 3, 0, 16384);
    ck_assert_int_eq(turn(), -ECANCELED);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 5); /* no header that promises what cannot come */
    end();
}
END_TEST

START_TEST(it_leaves_interest_after_its_blocks_are_stored)
{
    uint32_t piece, at;

    begin(false);
    x.world.n_give = 3;
    world_hold(&x.world, fs_kind_store_blocks);
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(next_request(&piece, &at));
        remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
    }
    ck_assert_int_eq(turn(), 0);
    ck_assert_uint_eq(x.world.n_held, 1);
    close_peer();
    ck_assert(!peer_continue_close(x.p));
    world_pump(&x.world, 0);
    peer_receive_all(x.p);
    ck_assert_uint_eq(x.world.n_held, 2); /* half a piece is worth keeping, too */
    ck_assert_uint_eq(x.world.n_joined_interest, 1);
    world_release(&x.world);
    while (!peer_continue_close(x.p)) {
        world_pump(&x.world, 0);
        peer_receive_all(x.p);
    }
    ck_assert_uint_eq(x.world.stored_bytes, 3 * BLOCK_SIZE);
    ck_assert_uint_eq(x.world.n_claims, 0);
    end();
}
END_TEST

START_TEST(a_disk_that_refuses_ends_the_peer)
{
    uint32_t piece, at;

    begin(false);
    x.world.n_give = 1;
    x.world.store_error = -ENOSPC;
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    while (next_request(&piece, &at))
        remote_say_block(&x.far, &x.world, piece, at, BLOCK_SIZE);
    ck_assert_int_eq(turn(), -ECANCELED);
    world_pump(&x.world, 0);
    ck_assert_uint_eq(x.world.stored_bytes, 0);
    ck_assert_uint_eq(x.world.n_claims, 0);
    end();
}
END_TEST

static void say_completed(const struct bitfield *have)
{
    struct peer_completed *m = peer_new_completed();

    m->have = have;
    ck_assert(peer_tell_completed(&x.p->inbox, m));
}

/* The download of some files is over: pieces 0 to 9 are here. */
START_TEST(a_partial_seed_says_so_and_serves_what_it_has)
{
    struct bitfield have;
    uint32_t n;

    begin(false);
    ck_assert_int_eq(bitfield_init(&have, N_PIECES), 0);
    for (unsigned i = 0; i < 10; i++)
        bitfield_set(&have, i);
    session_set_extensions(&x.p->session, &extensions_ours, x.p->torrent->swarm->is_private);
    session_set_interested(&x.p->session, true);
    session_set_choking(&x.p->session, false, x.now);
    channel_close(&x.world.torrent.interest.channel);
    remote_say(&x.far, 6, 3, 3, 0, 16384);
    remote_say(&x.far, 6, 3, 10, 0, 16384);
    remote_say(&x.far, 6, 3, 9, 16384, 16384);
    /* InterestStat has ended, but what that means is told by nobody yet. */
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.n, 5 + 5);
    remote_drop(&x.far, 10);
    say_completed(&have);
    ck_assert_int_eq(turn(), 0);
    remote_pull(&x.far);
    ck_assert_uint_eq(x.far.bytes[4], 3); /* not interested */
    remote_drop(&x.far, 5);
    n = get_be32(x.far.bytes);
    ck_assert_mem_eq(x.far.bytes + 4, "\x14\0d1:md", 7);
    ck_assert_ptr_nonnull(memmem(x.far.bytes, 4 + n, "11:upload_onlyi1e", 17));
    remote_drop(&x.far, 4 + n);
    remote_drop(&x.far, check_block(3, 0, 16384, 0));
    remote_drop(&x.far, check_block(9, 16384, 16384, 0));
    ck_assert_uint_eq(x.far.n, 17);
    ck_assert_uint_eq(x.far.bytes[4], 16); /* refused */
    ck_assert_uint_eq(get_be32(x.far.bytes + 5), 10);
    bitfield_deinit(&have);
    end();
}
END_TEST

START_TEST(neither_end_wants_anything)
{
    struct choker_peer_joined *joined;

    /* We are complete, and it has everything. */
    begin(false);
    far_is_a_seed();
    ck_assert_int_eq(turn(), 0);
    say_completed(NULL);
    ck_assert_int_eq(turn(), -ECANCELED);
    end();
    /* It has nothing, but says that it wants nothing. */
    begin(true);
    session_set_extensions(&x.p->session, &extensions_ours, x.p->torrent->swarm->is_private);
    remote_say(&x.far, 15, 0, 0, 0, 0);
    ck_assert_int_eq(turn(), 0);
    remote_send(&x.far, "\0\0\0\x15\x14\0d11:upload_onlyi1ee", 25);
    ck_assert_int_eq(turn(), -ECONNABORTED);
    end();
    /* We are not complete: it may have what we want. But it gets no slot. */
    begin(false);
    session_set_extensions(&x.p->session, &extensions_ours, x.p->torrent->swarm->is_private);
    joined = choker_new_peer_joined();
    joined->peer = x.p->id;
    joined->torrent = &x.world.torrent;
    joined->inbox = &x.p->inbox;
    x.p->joined_choker = choker_tell_peer_joined(&x.world.choker, joined);
    remote_say(&x.far, 2, 0, 0, 0, 0);
    remote_send(&x.far, "\0\0\0\x15\x14\0d11:upload_onlyi1ee", 25);
    ck_assert_int_eq(turn(), 0);
    ck_assert(x.p->session.peer_interested && !x.p->reported_interested && !x.p->reported_seed);
    end();
}
END_TEST

START_TEST(an_idle_peer_is_small)
{
    ck_assert_uint_le(sizeof(struct peer), 640);
    begin(false);
    peer_work_end(x.p);
    remote_say(&x.far, 14, 0, 0, 0, 0);
    ck_assert_int_ge(peer_read(x.p, &x.scratch, x.now), 0);
    for (unsigned i = 0; i < 10; i++)
        session_say_have(&x.p->session, i);
    ck_assert_int_eq(peer_flush(x.p, x.now), 0);
    ck_assert_ptr_null(x.p->work);
    ck_assert_ptr_null(x.p->session.uploads);
    ck_assert_ptr_null(x.p->session.out);
    ck_assert_ptr_null(x.p->session.incoming.bytes);
    end();
}
END_TEST

RUN_SUITE("Peer", 30, a_snubbing_peer_loses_its_claims_and_then_its_place,
          only_who_refuses_twice_lacks_a_piece, quota_is_neither_lost_nor_stretched,
          uploads_wait_for_quota_and_control_does_not, a_slow_reader_gets_whole_blocks,
          a_guided_peer_reports_each_piece_once, without_its_file_the_peer_is_let_go,
          it_leaves_interest_after_its_blocks_are_stored, a_disk_that_refuses_ends_the_peer,
          a_partial_seed_says_so_and_serves_what_it_has, neither_end_wants_anything,
          an_idle_peer_is_small);
