/* SPDX-License-Identifier: MIT */
#include "lobby_hall.h"

/* --- handshakes --------------------------------------------------------------------------- */

static struct hall h;
static struct remote r[40];

START_TEST(a_handshake_may_be_cut_at_every_byte)
{
    uint8_t bytes[68];

    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    handshake(&h, "-XX0000-abcdefghijkl", true, bytes);
    for (unsigned cut = 0; cut < 68; cut++) {
        dial_from(&r[0], h.port, "127.0.0.1");
        remote_send(&r[0], bytes, cut);
        if (cut >= 48)
            read_handshake(&h, &r[0]); /* the info-hash is enough for an answer */
        else
            world_pause(&h.world, NS_PER_MS);
        ck_assert_uint_eq(h.world.n_joined_choker, 0);
        remote_send(&r[0], bytes + cut, 68 - cut);
        if (cut < 48)
            read_handshake(&h, &r[0]);
        UNTIL(&h.world, remote_has_message(&r[0]));
        ck_assert_uint_eq(r[0].n, 5);
        ck_assert_uint_eq(r[0].bytes[4], 14); /* have all */
        UNTIL(&h.world, h.world.n_joined_choker == 1);
        remote_close(&r[0]);
        UNTIL(&h.world, h.world.n_joined_choker == 0);
    }
    hall_end(&h);
}
END_TEST

START_TEST(strangers_are_sent_away)
{
    static const char http[] = "GET / HTTP/1.1\r\n";
    uint8_t bytes[68];

    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    handshake(&h, "-XX0000-abcdefghijkl", true, bytes);
    dial_from(&r[0], h.port, "127.0.0.1");
    remote_send(&r[0], http, sizeof http - 1);
    expect_over(&h, &r[0]);
    /* Of a torrent that is not here (and does not come) nothing is said. */
    bytes[30] ^= 1;
    dial_from(&r[0], h.port, "127.0.0.1");
    remote_send(&r[0], bytes, 68);
    expect_over(&h, &r[0]);
    ck_assert_uint_eq(r[0].n, 0);
    ck_assert_uint_eq(h.world.n_peers, 0);
    hall_end(&h);
}
END_TEST

/* While a program with many torrents starts, peers of the last of them come before it is open. */
START_TEST(early_comers_are_held)
{
    uint8_t bytes[68];

    hall_begin(&h, 100);
    handshake(&h, "-XX0000-abcdefghijk0", true, bytes);
    for (unsigned i = 0; i < 4; i++) {
        bytes[67] = (uint8_t)('0' + i);
        dial_from(&r[i], h.port, "127.0.0.1");
        remote_send(&r[i], bytes, i == 1 ? 48 : 68); /* one has named its torrent and not itself */
    }
    remote_close(&r[2]);
    world_pause(&h.world, 20 * NS_PER_MS);
    ck_assert(!remote_is_over(&r[0]));
    hall_add(&h, N_PIECES);
    bytes[67] = '1';
    remote_send(&r[1], bytes + 48, 20);
    for (unsigned i = 0; i < 4; i++)
        if (i != 2)
            read_handshake(&h, &r[i]);
    UNTIL(&h.world, h.world.n_joined_choker == 3);
    hall_end(&h);
}
END_TEST

/* So many and no more, and not for long. */
START_TEST(few_are_held)
{
    uint8_t bytes[68];
    static int fds[256];

    hall_begin(&h, 2000);
    handshake(&h, "-XX0000-abcdefghijkl", true, bytes);
    for (unsigned i = 0; i < 256; i++) {
        dial_from(&r[0], h.port, "127.0.0.1");
        remote_send(&r[0], bytes, 68);
        fds[i] = r[0].fd;
    }
    dial_from(&r[1], h.port, "127.0.0.1");
    remote_send(&r[1], bytes, 68);
    expect_over(&h, &r[1]);
    r[1] = (struct remote){.fd = fds[255]};
    ck_assert(!remote_is_over(&r[1]));
    expect_over(&h, &r[1]);
    for (unsigned i = 0; i < 255; i++)
        close(fds[i]);
    hall_end(&h);
}
END_TEST

START_TEST(it_dials_and_tries_again)
{
    struct addr a;
    uint8_t bytes[68];
    int fd = listening(&a);

    hall_begin(&h, 100);
    hall_add(&h, 0);
    peers_found(&h, &a);
    peers_found(&h, &a);
    UNTIL(&h.world, took(fd, &r[0]));
    read_handshake(&h, &r[0]);
    world_pause(&h.world, 20 * NS_PER_MS);
    ck_assert(!took(fd, &r[1])); /* one address, one connection */
    handshake(&h, "-XX0000-abcdefghijkl", true, bytes);
    for (unsigned i = 0; i < 68; i++) {
        remote_send(&r[0], bytes + i, 1);
        if (i % 10 == 0)
            world_pause(&h.world, NS_PER_MS);
    }
    UNTIL(&h.world, h.world.n_joined_choker == 1);
    UNTIL(&h.world, remote_has_message(&r[0]));
    ck_assert_uint_eq(r[0].bytes[4], 15); /* have none */
    remote_say(&r[0], 14, 0, 0, 0, 0);
    UNTIL(&h.world, h.world.n_joined_interest == 1);
    ck_assert(h.world.peers[0].has_all);
    /* A handshake for another torrent is refused; the address is tried again later. */
    remote_close(&r[0]);
    UNTIL(&h.world, h.world.n_joined_choker == 0 && h.world.n_joined_interest == 0);
    UNTIL(&h.world, took(fd, &r[0]));
    bytes[40] ^= 1;
    remote_send(&r[0], bytes, 68);
    expect_over(&h, &r[0]);
    close(fd);
    hall_end(&h);
}
END_TEST

START_TEST(it_does_not_speak_with_itself)
{
    struct addr a = {.ip = {127, 0, 0, 1}, .family = AF_INET};

    hall_begin(&h, 100);
    a.port = h.port;
    hall_add(&h, N_PIECES);
    for (unsigned i = 0; i < 20; i++) {
        peers_found(&h, &a);
        world_pause(&h.world, 10 * NS_PER_MS);
    }
    ck_assert_uint_eq(h.world.n_peers, 0);
    hall_end(&h);
}
END_TEST

START_TEST(one_connection_for_each_peer)
{
    uint8_t bytes[68];
    struct addr a;
    int fd = listening(&a);

    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], "-XX0000-abcdefghijkl", true);
    /* The same again, the same way round: the second goes. */
    handshake(&h, "-XX0000-abcdefghijkl", true, bytes);
    dial_from(&r[1], h.port, "127.0.0.1");
    remote_send(&r[1], bytes, 68);
    expect_over(&h, &r[1]);
    /* Another client behind the same address is another peer. */
    join_as(&h, &r[1], "-XX0000-ABCDEFGHIJKL", true);
    ck_assert_uint_eq(h.world.n_joined_choker, 2);
    /* We dial one that dialled us: its id is higher ("-X" > "-C"), so its connection stays. */
    peers_found(&h, &a);
    UNTIL(&h.world, took(fd, &r[2]));
    read_handshake(&h, &r[2]);
    remote_send(&r[2], bytes, 68);
    UNTIL(&h.world, h.world.n_joined_choker == 3); /* for a while: it may choose itself */
    expect_over(&h, &r[2]);
    UNTIL(&h.world, h.world.n_joined_choker == 2);
    ck_assert(!remote_is_over(&r[0]));
    /* And one whose id is lower: ours stays. */
    join_as(&h, &r[3], "-AA0000-abcdefghijkl", true);
    UNTIL(&h.world, h.world.n_joined_choker == 3);
    close(fd);
    fd = listening(&a);
    peers_found(&h, &a);
    UNTIL(&h.world, took(fd, &r[2]));
    read_handshake(&h, &r[2]);
    handshake(&h, "-AA0000-abcdefghijkl", true, bytes);
    remote_send(&r[2], bytes, 68);
    UNTIL(&h.world, h.world.n_joined_choker == 4);
    expect_over(&h, &r[3]);
    ck_assert(!remote_is_over(&r[2]));
    UNTIL(&h.world, h.world.n_joined_choker == 3);
    close(fd);
    hall_end(&h);
}
END_TEST

START_TEST(whoever_is_banned_stays_out)
{
    struct addr a = {.ip = {127, 0, 0, 1}, .family = AF_INET};
    struct sockaddr_in in;
    socklen_t size = sizeof in;

    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], "-XX0000-abcdefghijkl", true);
    join_as(&h, &r[1], "-XX0000-ABCDEFGHIJKL", true);
    remote_say(&r[1], 2, 0, 0, 0, 0); /* interested: this one gets a thread */
    UNTIL(&h.world, remote_has_message(&r[1]));
    ck_assert_uint_eq(r[1].bytes[4], 1);
    for (unsigned i = 0; i < 2; i++) {
        getsockname(r[i].fd, (struct sockaddr *)&in, &size);
        a.port = ntohs(in.sin_port);
        ban(&h, &a);
        UNTIL(&h.world, remote_is_over(&r[i]));
    }
    UNTIL(&h.world, h.world.n_joined_choker == 0);
    dial_from(&r[2], h.port, "127.0.0.1");
    expect_over(&h, &r[2]);
    /* Another host is not meant. */
    dial_from(&r[2], h.port, "127.0.0.9");
    world_pause(&h.world, 20 * NS_PER_MS);
    ck_assert(!remote_is_over(&r[2]));
    hall_end(&h);
}
END_TEST

/* --- data --------------------------------------------------------------------------------- */

/* Threads give their peers back after a millisecond in this test, so hands change all the time. */
START_TEST(no_byte_is_lost_when_hands_change)
{
    unsigned n_have = 0;

    hall_begin(&h, 100);
    hall_add(&h, 32);
    h.world.interested = false;
    for (unsigned i = 0; i < 4; i++)
        join_as(&h, &r[i],
                i == 0   ? "-XX0000-aaaaaaaaaaaa"
                : i == 1 ? "-XX0000-bbbbbbbbbbbb"
                : i == 2 ? "-XX0000-cccccccccccc"
                         : "-XX0000-dddddddddddd",
                i % 2);
    for (unsigned i = 0; i < 4; i++)
        become_interested(&h, &r[i]);
    for (unsigned n = 0; n < 2000; n++) {
        struct remote *x = &r[n % 4];
        uint32_t piece = rng_below(&h.world.rng, 32), begin = rng_below(&h.world.rng, 16000);
        uint32_t length = 1 + rng_below(&h.world.rng, 16384);

        if (n < 4 * N_PIECES) {
            remote_say(x, 4, 1, n / 4, 0, 0); /* a HAVE on the way */
            n_have++;
        }
        remote_say(x, 6, 3, piece, begin, length);
        expect_block(&h, x, piece, begin, length);
        ck_assert_uint_eq(x->n, 0);
        if (n % 3 == 0)
            world_pause(&h.world, rng_below(&h.world.rng, 3 * NS_PER_MS));
    }
    for (unsigned i = 0; i < 4; i++)
        UNTIL(&h.world, h.world.peers[i].n_got == n_have / 4);
    hall_end(&h);
}
END_TEST

/* Answers the next request of ours; false when there is none. */
static bool answer_request(struct hall *x, struct remote *from)
{
    uint32_t n;

    while (remote_has_message(from) && !from->ended) {
        n = 4 + get_be32(from->bytes);
        if (n == 17 && from->bytes[4] == 6) {
            remote_say_block(from, &x->world, get_be32(from->bytes + 5), get_be32(from->bytes + 9),
                             get_be32(from->bytes + 13));
            remote_drop(from, n);
            return true;
        }
        remote_drop(from, n);
    }
    return false;
}

START_TEST(it_downloads_and_returns_each_claim_once)
{
    hall_begin(&h, 100);
    hall_add(&h, 0);
    h.world.n_give = N_PIECES;
    for (unsigned i = 0; i < 2; i++) {
        join_as(&h, &r[i], i ? "-XX0000-bbbbbbbbbbbb" : "-XX0000-aaaaaaaaaaaa", true);
        remote_say(&r[i], 14, 0, 0, 0, 0);
        remote_say(&r[i], 1, 0, 0, 0, 0);
    }
    UNTIL(&h.world, (answer_request(&h, &r[0]), answer_request(&h, &r[1]),
                     h.world.n_give == 0 && h.world.n_claims == 0));
    ck_assert_uint_ge(h.world.stored_bytes, LENGTH / 2);
    UNTIL(&h.world, h.world.downloaded == h.world.stored_bytes);
    /* Parked queries: a piece that is there at last is fetched at once. */
    world_pause(&h.world, 30 * NS_PER_MS);
    ck_assert_uint_gt(h.world.n_parked, 0);
    h.world.n_give = 1;
    UNTIL(&h.world, answer_request(&h, &r[0]) || answer_request(&h, &r[1]));
    UNTIL(&h.world, (answer_request(&h, &r[0]), answer_request(&h, &r[1]), h.world.n_claims == 0));
    /* One goes in the middle of a block: the other gets what it had. */
    h.world.n_give = 40;
    UNTIL(&h.world, (answer_request(&h, &r[0]), h.world.n_give == 0));
    remote_close(&r[0]);
    UNTIL(&h.world, (answer_request(&h, &r[1]), h.world.n_claims == 0));
    hall_end(&h);
}
END_TEST

/* --- ends --------------------------------------------------------------------------------- */

START_TEST(a_torrent_goes_with_peers_in_every_state)
{
    uint8_t bytes[68];
    struct addr a;
    int fd = listening(&a);
    struct world *w = &h.world;

    hall_begin(&h, 100);
    hall_add(&h, 32);
    w->n_give = 2000;
    world_hold(w, fs_kind_store_blocks);
    handshake(&h, "-XX0000-abcdefghijkl", true, bytes);
    dial_from(&r[0], h.port, "127.0.0.1"); /* silent */
    dial_from(&r[1], h.port, "127.0.0.1"); /* half a handshake */
    remote_send(&r[1], bytes, 50);
    read_handshake(&h, &r[1]);
    peers_found(&h, &a); /* dialled */
    UNTIL(w, took(fd, &r[2]));
    join_as(&h, &r[3], "-XX0000-idleidleidle", true);
    join_as(&h, &r[4], "-XX0000-leechleechle", true);
    remote_say(&r[4], 2, 0, 0, 0, 0);
    UNTIL(w, remote_has_message(&r[4]));
    for (unsigned i = 0; i < 200; i++) /* more than the socket takes */
        remote_say(&r[4], 6, 3, i % 32, 0, 16384);
    join_as(&h, &r[5], "-XX0000-seedseedseed", true);
    remote_say(&r[5], 14, 0, 0, 0, 0);
    remote_say(&r[5], 1, 0, 0, 0, 0);
    UNTIL(w, (answer_request(&h, &r[5]), w->n_held >= 2));
    hall_ask_removal(&h);
    UNTIL(w, w->n_joined_choker == 0);
    world_pause(w, 20 * NS_PER_MS);
    /* Its blocks are being written: not before these are home does it leave InterestStat. */
    ck_assert_uint_eq(w->n_home, 0);
    ck_assert_uint_eq(w->n_joined_interest, 1);
    ck_assert_uint_gt(w->n_claims, 0);
    world_release(w);
    UNTIL(w, w->n_home == 1);
    ck_assert_uint_eq(w->n_claims, 0);
    for (unsigned i = 1; i < 6; i++)
        UNTIL(w, remote_is_over(&r[i]));
    close(fd);
    hall_end(&h);
}
END_TEST

START_TEST(it_ends_with_everything_in_flight)
{
    struct world *w = &h.world;
    char id[21] = "-XX0000-aaaaaaaaaaaa";

    for (unsigned round = 0; round < 12; round++) {
        hall_begin(&h, 100);
        hall_add(&h, 32);
        w->n_give = 3000;
        for (unsigned i = 0; i < 10; i++) {
            id[19] = (char)('a' + i);
            join_as(&h, &r[i], id, i % 3);
            if (i % 2) {
                if (i % 3)
                    remote_say(&r[i], 14, 0, 0, 0, 0);
                else
                    remote_say(&r[i], 4, 1, i, 0, 0);
                remote_say(&r[i], 1, 0, 0, 0, 0);
            }
            remote_say(&r[i], 2, 0, 0, 0, 0);
        }
        for (unsigned n = 0; n < 20 * round; n++) {
            struct remote *x = &r[n % 10];

            answer_request(&h, x);
            if (n % 4 == 0)
                remote_say(x, 6, 3, n % 32, 0, 16384);
            world_pump(w, 0);
        }
        hall_end(&h);
        for (unsigned i = 0; i < 10; i++)
            remote_close(&r[i]);
    }
}
END_TEST

START_TEST(who_breaks_the_protocol_goes)
{
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, 7};

    hall_begin(&h, 100);
    hall_add(&h, 32);
    join_as(&h, &r[0], "-XX0000-abcdefghijkl", true);
    remote_send(&r[0], huge, sizeof huge);
    expect_over(&h, &r[0]);
    UNTIL(&h.world, h.world.n_joined_choker == 0);
    join_as(&h, &r[0], "-XX0000-abcdefghijkl", true);
    remote_say(&r[0], 2, 0, 0, 0, 0);
    UNTIL(&h.world, remote_has_message(&r[0]));
    remote_say(&r[0], 6, 3, 0, 0, 1 << 20);
    expect_over(&h, &r[0]);
    UNTIL(&h.world, h.world.n_joined_choker == 0);
    /* HAVEs for ever are messages to InterestStat for ever. */
    join_as(&h, &r[0], "-XX0000-abcdefghijkl", true);
    for (unsigned i = 0; i < 2 * N_PIECES + 2; i++)
        remote_say(&r[0], 4, 1, 1, 0, 0);
    expect_over(&h, &r[0]);
    hall_end(&h);
}
END_TEST

/* Two connections, one of which has joined InterestStat: after Completed both know, the other has joined,
 * and who comes later is told at once. */
START_TEST(all_hear_of_completion)
{
    struct lobby_torrent_completed *m = lobby_new_torrent_completed();
    struct lobby_have *have = lobby_new_have();

    hall_begin(&h, 100);
    hall_add(&h, N_PIECES - 1);
    join_as(&h, &r[0], "-XX0000-aaaaaaaaaaaa", true);
    remote_say(&r[0], 15, 0, 0, 0, 0);
    UNTIL(&h.world, h.world.n_joined_interest == 1);
    join_as(&h, &r[1], "-XX0000-bbbbbbbbbbbb", true);
    have->swarm = m->swarm = &h.world.swarm;
    have->piece = N_PIECES - 1;
    ck_assert(lobby_tell_have(lobby_inbox(h.lobby), have));
    ck_assert(master_ask_lobby_torrent_completed(&h.world.master, lobby_inbox(h.lobby), m));
    UNTIL(&h.world, h.world.n_home == 1);
    world_pump(&h.world, 0);
    ck_assert_uint_eq(h.world.n_joined_interest, 2);
    msg_free(h.world.home[--h.world.n_home]);
    for (unsigned i = 0; i < 2; i++) {
        remote_say(&r[i], 14, 0, 0, 0, 0);
        expect_over(&h, &r[i]);
    }
    UNTIL(&h.world, !h.world.n_joined_choker);
    join_as(&h, &r[2], "-XX0000-cccccccccccc", true);
    remote_say(&r[2], 14, 0, 0, 0, 0);
    expect_over(&h, &r[2]);
    ck_assert_uint_eq(h.world.n_need_peers, 0);
    hall_end(&h);
}
END_TEST

/* It holds when this returns: what is sent behind it is home, the removal of a torrent that is not
 * there. The Lobby looks at its sockets before it looks at its inbox. */
static void set_max_peers(struct hall *x, uint32_t n)
{
    struct lobby_set_max_peers *m = lobby_new_set_max_peers();
    struct lobby_torrent_removed *none = lobby_new_torrent_removed();
    unsigned n_home = x->world.n_home;

    m->max_peers = n;
    ck_assert(lobby_tell_set_max_peers(lobby_inbox(x->lobby), m));
    ck_assert(master_ask_lobby_torrent_removed(&x->world.master, lobby_inbox(x->lobby), none));
    UNTIL(&x->world, x->world.n_home == n_home + 1);
    msg_free(x->world.home[--x->world.n_home]);
}

START_TEST(a_house_may_grow_and_shrink)
{
    hall_begin(&h, 2);
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], "-XX0000-aaaaaaaaaaaa", true);
    join_as(&h, &r[1], "-XX0000-bbbbbbbbbbbb", true);
    set_max_peers(&h, 3);
    join_as(&h, &r[2], "-XX0000-cccccccccccc", true);
    /* Nobody is sent away for it. */
    set_max_peers(&h, 1);
    dial_from(&r[3], h.port, "127.0.0.1");
    expect_over(&h, &r[3]);
    world_pause(&h.world, 5 * NS_PER_MS);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(!r[i].ended);
    ck_assert_uint_eq(h.world.n_joined_choker, 3);
    hall_end(&h);
}
END_TEST

START_TEST(a_full_house_refuses)
{
    hall_begin(&h, 3);
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], "-XX0000-aaaaaaaaaaaa", true);
    join_as(&h, &r[1], "-XX0000-bbbbbbbbbbbb", true);
    join_as(&h, &r[2], "-XX0000-cccccccccccc", true);
    dial_from(&r[3], h.port, "127.0.0.1");
    expect_over(&h, &r[3]);
    remote_close(&r[1]);
    UNTIL(&h.world, h.world.n_joined_choker == 2);
    world_pause(&h.world, 5 * NS_PER_MS);
    join_as(&h, &r[1], "-XX0000-bbbbbbbbbbbb", true);
    hall_end(&h);
}
END_TEST

/* A torrent that is removed and added again while a connection of its first life is still leaving. */
START_TEST(a_torrent_may_come_again_at_once)
{
    static struct swarm again_swarm;
    static struct torrent again;
    struct lobby_torrent_added *added = lobby_new_torrent_added();
    struct lobby_torrent_removed *removed = lobby_new_torrent_removed();

    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], "-XX0000-aaaaaaaaaaaa", true);
    world_hold(&h.world, choker_kind_peer_left);
    hall_ask_removal(&h);
    expect_over(&h, &r[0]);
    UNTIL(&h.world, h.world.n_held == 1);
    again = h.world.torrent;
    again_swarm = h.world.swarm;
    again.swarm = &again_swarm;
    added->torrent = &again;
    removed->swarm = &again_swarm;
    ck_assert_int_eq(bitfield_init(&added->have, N_PIECES), 0);
    for (unsigned i = 0; i < N_PIECES; i++)
        bitfield_set(&added->have, i);
    ck_assert(lobby_tell_torrent_added(lobby_inbox(h.lobby), added));
    join_as(&h, &r[1], "-XX0000-bbbbbbbbbbbb", true);
    world_release(&h.world);
    UNTIL(&h.world, h.world.n_home == 1);
    join_as(&h, &r[2], "-XX0000-cccccccccccc", true);
    ck_assert(!remote_is_over(&r[1]));
    ck_assert(master_ask_lobby_torrent_removed(&h.world.master, lobby_inbox(h.lobby), removed));
    UNTIL(&h.world, h.world.n_home == 2);
    hall_end(&h);
}
END_TEST

START_TEST(two_seeds_have_nothing_to_say)
{
    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], "-XX0000-aaaaaaaaaaaa", true);
    remote_say(&r[0], 14, 0, 0, 0, 0);
    expect_over(&h, &r[0]);
    hall_end(&h);
}
END_TEST

RUN_SUITE("Lobby", 60, a_handshake_may_be_cut_at_every_byte, strangers_are_sent_away,
          early_comers_are_held, few_are_held, it_dials_and_tries_again,
          it_does_not_speak_with_itself, one_connection_for_each_peer, whoever_is_banned_stays_out,
          no_byte_is_lost_when_hands_change, it_downloads_and_returns_each_claim_once,
          a_torrent_goes_with_peers_in_every_state, it_ends_with_everything_in_flight,
          who_breaks_the_protocol_goes, all_hear_of_completion, a_full_house_refuses,
          a_house_may_grow_and_shrink, a_torrent_may_come_again_at_once,
          two_seeds_have_nothing_to_say);
