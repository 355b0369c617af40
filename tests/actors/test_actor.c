/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "conjure/actors/actor.h"
#include "conjure/msg/channel.h"

struct seen {
    char name[16];
    sigset_t blocked;
    struct waker waker;
    struct channel done;
    struct msg msg;
};

static void *look(void *arg)
{
    struct seen *s = arg;

    prctl(PR_GET_NAME, s->name);
    pthread_sigmask(SIG_BLOCK, NULL, &s->blocked);
    ck_assert(channel_send(&s->done, &s->msg));
    return NULL;
}

static void open_seen(struct seen *s)
{
    memset(s, 0, sizeof *s);
    waker_init_futex(&s->waker);
    channel_init(&s->done, &s->waker);
    msg_init(&s->msg, 1, MSG_EMBEDDED);
}

static void check_seen(struct seen *s, const char *name)
{
    while (!channel_receive_wait(&s->done, UINT64_MAX))
        ;
    ck_assert_str_eq(s->name, name);
    ck_assert(sigismember(&s->blocked, SIGTERM) && sigismember(&s->blocked, SIGINT));
}

START_TEST(an_actor_has_a_name_and_no_signals)
{
    struct actor a = ACTOR_EMPTY;
    struct seen s;
    sigset_t ours;

    actor_join(&a);
    open_seen(&s);
    ck_assert_int_eq(actor_start(&a, "fifteen letters and more", look, &s), 0);
    ck_assert(a.running);
    check_seen(&s, "fifteen letters");
    actor_join(&a);
    ck_assert(!a.running);
    actor_join(&a);
    pthread_sigmask(SIG_BLOCK, NULL, &ours);
    ck_assert(!sigismember(&ours, SIGTERM)); /* the starter's signals are as before */
}
END_TEST

START_TEST(a_detached_thread_is_like_it)
{
    static struct seen s; /* the thread may use its waker after the test has received */

    open_seen(&s);
    ck_assert_int_eq(actor_start_detached("peer", look, &s), 0);
    check_seen(&s, "peer");
}
END_TEST

RUN_SUITE("actor", 10, an_actor_has_a_name_and_no_signals, a_detached_thread_is_like_it);
