/* SPDX-License-Identifier: MIT */
/* To the Lobby's part of this program, thread creation is flaky_start_detached. */
#undef actor_start_detached

#include "lobby_hall.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "conjure/actors/actor.h"

/* What the Lobby does when places, descriptors and threads run out, and with thousands of peers. */

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MANY 200u
#else
#define MANY 2000u
#endif

static struct hall h;
static struct remote r[40];

int flaky_start_detached(const char *name, void *(*run)(void *arg), void *arg);

static atomic_int refusals; /* so many threads are refused before there are any again */
static atomic_uint n_refused;

int flaky_start_detached(const char *name, void *(*run)(void *arg), void *arg)
{
    if (atomic_load(&refusals) > 0) {
        atomic_fetch_sub(&refusals, 1);
        atomic_fetch_add(&n_refused, 1);
        return -EAGAIN;
    }
    return actor_start_detached(name, run, arg);
}

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

/* --- whose place is needed ---------------------------------------------------------------- */

static const char *id_of(unsigned i)
{
    static char id[21];

    snprintf(id, sizeof id, "-XX0000-%012u", i);
    return id;
}

/* Comes into a full house: somebody else goes. */
static void come(struct remote *x, unsigned i, const char *from)
{
    uint8_t bytes[68];

    dial_from(x, h.port, from);
    handshake(&h, id_of(i), true, bytes);
    remote_send(x, bytes, 68);
    read_handshake(&h, x);
}

START_TEST(the_least_useful_goes)
{
    hall_begin(&h, 4);
    h.world.unchoke = false;
    hall_add(&h, N_PIECES);
    for (unsigned i = 0; i < 4; i++)
        join_as(&h, &r[i], id_of(i), true);
    remote_say(&r[0], 2, 0, 0, 0, 0); /* interested */
    /* Newcomers have some time to become of use. */
    dial_from(&r[4], h.port, "127.0.0.1");
    expect_over(&h, &r[4]);
    world_pause(&h.world, 1050 * NS_PER_MS);
    /* One for one, who has idled longest first. */
    for (unsigned i = 1; i < 4; i++) {
        come(&r[3 + i], 3 + i, "127.0.0.1");
        expect_over(&h, &r[i]);
        UNTIL(&h.world, h.world.n_joined_choker == 4);
        world_pause(&h.world, NS_PER_MS);
    }
    /* Who is interested stays. */
    dial_from(&r[7], h.port, "127.0.0.1");
    expect_over(&h, &r[7]);
    ck_assert(!remote_is_over(&r[0]));
    /* But not for ever without ever being served. */
    for (unsigned i = 4; i < 7; i++)
        remote_say(&r[i], 2, 0, 0, 0, 0);
    world_pause(&h.world, 4050 * NS_PER_MS);
    come(&r[7], 7, "127.0.0.1");
    expect_over(&h, &r[0]);
    hall_end(&h);
}
END_TEST

START_TEST(who_never_gave_anything_goes_before_who_did)
{
    hall_begin(&h, 2);
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], id_of(0), true);
    remote_say(&r[0], 2, 0, 0, 0, 0);
    UNTIL(&h.world, remote_has_message(&r[0]));
    remote_drop(&r[0], 5);
    remote_say(&r[0], 6, 3, 0, 0, 100);
    UNTIL(&h.world, remote_has(&r[0], 113));
    remote_say(&r[0], 3, 0, 0, 0, 0); /* not interested any more */
    world_pause(&h.world, 20 * NS_PER_MS);
    join_as(&h, &r[1], id_of(1), true);
    world_pause(&h.world, 1100 * NS_PER_MS);
    come(&r[2], 2, "127.0.0.1");
    expect_over(&h, &r[1]);
    ck_assert(!remote_is_over(&r[0]));
    hall_end(&h);
}
END_TEST

START_TEST(out_of_descriptors_the_least_useful_goes)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct rlimit limit, small;
    uint8_t bytes[68];

    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    join_as(&h, &r[0], id_of(0), true);
    join_as(&h, &r[1], id_of(1), true);
    world_pause(&h.world, 1050 * NS_PER_MS);
    r[2] = (struct remote){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    getrlimit(RLIMIT_NOFILE, &limit);
    small = limit;
    small.rlim_cur = (rlim_t)r[2].fd + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
    to.sin_port = htons(h.port);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    ck_assert_int_eq(connect(r[2].fd, (struct sockaddr *)&to, sizeof to), 0);
    handshake(&h, id_of(2), true, bytes);
    remote_send(&r[2], bytes, 68);
    read_handshake(&h, &r[2]);
    expect_over(&h, &r[0]);
    ck_assert(!remote_is_over(&r[1]));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    hall_end(&h);
}
END_TEST

/* One host may have many connections as long as nobody else needs the places. */
START_TEST(of_a_crowd_one_goes_at_once)
{
    hall_begin(&h, 30);
    hall_add(&h, N_PIECES);
    for (unsigned i = 0; i < 30; i++)
        join_as(&h, &r[i], id_of(i), true);
    come(&r[30], 30, "127.0.0.9");
    expect_over(&h, &r[0]);
    UNTIL(&h.world, h.world.n_joined_choker == 30);
    /* The crowd itself may renew itself, at its own cost. */
    come(&r[31], 31, "127.0.0.1");
    expect_over(&h, &r[1]);
    ck_assert(!remote_is_over(&r[30]));
    hall_end(&h);
}
END_TEST

/* Who connects and says nothing takes no more than a part of the house. */
START_TEST(silent_newcomers_make_room_for_each_other)
{
    static int fds[100];

    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    for (unsigned i = 0; i < 100; i++) {
        dial_from(&r[0], h.port, "127.0.0.1");
        fds[i] = r[0].fd;
    }
    r[0].fd = fds[0];
    UNTIL(&h.world, remote_is_over(&r[0]));
    r[0] = (struct remote){.fd = fds[99]};
    world_pause(&h.world, 5 * NS_PER_MS);
    ck_assert(!remote_is_over(&r[0]));
    join_as(&h, &r[1], id_of(1), true);
    for (unsigned i = 0; i < 100; i++)
        close(fds[i]);
    hall_end(&h);
}
END_TEST

/* --- threads ------------------------------------------------------------------------------ */

START_TEST(without_threads_peers_wait_their_turn)
{
    hall_begin(&h, 100);
    hall_add(&h, N_PIECES);
    for (unsigned i = 0; i < 10; i++)
        join_as(&h, &r[i], id_of(i), i % 2);
    atomic_store(&n_refused, 0);
    atomic_store(&refusals, INT_MAX);
    for (unsigned i = 0; i < 10; i++) {
        become_interested(&h, &r[i]);
        remote_say(&r[i], 6, 3, i, 0, 16384);
    }
    remote_close(&r[9]); /* this one does not live to see it */
    world_pause(&h.world, 100 * NS_PER_MS);
    for (unsigned i = 0; i < 9; i++)
        ck_assert(!remote_has(&r[i], 1));
    /* Tried once for each, and then once a tick for all of them. */
    ck_assert_uint_ge(atomic_load(&n_refused), 2);
    ck_assert_uint_le(atomic_load(&n_refused), 1 + 50);
    atomic_store(&refusals, 3);
    for (unsigned i = 0; i < 9; i++)
        expect_block(&h, &r[i], i, 0, 16384);
    hall_end(&h);
}
END_TEST

/* --- thousands ---------------------------------------------------------------------------- */

#define BATCH  100u
#define ROUNDS 5u

struct asked {
    uint32_t piece, begin, length;
};

/* The request in one piece or in two. */
static void request(struct remote *x, const struct asked *a, bool cut)
{
    uint8_t bytes[17] = {0, 0, 0, 13, 6};
    size_t n = cut ? 1 + rng_below(&h.world.rng, 16) : 17;

    put_be32(put_be32(put_be32(bytes + 5, a->piece), a->begin), a->length);
    remote_send(x, bytes, n);
    if (n == 17)
        return;
    world_pump(&h.world, 0);
    remote_send(x, bytes + n, 17 - n);
}

/* Threads give their peers back after a millisecond in this test. Most of the many are idle while a
 * few are served, and all have their turns in every round, in another order. */
START_TEST(thousands_come_and_go_between_idle_and_active)
{
    struct rlimit limit;
    struct remote *all;
    unsigned *order, n = MANY;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * n + 500)
        n = (unsigned)(limit.rlim_cur - 500) / 2;
    all = mem_new_array(n, sizeof *all);
    order = mem_new_array(n, sizeof *order);
    hall_begin(&h, n);
    hall_add(&h, N_PIECES);
    for (unsigned i = 0; i < n; i++) {
        join_as(&h, &all[i], id_of(i), i % 2);
        become_interested(&h, &all[i]);
        order[i] = i;
    }
    atomic_store(&refusals, 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = n - 1; i; i--) {
            unsigned k = rng_below(&h.world.rng, i + 1), swap = order[i];

            order[i] = order[k];
            order[k] = swap;
        }
        for (unsigned at = 0; at < n; at += BATCH) {
            struct asked asked[BATCH][3];
            unsigned n_asked[BATCH], n_batch = n - at < BATCH ? n - at : BATCH;

            if (at % 500 == 0)
                atomic_store(&refusals, (int)rng_below(&h.world.rng, 20));
            for (unsigned i = 0; i < n_batch; i++) {
                n_asked[i] = 1 + rng_below(&h.world.rng, 3);
                for (unsigned k = 0; k < n_asked[i]; k++) {
                    struct asked *a = &asked[i][k];

                    *a = (struct asked){.piece = rng_below(&h.world.rng, N_PIECES),
                                        .begin = rng_below(&h.world.rng, 16384),
                                        .length = 1 + rng_below(&h.world.rng, 16384)};
                    request(&all[order[at + i]], a, k == 0 && i % 4 == 0);
                }
            }
            for (unsigned i = 0; i < n_batch; i++)
                for (unsigned k = 0; k < n_asked[i]; k++)
                    expect_block(&h, &all[order[at + i]], asked[i][k].piece, asked[i][k].begin,
                                 asked[i][k].length);
        }
    }
    for (unsigned i = 0; i < n; i++)
        ck_assert_uint_eq(all[i].n, 0);
    hall_end(&h);
    for (unsigned i = 0; i < n; i++)
        remote_close(&all[i]);
    free(all);
    free(order);
}
END_TEST

RUN_SUITE("Lobby at its limits", 110, without_descriptors_it_waits,
          out_of_descriptors_the_least_useful_goes, the_least_useful_goes,
          who_never_gave_anything_goes_before_who_did, of_a_crowd_one_goes_at_once,
          silent_newcomers_make_room_for_each_other, without_threads_peers_wait_their_turn,
          thousands_come_and_go_between_idle_and_active);
