/* SPDX-License-Identifier: MIT */
#include "fs_world.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>

/* Threads that can still be started. */
static unsigned threads_left = UINT_MAX;

/* In place of the C library's. */
int pthread_create(pthread_t *threadp, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (!threads_left)
        return EAGAIN;
    threads_left--;
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return create(threadp, attr, run, arg);
}

static unsigned count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned n = 0;

    while (readdir(tasks))
        n++;
    closedir(tasks);
    return n - 2; /* . and .. */
}

static void download(enum allocation allocation)
{
    struct world w;

    make_two_files(&w);
    w.torrent.allocation = allocation;
    expect_opened(&w, 0, 0);
    download_all(&w);
    for (uint32_t file = 0; file < 3; file++)
        ck_assert(sample_file_is_good(&w.sample, file));
    world_close(&w);
    expect_opened(&w, w.sample.n_pieces, 0);
    world_close(&w);
    world_end(&w);
}

START_TEST(a_download_is_stored_verified_and_remembered)
{
    download(ALLOCATION_SPARSE);
}
END_TEST

START_TEST(a_download_into_reserved_room)
{
    download(ALLOCATION_FULL);
}
END_TEST

START_TEST(a_download_in_order_of_arrival)
{
    download(ALLOCATION_COMPACT);
}
END_TEST

START_TEST(a_file_is_leased_to_serve_from)
{
    struct fs_lease_file *m;
    struct fs_return_lease *back;
    struct world w;
    uint8_t bytes[100];

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    download_all(&w);
    m = fs_new_lease_file();
    m->storage = w.storage;
    m->file = 1;
    m->msg.reply_to = &w.peer.channel;
    ck_assert(channel_send(&fs_inbox(w.fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_at(&w.peer.channel), m);
    ck_assert_int_eq(m->error, 0);
    ck_assert_int_eq(pread(m->fd, bytes, 100, 5000), 100);
    ck_assert_mem_eq(bytes, w.sample.content + 705000, 100);
    back = fs_new_return_lease();
    back->storage = w.storage;
    back->handle = m->handle;
    ck_assert(fs_tell_return_lease(fs_inbox(w.fs), back));
    msg_free(&m->msg);
    world_close(&w);
    world_end(&w);
}
END_TEST

static void *end_at_once(void *arg)
{
    return arg;
}

/* A sanitizer starts a thread of its own with the first one of the program. */
static unsigned n_threads_at_most(void)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, end_at_once, NULL), 0);
    pthread_join(thread, NULL);
    return count_threads();
}

START_TEST(a_start_that_fails_ends_its_workers)
{
    const unsigned n_threads = n_threads_at_most();

    for (unsigned n = 0; n <= 2; n++) {
        struct master_inbox master;
        struct lobby_inbox lobby;
        uint64_t end = clock_now() + 5 * NS_PER_S;

        threads_left = n;
        errno = 0;
        ck_assert_ptr_null(fs_start(&master, &lobby, 2, 8));
        ck_assert_int_eq(errno, EAGAIN);
        /* The kernel removes a thread that was joined a moment later. */
        while (count_threads() > n_threads && clock_now() < end)
            sched_yield();
        ck_assert_uint_le(count_threads(), n_threads);
    }
}
END_TEST

RUN_SUITE("fs fs", 60, a_download_is_stored_verified_and_remembered, a_download_into_reserved_room,
          a_download_in_order_of_arrival, a_file_is_leased_to_serve_from,
          a_start_that_fails_ends_its_workers);
