/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

static struct fixture f;
static struct remote r[40];

START_TEST(a_handshake_may_be_cut_at_every_byte)
{
    uint8_t bytes[68];

    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    for (unsigned cut = 0; cut < 68; cut++) {
        dial_from(&r[0], f.port, "127.0.0.1");
        remote_send(&r[0], bytes, cut);
        if (cut >= 48)
            read_handshake(&f, &r[0]); /* the info-hash is enough for a reply */
        else
            actors_pause(&f.actors, NS_PER_MS);
        ck_assert_uint_eq(f.actors.n_joined_choker, 0);
        remote_send(&r[0], bytes + cut, 68 - cut);
        if (cut < 48)
            read_handshake(&f, &r[0]);
        UNTIL(&f.actors, remote_has_message(&r[0]));
        ck_assert_uint_eq(r[0].n, 5);
        ck_assert_uint_eq(r[0].bytes[4], 14); /* have all */
        UNTIL(&f.actors, f.actors.n_joined_choker == 1);
        remote_close(&r[0]);
        UNTIL(&f.actors, f.actors.n_joined_choker == 0);
    }
    fixture_end(&f);
}
END_TEST

START_TEST(other_protocols_and_unknown_torrents_are_refused)
{
    static const char http[] = "GET / HTTP/1.1\r\n";
    uint8_t bytes[68];

    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    dial_from(&r[0], f.port, "127.0.0.1");
    remote_send(&r[0], http, sizeof http - 1);
    expect_over(&f, &r[0]);
    /* An unknown torrent, which is not added either: no reply. */
    bytes[30] ^= 1;
    dial_from(&r[0], f.port, "127.0.0.1");
    remote_send(&r[0], bytes, 68);
    expect_over(&f, &r[0]);
    ck_assert_uint_eq(r[0].n, 0);
    ck_assert_uint_eq(f.actors.n_peers, 0);
    fixture_end(&f);
}
END_TEST

/* While a program with many torrents starts, peers name torrents that are not added yet. */
START_TEST(a_peer_of_a_later_torrent_is_held)
{
    uint8_t bytes[68];

    fixture_begin(&f, 100);
    handshake(&f, "-XX0000-abcdefghijk0", FAST, bytes);
    for (unsigned i = 0; i < 4; i++) {
        bytes[67] = (uint8_t)('0' + i);
        dial_from(&r[i], f.port, "127.0.0.1");
        remote_send(&r[i], bytes, i == 1 ? 48 : 68); /* one has sent no peer id yet */
    }
    remote_close(&r[2]);
    actors_pause(&f.actors, 20 * NS_PER_MS);
    ck_assert(!remote_is_over(&r[0]));
    fixture_add(&f, N_PIECES);
    bytes[67] = '1';
    remote_send(&r[1], bytes + 48, 20);
    for (unsigned i = 0; i < 4; i++)
        if (i != 2)
            read_handshake(&f, &r[i]);
    UNTIL(&f.actors, f.actors.n_joined_choker == 3);
    fixture_end(&f);
}
END_TEST

/* 256 at a time, and not for long. */
START_TEST(held_peers_are_bounded)
{
    uint8_t bytes[68];
    static int fds[256];

    fixture_begin(&f, 2000);
    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    for (unsigned i = 0; i < 256; i++) {
        dial_from(&r[0], f.port, "127.0.0.1");
        remote_send(&r[0], bytes, 68);
        fds[i] = r[0].fd;
    }
    dial_from(&r[1], f.port, "127.0.0.1");
    remote_send(&r[1], bytes, 68);
    expect_over(&f, &r[1]);
    r[1] = (struct remote){.fd = fds[255]};
    ck_assert(!remote_is_over(&r[1]));
    expect_over(&f, &r[1]);
    for (unsigned i = 0; i < 255; i++)
        close(fds[i]);
    fixture_end(&f);
}
END_TEST

/* --- bytes beyond the handshake ------------------------------------------------------------ */

#define OPENING (68 + 5 + N_PIECES / 8 + 5)

/* Handshake, bitfield of all pieces but the last, unchoke. */
static void opening(uint8_t bytes[OPENING])
{
    uint8_t *p = bytes + 68;

    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    p = put_be32(p, 1 + N_PIECES / 8);
    *p++ = 5;
    memset(p, 0xff, N_PIECES / 8);
    p[N_PIECES / 8 - 1] = 0xfe;
    p = put_be32(p + N_PIECES / 8, 1);
    *p = 1;
}

/* The bitfield arrived and the unchoke, too: we request a block. */
static void expect_opened(struct remote *x)
{
    UNTIL(&f.actors, f.actors.n_joined_interest == 1);
    UNTIL(&f.actors, answer_request(&f, x));
    ck_assert_uint_eq(f.actors.peers[f.actors.n_peers - 1].n_got, N_PIECES - 1);
    remote_close(x);
    UNTIL(&f.actors, !f.actors.n_joined_choker && !f.actors.n_joined_interest);
}

static void begin_to_download(void)
{
    fixture_begin(&f, 100);
    fixture_add(&f, 0);
    f.actors.n_give = 4000;
}

START_TEST(messages_in_the_packet_of_a_handshake_are_read)
{
    uint8_t bytes[OPENING];

    begin_to_download();
    opening(bytes);
    dial_from(&r[0], f.port, "127.0.0.1");
    remote_send(&r[0], bytes, sizeof bytes);
    read_handshake(&f, &r[0]);
    expect_opened(&r[0]);
    fixture_end(&f);
}
END_TEST

START_TEST(messages_in_the_packet_of_a_reply_are_read)
{
    uint8_t bytes[OPENING];
    struct addr a;
    int fd = listening(&a);

    begin_to_download();
    opening(bytes);
    peers_found(&f, &a);
    UNTIL(&f.actors, took(fd, &r[0]));
    read_handshake(&f, &r[0]);
    remote_send(&r[0], bytes, sizeof bytes);
    expect_opened(&r[0]);
    close(fd);
    fixture_end(&f);
}
END_TEST

START_TEST(messages_behind_a_held_handshake_are_read)
{
    uint8_t bytes[OPENING];

    fixture_begin(&f, 100);
    f.actors.n_give = 4000;
    opening(bytes);
    dial_from(&r[0], f.port, "127.0.0.1");
    remote_send(&r[0], bytes, sizeof bytes);
    actors_pause(&f.actors, 20 * NS_PER_MS);
    ck_assert(!remote_is_over(&r[0]));
    fixture_add(&f, 0);
    read_handshake(&f, &r[0]);
    expect_opened(&r[0]);
    fixture_end(&f);
}
END_TEST

START_TEST(an_opening_may_be_cut_at_every_byte)
{
    uint8_t bytes[OPENING];

    begin_to_download();
    opening(bytes);
    for (unsigned cut = 40; cut < OPENING; cut++) {
        dial_from(&r[0], f.port, "127.0.0.1");
        remote_send(&r[0], bytes, cut);
        if (cut >= 48)
            read_handshake(&f, &r[0]);
        else
            actors_pause(&f.actors, NS_PER_MS);
        remote_send(&r[0], bytes + cut, OPENING - cut);
        if (cut < 48)
            read_handshake(&f, &r[0]);
        expect_opened(&r[0]);
    }
    fixture_end(&f);
}
END_TEST

START_TEST(an_opening_may_arrive_byte_by_byte)
{
    uint8_t bytes[OPENING];

    begin_to_download();
    opening(bytes);
    dial_from(&r[0], f.port, "127.0.0.1");
    for (unsigned i = 0; i < OPENING; i++) {
        remote_send(&r[0], bytes + i, 1);
        actors_pause(&f.actors, NS_PER_MS / 4);
    }
    read_handshake(&f, &r[0]);
    expect_opened(&r[0]);
    fixture_end(&f);
}
END_TEST

/* More than one read takes: the rest is still in the socket. */
START_TEST(a_long_opening_is_read_in_order)
{
    static uint8_t bytes[OPENING + 4 * 65536];

    begin_to_download();
    opening(bytes);
    /* Keep-alives between the bitfield and the unchoke. */
    memmove(bytes + sizeof bytes - 5, bytes + OPENING - 5, 5);
    memset(bytes + OPENING - 5, 0, sizeof bytes - OPENING);
    dial_from(&r[0], f.port, "127.0.0.1");
    remote_send(&r[0], bytes, sizeof bytes);
    read_handshake(&f, &r[0]);
    expect_opened(&r[0]);
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Handshakes", 60, a_handshake_may_be_cut_at_every_byte,
          other_protocols_and_unknown_torrents_are_refused, a_peer_of_a_later_torrent_is_held,
          held_peers_are_bounded, messages_in_the_packet_of_a_handshake_are_read,
          messages_in_the_packet_of_a_reply_are_read, messages_behind_a_held_handshake_are_read,
          an_opening_may_be_cut_at_every_byte, an_opening_may_arrive_byte_by_byte,
          a_long_opening_is_read_in_order);
