/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/fs/worker.h"
#include "conjure/base/clock.h"
#include "conjure/msg/fs.h"

static struct waker waker;
static struct fs_inbox inbox;

static struct msg *receive(void)
{
    struct msg *m = NULL;

    for (unsigned i = 0; i < 200 && !m; i++)
        m = channel_receive_wait(&inbox.channel, 100 * NS_PER_MS);
    ck_assert_ptr_nonnull(m);
    return m;
}

static void run_and_end(enum worker_role role)
{
    struct worker *w = worker_start(7, role);
    struct worker_shutdown last;
    struct worker_run m;

    ck_assert_ptr_nonnull(w);
    worker_init_run(&m);
    for (unsigned i = 0; i < 3; i++) {
        m.job = NULL; /* an empty list */
        m.worker = i;
        ck_assert(fs_ask_worker_run(&inbox, worker_inbox(w), &m));
        ck_assert_ptr_eq(receive(), &m.msg);
        ck_assert_uint_eq(m.worker, i);
    }
    worker_init_shutdown(&last);
    ck_assert(fs_ask_worker_shutdown(&inbox, worker_inbox(w), &last));
    ck_assert_ptr_eq(receive(), &last.msg);
    worker_join(w);
}

START_TEST(a_worker_replies_to_each_list_and_ends)
{
    waker_init_futex(&waker);
    channel_init(&inbox.channel, &waker);
    run_and_end(WORKER_DISK);
    run_and_end(WORKER_CHECKER);
    channel_close(&inbox.channel);
    waker_deinit(&waker);
}
END_TEST

RUN_SUITE("fs worker", 20, a_worker_replies_to_each_list_and_ends);
