/* SPDX-License-Identifier: MIT */
#include "lobby_world.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <time.h>

#include "conjure/actors/lobby.h"

/* Lobby and the threads of its peers are real, and so are the sockets. */
struct hall {
    struct world world;
    struct lobby *lobby;
    uint16_t port;
    bool listed;
};

static void hall_begin(struct hall *h, unsigned max_peers)
{
    struct world *w = &h->world;
    struct lobby_options o = {.max_peers = max_peers,
                              .timer = &w->timer,
                              .announcer = &w->announcer,
                              .choker = &w->choker,
                              .fs = &w->fs,
                              .bandwidth = &w->bandwidth};

    world_init(w);
    ck_assert_int_eq(lobby_listen(0, &o.listen_fd, &h->port), 0);
    h->lobby = lobby_new();
    ck_assert_int_eq(lobby_run(h->lobby, &o), 0);
}

/* With the first N_HAVE pieces verified. When that is all there is no InterestStat. */
static void hall_add(struct hall *h, unsigned n_have)
{
    struct lobby_torrent_added *m = lobby_new_torrent_added();

    m->torrent = &h->world.torrent;
    ck_assert_int_eq(bitfield_init(&m->have, N_PIECES), 0);
    for (unsigned i = 0; i < n_have; i++)
        bitfield_set(&m->have, i);
    if (n_have == N_PIECES)
        channel_close(&h->world.torrent.interest.channel);
    ck_assert(lobby_tell_torrent_added(lobby_inbox(h->lobby), m));
    UNTIL(&h->world, h->world.after); /* it has heard of it: with a torrent it ticks */
    h->listed = true;
}

static void hall_ask_removal(struct hall *h)
{
    struct lobby_torrent_removed *m = lobby_new_torrent_removed();

    m->torrent = &h->world.torrent;
    ck_assert(master_ask_lobby_torrent_removed(&h->world.master, lobby_inbox(h->lobby), m));
    h->listed = false;
}

static void hall_end(struct hall *h)
{
    struct lobby_shutdown *m = lobby_new_shutdown();
    struct world *w = &h->world;

    world_release(w);
    if (h->listed) {
        hall_ask_removal(h);
        UNTIL(w, w->n_home == 1);
    }
    ck_assert(master_ask_lobby_shutdown(&w->master, lobby_inbox(h->lobby), m));
    UNTIL(w, w->n_home && w->home[w->n_home - 1] == &m->msg);
    while (w->n_home)
        msg_free(w->home[--w->n_home]);
    lobby_join(h->lobby);
    if (w->after)
        msg_free(&w->after->msg);
    world_deinit(w);
}

/* --- the far end -------------------------------------------------------------------------- */

static void dial_from(struct remote *r, uint16_t port, const char *from)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)}, here = to;
    int one = 1;

    *r = (struct remote){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    here.sin_port = 0;
    inet_pton(AF_INET, from, &here.sin_addr);
    ck_assert_int_eq(bind(r->fd, (struct sockaddr *)&here, sizeof here), 0);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    ck_assert_int_eq(connect(r->fd, (struct sockaddr *)&to, sizeof to), 0);
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void handshake(const struct hall *h, const char *id, bool fast, uint8_t bytes[68])
{
    struct handshake x = {.fast = fast};

    memcpy(x.info_hash, metainfo_info_hash(h->world.torrent.meta), 20);
    memcpy(x.peer_id, id, 20);
    handshake_encode(&x, bytes);
}

static void read_handshake(struct hall *h, struct remote *r)
{
    UNTIL(&h->world, remote_has(r, 68));
    ck_assert(!r->ended);
    ck_assert_mem_eq(r->bytes + 28, metainfo_info_hash(h->world.torrent.meta), 20);
    ck_assert_mem_eq(r->bytes + 48, h->world.torrent.peer_id, 20);
    remote_drop(r, 68);
}

/* Connects, shakes hands and takes the first message when there is one. */
static void join_as(struct hall *h, struct remote *r, const char *id, bool fast)
{
    uint8_t bytes[68];
    unsigned n = h->world.n_joined_choker;

    dial_from(r, h->port, "127.0.0.1");
    handshake(h, id, fast, bytes);
    remote_send(r, bytes, 68);
    read_handshake(h, r);
    UNTIL(&h->world, h->world.n_joined_choker == n + 1);
    if (fast) {
        UNTIL(&h->world, remote_has_message(r));
        remote_drop(r, 4 + get_be32(r->bytes));
    }
}

static void expect_over(struct hall *h, struct remote *r)
{
    UNTIL(&h->world, remote_is_over(r));
    remote_close(r);
}

/* A socket that listens on loopback, for Lobby to dial. */
static int listening(struct addr *a)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t size = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    getsockname(fd, (struct sockaddr *)&in, &size);
    *a = addr_from_sockaddr((struct sockaddr *)&in);
    return fd;
}

static void peers_found(struct hall *h, const struct addr *a)
{
    struct lobby_peers_found *m = lobby_new_peers_found_with(sizeof *a);

    m->torrent = &h->world.torrent;
    m->n_addrs = 1;
    m->addrs[0] = *a;
    ck_assert(lobby_tell_peers_found(lobby_inbox(h->lobby), m));
}

static bool took(int listen_fd, struct remote *r)
{
    *r = (struct remote){.fd = accept(listen_fd, NULL, NULL)};
    return r->fd >= 0;
}

static void ban(struct hall *h, const struct addr *a)
{
    struct lobby_ban *m = lobby_new_ban();

    m->torrent = &h->world.torrent;
    m->addr = *a;
    ck_assert(lobby_tell_ban(lobby_inbox(h->lobby), m));
}

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
    dial_from(&r[0], h.port, "127.0.0.1"); /* no torrent at all yet */
    expect_over(&h, &r[0]);
    hall_add(&h, N_PIECES);
    handshake(&h, "-XX0000-abcdefghijkl", true, bytes);
    dial_from(&r[0], h.port, "127.0.0.1");
    /* Until the torrent is there nobody is let in. */
    remote_send(&r[0], http, sizeof http - 1);
    expect_over(&h, &r[0]);
    bytes[30] ^= 1;
    dial_from(&r[0], h.port, "127.0.0.1");
    remote_send(&r[0], bytes, 68);
    expect_over(&h, &r[0]);
    ck_assert_uint_eq(r[0].n, 0);
    ck_assert_uint_eq(h.world.n_peers, 0);
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
        remote_say(&r[i], 2, 0, 0, 0, 0);
    for (unsigned i = 0; i < 4; i++) {
        for (;;) {
            UNTIL(&h.world, remote_has_message(&r[i]));
            uint8_t id = r[i].bytes[4];
            remote_drop(&r[i], 4 + get_be32(r[i].bytes));
            if (id == 1)
                break;
        }
    }
    for (unsigned n = 0; n < 2000; n++) {
        struct remote *x = &r[n % 4];
        uint32_t piece = rng_below(&h.world.rng, 32), begin = rng_below(&h.world.rng, 16000);
        uint32_t length = 1 + rng_below(&h.world.rng, 16384);

        if (n < 4 * N_PIECES) {
            remote_say(x, 4, 1, n / 4, 0, 0); /* a HAVE on the way */
            n_have++;
        }
        remote_say(x, 6, 3, piece, begin, length);
        UNTIL(&h.world, remote_has(x, 13 + length));
        ck_assert(!x->ended);
        ck_assert_uint_eq(get_be32(x->bytes), 9 + length);
        ck_assert_uint_eq(x->bytes[4], 7);
        ck_assert_uint_eq(get_be32(x->bytes + 5), piece);
        ck_assert_uint_eq(get_be32(x->bytes + 9), begin);
        ck_assert_mem_eq(x->bytes + 13, h.world.content + piece * PIECE_LENGTH + begin, length);
        remote_drop(x, 13 + length);
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
    ck_assert_uint_eq(h.world.stored_bytes, h.world.returned_blocks * BLOCK_SIZE);
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

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

START_TEST(without_descriptors_it_waits)
{
    struct rlimit limit, small;
    uint64_t before;

    hall_begin(&h, 100);
    h.world.tick_ns = 100 * NS_PER_MS;
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], "-XX0000-abcdefghijkl", true);
    for (unsigned i = 1; i < 4; i++)
        r[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    small = limit;
    small.rlim_cur = (rlim_t)r[3].fd + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
    for (unsigned i = 1; i < 4; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(h.port)};

        inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
        ck_assert_int_eq(connect(r[i].fd, (struct sockaddr *)&to, sizeof to), 0);
    }
    remote_say(&r[0], 2, 0, 0, 0, 0); /* nor is there one for its thread */
    before = cpu_ns();
    world_pause(&h.world, 500 * NS_PER_MS);
    ck_assert_uint_lt(cpu_ns() - before, 250 * NS_PER_MS);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (unsigned i = 1; i < 4; i++) {
        uint8_t bytes[68];
        char id[21] = "-XX0000-ABCDEFGHIJKL";

        id[19] = (char)('0' + i);
        handshake(&h, id, true, bytes);
        remote_send(&r[i], bytes, 68);
        read_handshake(&h, &r[i]);
    }
    UNTIL(&h.world, h.world.n_joined_choker == 4);
    remote_say(&r[0], 6, 3, 1, 0, 100);
    UNTIL(&h.world, remote_has(&r[0], 5 + 113));
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
    have->torrent = m->torrent = &h.world.torrent;
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

static void set_max_peers(struct hall *x, uint32_t n)
{
    struct lobby_set_max_peers *m = lobby_new_set_max_peers();

    m->max_peers = n;
    ck_assert(lobby_tell_set_max_peers(lobby_inbox(x->lobby), m));
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
          it_dials_and_tries_again, it_does_not_speak_with_itself, one_connection_for_each_peer,
          whoever_is_banned_stays_out, no_byte_is_lost_when_hands_change,
          it_downloads_and_returns_each_claim_once, a_torrent_goes_with_peers_in_every_state,
          it_ends_with_everything_in_flight, who_breaks_the_protocol_goes,
          without_descriptors_it_waits, a_full_house_refuses, all_hear_of_completion,
          a_house_may_grow_and_shrink, two_seeds_have_nothing_to_say);
