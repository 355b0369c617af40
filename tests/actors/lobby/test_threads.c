/* SPDX-License-Identifier: MIT */
/* src/actors/peer/thread.c in this program creates threads by flaky_start_detached. */
#undef actor_start_detached

#include "lobby_fixture.h"

#include <limits.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "conjure/actors/actor.h"

static struct fixture f;
static struct remote r[40];

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MANY 200u
#else
#define MANY 2000u
#endif

int flaky_start_detached(const char *name, void *(*run)(void *arg), void *arg);

static atomic_int refusals; /* so many calls fail before one succeeds */
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

/* A thread gives its peer back after a millisecond in this program, so peers change all the time.
 */
START_TEST(no_byte_is_lost_between_lobby_and_threads)
{
    unsigned n_have = 0;

    fixture_begin(&f, 100);
    fixture_add(&f, 32);
    f.actors.interested = false;
    for (unsigned i = 0; i < 4; i++)
        join_as(&f, &r[i],
                i == 0   ? "-XX0000-aaaaaaaaaaaa"
                : i == 1 ? "-XX0000-bbbbbbbbbbbb"
                : i == 2 ? "-XX0000-cccccccccccc"
                         : "-XX0000-dddddddddddd",
                i % 2 ? FAST : PLAIN);
    for (unsigned i = 0; i < 4; i++)
        become_interested(&f, &r[i]);
    for (unsigned n = 0; n < 2000; n++) {
        struct remote *x = &r[n % 4];
        uint32_t piece = rng_below(&f.actors.rng, 32), begin = rng_below(&f.actors.rng, 16000);
        uint32_t length = 1 + rng_below(&f.actors.rng, 16384);

        if (n < 4 * N_PIECES) {
            remote_send_message(x, 4, 1, n / 4, 0, 0); /* HAVE */
            n_have++;
        }
        remote_send_message(x, 6, 3, piece, begin, length);
        expect_block(&f, x, piece, begin, length);
        ck_assert_uint_eq(x->n, 0);
        if (n % 3 == 0)
            actors_pause(&f.actors, rng_below(&f.actors.rng, 3 * NS_PER_MS));
    }
    for (unsigned i = 0; i < 4; i++)
        UNTIL(&f.actors, f.actors.peers[i].n_got == n_have / 4);
    fixture_end(&f);
}
END_TEST

START_TEST(without_threads_peers_wait_their_turn)
{
    fixture_begin(&f, 100);
    fixture_add(&f, N_PIECES);
    for (unsigned i = 0; i < 10; i++)
        join_as(&f, &r[i], id_of(i), i % 2 ? FAST : PLAIN);
    atomic_store(&n_refused, 0);
    atomic_store(&refusals, INT_MAX);
    for (unsigned i = 0; i < 10; i++) {
        become_interested(&f, &r[i]);
        remote_send_message(&r[i], 6, 3, i, 0, 16384);
    }
    remote_close(&r[9]); /* this one leaves while it waits */
    actors_pause(&f.actors, 100 * NS_PER_MS);
    for (unsigned i = 0; i < 9; i++)
        ck_assert(!remote_has(&r[i], 1));
    /* One attempt for the first, and then one in each tick. */
    ck_assert_uint_ge(atomic_load(&n_refused), 2);
    ck_assert_uint_le(atomic_load(&n_refused), 1 + 50);
    atomic_store(&refusals, 3);
    for (unsigned i = 0; i < 9; i++)
        expect_block(&f, &r[i], i, 0, 16384);
    fixture_end(&f);
}
END_TEST

#define BATCH  100u
#define ROUNDS 5u

struct asked {
    uint32_t piece, begin, length;
};

/* Sends REQUEST; CUT: in two segments. */
static void request(struct remote *x, const struct asked *a, bool cut)
{
    uint8_t bytes[17] = {0, 0, 0, 13, 6};
    size_t n = cut ? 1 + rng_below(&f.actors.rng, 16) : 17;

    put_be32(put_be32(put_be32(bytes + 5, a->piece), a->begin), a->length);
    remote_send(x, bytes, n);
    if (n == 17)
        return;
    actors_pump(&f.actors, 0);
    remote_send(x, bytes + n, 17 - n);
}

/* Most peers are idle while a batch is served. Each is served once in every round, in another
 * order. */
START_TEST(thousands_change_between_idle_and_active)
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
    fixture_begin(&f, n);
    fixture_add(&f, N_PIECES);
    for (unsigned i = 0; i < n; i++) {
        join_as(&f, &all[i], id_of(i), i % 2 ? FAST : PLAIN);
        become_interested(&f, &all[i]);
        order[i] = i;
    }
    atomic_store(&refusals, 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = n - 1; i; i--) {
            unsigned k = rng_below(&f.actors.rng, i + 1), swap = order[i];

            order[i] = order[k];
            order[k] = swap;
        }
        for (unsigned at = 0; at < n; at += BATCH) {
            struct asked asked[BATCH][3];
            unsigned n_asked[BATCH], n_batch = n - at < BATCH ? n - at : BATCH;

            if (at % 500 == 0)
                atomic_store(&refusals, (int)rng_below(&f.actors.rng, 20));
            for (unsigned i = 0; i < n_batch; i++) {
                n_asked[i] = 1 + rng_below(&f.actors.rng, 3);
                for (unsigned k = 0; k < n_asked[i]; k++) {
                    struct asked *a = &asked[i][k];

                    *a = (struct asked){.piece = rng_below(&f.actors.rng, N_PIECES),
                                        .begin = rng_below(&f.actors.rng, 16384),
                                        .length = 1 + rng_below(&f.actors.rng, 16384)};
                    request(&all[order[at + i]], a, k == 0 && i % 4 == 0);
                }
            }
            for (unsigned i = 0; i < n_batch; i++)
                for (unsigned k = 0; k < n_asked[i]; k++)
                    expect_block(&f, &all[order[at + i]], asked[i][k].piece, asked[i][k].begin,
                                 asked[i][k].length);
        }
    }
    for (unsigned i = 0; i < n; i++)
        ck_assert_uint_eq(all[i].n, 0);
    fixture_end(&f);
    for (unsigned i = 0; i < n; i++)
        remote_close(&all[i]);
    free(all);
    free(order);
}
END_TEST

RUN_SUITE("Threads of peers", 110, no_byte_is_lost_between_lobby_and_threads,
          without_threads_peers_wait_their_turn, thousands_change_between_idle_and_active);
