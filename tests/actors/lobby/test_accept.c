/* SPDX-License-Identifier: MIT */
#include "lobby_fixture.h"

#include <sys/resource.h>
#include <time.h>

static struct fixture f;
static struct remote r[40], flood[90];

/* The new bound holds when this returns: the Lobby has replied to the message after it, the removal
 * of an unknown torrent. (It handles its sockets before its inbox.) */
static void set_max_peers(struct fixture *x, uint32_t n)
{
    struct lobby_set_max_peers *m = lobby_new_set_max_peers();
    struct lobby_torrent_removed *none = lobby_new_torrent_removed();
    unsigned n_replies = x->actors.n_replies;

    m->max_peers = n;
    ck_assert(lobby_tell_set_max_peers(lobby_inbox(x->lobby), m));
    ck_assert(master_ask_lobby_torrent_removed(&x->actors.master, lobby_inbox(x->lobby), none));
    UNTIL(&x->actors, x->actors.n_replies == n_replies + 1);
    msg_free(x->actors.replies[--x->actors.n_replies]);
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

START_TEST(no_more_than_max_peers_are_accepted)
{
    fixture_begin(&f, 3);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], "-XX0000-aaaaaaaaaaaa", FAST);
    join_as(&f, &r[1], "-XX0000-bbbbbbbbbbbb", FAST);
    join_as(&f, &r[2], "-XX0000-cccccccccccc", FAST);
    dial_from(&r[3], f.port, "127.0.0.1");
    expect_over(&f, &r[3]);
    remote_close(&r[1]);
    UNTIL(&f.actors, f.actors.n_joined_choker == 2);
    actors_pause(&f.actors, 5 * NS_PER_MS);
    join_as(&f, &r[1], "-XX0000-bbbbbbbbbbbb", FAST);
    fixture_end(&f);
}
END_TEST

START_TEST(max_peers_may_be_raised_and_lowered)
{
    fixture_begin(&f, 2);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], "-XX0000-aaaaaaaaaaaa", FAST);
    join_as(&f, &r[1], "-XX0000-bbbbbbbbbbbb", FAST);
    set_max_peers(&f, 3);
    join_as(&f, &r[2], "-XX0000-cccccccccccc", FAST);
    /* No peer is closed for it. */
    set_max_peers(&f, 1);
    dial_from(&r[3], f.port, "127.0.0.1");
    expect_over(&f, &r[3]);
    actors_pause(&f.actors, 5 * NS_PER_MS);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(!r[i].ended);
    ck_assert_uint_eq(f.actors.n_joined_choker, 3);
    fixture_end(&f);
}
END_TEST

START_TEST(without_descriptors_newcomers_wait)
{
    struct rlimit limit, small;
    uint64_t before;

    fixture_begin_with(&f, 100, &short_eviction);
    f.actors.tick_ns = 100 * NS_PER_MS;
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], "-XX0000-abcdefghijkl", FAST);
    for (unsigned i = 1; i < 4; i++)
        r[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    small = limit;
    small.rlim_cur = (rlim_t)r[3].fd + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
    for (unsigned i = 1; i < 4; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(f.port)};

        inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
        ck_assert_int_eq(connect(r[i].fd, (struct sockaddr *)&to, sizeof to), 0);
    }
    remote_send_message(&r[0], 2, 0, 0, 0, 0); /* no descriptor is left for its thread either */
    before = cpu_ns();
    actors_pause(&f.actors, 500 * NS_PER_MS);
    ck_assert_uint_lt(cpu_ns() - before, 250 * NS_PER_MS);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (unsigned i = 1; i < 4; i++) {
        uint8_t bytes[68];
        char id[21] = "-XX0000-ABCDEFGHIJKL";

        id[19] = (char)('0' + i);
        handshake(&f, id, FAST, bytes);
        remote_send(&r[i], bytes, 68);
        read_handshake(&f, &r[i]);
    }
    UNTIL(&f.actors, f.actors.n_joined_choker == 4);
    remote_send_message(&r[0], 6, 3, 1, 0, 100);
    UNTIL(&f.actors, remote_has(&r[0], 5 + 113));
    fixture_end(&f);
}
END_TEST

START_TEST(without_descriptors_the_least_useful_is_evicted)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct rlimit limit, small;
    uint8_t bytes[68];

    fixture_begin_with(&f, 100, &short_eviction);
    fixture_add(&f, N_PIECES);
    join_as(&f, &r[0], id_of(0), FAST);
    join_as(&f, &r[1], id_of(1), FAST);
    actors_pause(&f.actors, 1050 * NS_PER_MS);
    r[2] = (struct remote){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    getrlimit(RLIMIT_NOFILE, &limit);
    small = limit;
    small.rlim_cur = (rlim_t)r[2].fd + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
    to.sin_port = htons(f.port);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    ck_assert_int_eq(connect(r[2].fd, (struct sockaddr *)&to, sizeof to), 0);
    handshake(&f, id_of(2), FAST, bytes);
    remote_send(&r[2], bytes, 68);
    read_handshake(&f, &r[2]);
    expect_over(&f, &r[0]);
    ck_assert(!remote_is_over(&r[1]));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fixture_end(&f);
}
END_TEST

/* Connections without a handshake take a part of all places at most. */
START_TEST(silent_newcomers_replace_each_other)
{
    static int fds[100];

    fixture_begin_with(&f, 100, &short_eviction);
    fixture_add(&f, N_PIECES);
    for (unsigned i = 0; i < 100; i++) {
        dial_from(&r[0], f.port, "127.0.0.1");
        fds[i] = r[0].fd;
    }
    r[0].fd = fds[0];
    UNTIL(&f.actors, remote_is_over(&r[0]));
    r[0] = (struct remote){.fd = fds[99]};
    actors_pause(&f.actors, 5 * NS_PER_MS);
    ck_assert(!remote_is_over(&r[0]));
    join_as(&f, &r[1], id_of(1), FAST);
    for (unsigned i = 0; i < 100; i++)
        close(fds[i]);
    fixture_end(&f);
}
END_TEST

/* Handshakes of one host do not crowd out that of another. */
START_TEST(silent_newcomers_of_one_host_replace_each_other_only)
{
    uint8_t bytes[68];

    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    dial_from(&r[0], f.port, "127.0.0.9");
    for (unsigned i = 1; i < N_ELEMENTS(flood); i++)
        dial_from(&flood[i], f.port, "127.0.0.1");
    expect_over(&f, &flood[1]);
    handshake(&f, "-XX0000-abcdefghijkl", FAST, bytes);
    remote_send(&r[0], bytes, 68);
    UNTIL(&f.actors, f.actors.n_joined_choker == 1);
    fixture_end(&f);
}
END_TEST

RUN_SUITE("Accept", 60, no_more_than_max_peers_are_accepted, max_peers_may_be_raised_and_lowered,
          without_descriptors_newcomers_wait, without_descriptors_the_least_useful_is_evicted,
          silent_newcomers_replace_each_other,
          silent_newcomers_of_one_host_replace_each_other_only);
