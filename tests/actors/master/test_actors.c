/* SPDX-License-Identifier: MIT */
/* The real actors, without a torrent. */
#include "../../suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "actors/master/actors.h"
#include "actors/master/internal.h"
#include "conjure/actors/lobby.h"
#include "conjure/base/alloc.h"

/* The system refuses threads beyond this number; -1: it refuses none. */
static int n_threads_left = -1;

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (!n_threads_left)
        return EAGAIN;
    if (n_threads_left > 0)
        n_threads_left--;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attr, run, arg);
}

/* Receives the replies to Shutdown until none is out. */
static void wait_for_ends(struct master *m)
{
    while (m->n_shutdowns) {
        struct msg *x = channel_receive_wait(&m->inbox.channel, UINT64_MAX);

        if (!x)
            continue;
        m->n_shutdowns--;
        msg_free(x);
    }
}

static struct master_config config;

static struct master *make(void)
{
    struct master *m = NEW(struct master);

    waker_init_futex(&m->waker);
    channel_init(&m->inbox.channel, &m->waker);
    m->config = &config;
    m->settings = MASTER_SETTINGS_EMPTY;
    m->listen_fd = -1;
    ck_assert(!lobby_listen(0, &m->listen_fd, &m->port));
    return m;
}

START_TEST(all_actors_start_and_end)
{
    struct master *m = make();

    ck_assert_int_eq(actors_start(m), 0);
    ck_assert(m->timer && m->lobby && m->choker && m->bandwidth && m->fs && m->announcer);
    actors_watch(m);
    ck_assert(!watchdog_tick(&m->watchdog, 1, 1000)); /* its pings are out while the actors end */
    actors_end_timer(m);
    ck_assert_uint_eq(m->n_shutdowns, 1);
    wait_for_ends(m);
    actors_end_others(m);
    ck_assert_uint_eq(m->n_shutdowns, 5);
    wait_for_ends(m);
    actors_join(m);
    channel_close(&m->inbox.channel);
    free(m);
}
END_TEST

START_TEST(open_files_are_divided_between_connections_and_fs)
{
    struct rlimit limit = {.rlim_cur = 200, .rlim_max = 400};
    struct master *m = make();

    ck_assert(!setrlimit(RLIMIT_NOFILE, &limit));
    ck_assert_int_eq(actors_start(m), 0);
    ck_assert(!getrlimit(RLIMIT_NOFILE, &limit));
    ck_assert_uint_eq(limit.rlim_cur, 400); /* as far as it may be raised */
    ck_assert_uint_eq(m->max_peers_possible, 400 - 400 / 4 - 64);
    actors_end_timer(m);
    wait_for_ends(m);
    actors_end_others(m);
    wait_for_ends(m);
    actors_join(m);
    free(m);
}
END_TEST

START_TEST(actors_that_started_end_when_another_cannot_start)
{
    int r = -1, n;

    for (n = 0; r; n++) {
        struct master *m = make();

        n_threads_left = n;
        r = actors_start(m);
        ck_assert_int_eq(r, r ? -EAGAIN : 0);
        actors_end_timer(m);
        ck_assert_uint_eq(m->n_shutdowns, n > 0);
        wait_for_ends(m);
        actors_end_others(m);
        wait_for_ends(m);
        actors_join(m);
        if (m->listen_fd >= 0)
            ck_assert(!close(m->listen_fd));
        channel_close(&m->inbox.channel);
        free(m);
    }
    ck_assert_int_ge(n, 8); /* FS needs at least two threads, each other actor one */
}
END_TEST

RUN_SUITE("actors", 20, all_actors_start_and_end, open_files_are_divided_between_connections_and_fs,
          actors_that_started_end_when_another_cannot_start);
