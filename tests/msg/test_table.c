/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "sleeper.h"
#include "tables.h"

/* --- an answerer, written as actors are ---------------------------------------------------- */

struct answerer {
    struct waker waker;
    struct test2_inbox inbox;
    struct test2_square *parked; /* one query waits until the next arrives */
    uint64_t n_bytes;            /* seen in parcels */
    bool said_bye;
};

static void on_square(struct answerer *a, struct test2_square *m)
{
    struct test2_square *due = m;

    m->square = (uint64_t)m->number * m->number;
    if (m->number % 3 == 0 && !a->parked) {
        a->parked = m;
        return;
    }
    msg_reply(&due->msg);
    if (a->parked) {
        due = a->parked;
        a->parked = NULL;
        msg_reply(&due->msg);
    }
}

static void on_parcel(struct answerer *a, struct test2_parcel *m)
{
    a->n_bytes += m->n_bytes;
    free(m->content);
}

static void on_bye(struct answerer *a, struct test2_bye *m)
{
    a->said_bye = true;
}

MSG_DISPATCH(test2, TEST2_TABLE, struct answerer);

static void *answer(void *arg)
{
    struct answerer *a = arg;

    while (!a->said_bye) {
        struct msg *m = channel_receive_wait(&a->inbox.channel, LOST_NS);

        if (m)
            test2_dispatch(a, m);
    }
    if (a->parked)
        msg_reply(&a->parked->msg);
    channel_close(&a->inbox.channel);
    return NULL;
}

static void answerer_init(struct answerer *a)
{
    *a = (struct answerer){0};
    waker_init_futex(&a->waker);
    channel_init(&a->inbox.channel, &a->waker);
}

/* --- an asker ------------------------------------------------------------------------------ */

struct asker {
    struct waker waker;
    struct test_inbox inbox;
    struct answerer *to;
    uint32_t n_asked, n_replied, n_to_ask;
};

static void on_note(struct asker *a, struct test_note *m)
{
    ck_abort_msg("unexpected note");
}

static void ask(struct asker *a, struct test2_square *m)
{
    m->number = a->n_asked++;
    m->square = 0;
    ck_assert(test_ask_test2_square(&a->inbox, &a->to->inbox, m));
}

/* The reply has the memory of the query, which is then sent as the next query. */
static void reply_test2_square(struct asker *a, struct test2_square *m)
{
    ck_assert_uint_eq(m->square, (uint64_t)m->number * m->number);
    a->n_replied++;
    if (a->n_asked < a->n_to_ask)
        ask(a, m);
    else
        msg_free(&m->msg);
}

MSG_DISPATCH(test, TEST_TABLE, struct asker);

START_TEST(every_query_returns_with_its_reply)
{
    enum { N_OUT = 16, N_EMBEDDED = 5 };
    struct test2_square embedded[N_EMBEDDED];
    struct answerer answerer;
    struct asker asker = {.to = &answerer, .n_to_ask = 300000 / SLOW};
    pthread_t thread;

    answerer_init(&answerer);
    waker_init_futex(&asker.waker);
    channel_init(&asker.inbox.channel, &asker.waker);
    pthread_create(&thread, NULL, answer, &answerer);
    for (int i = 0; i < N_OUT; i++) {
        if (i < N_EMBEDDED)
            test2_init_square(&embedded[i]);
        ask(&asker, i < N_EMBEDDED ? &embedded[i] : test2_new_square());
    }
    while (asker.n_replied < asker.n_to_ask) {
        struct msg *m = channel_receive_wait(&asker.inbox.channel, NS_PER_S);

        if (m)
            test_dispatch(&asker, m);
        else if (asker.n_replied + 1 == asker.n_to_ask)
            break; /* the last one is parked until bye */
    }
    test2_tell_or_drop_bye(&answerer.inbox, test2_new_bye());
    pthread_join(thread, NULL);
    for (struct msg *m; (m = channel_receive(&asker.inbox.channel));)
        test_dispatch(&asker, m);
    ck_assert_uint_eq(asker.n_replied, asker.n_to_ask);
    channel_close(&asker.inbox.channel);
    for (int i = 0; i < N_EMBEDDED; i++)
        ck_assert_int_eq(embedded[i].msg.flags, MSG_EMBEDDED);
}
END_TEST

START_TEST(a_refused_query_stays_with_the_asker)
{
    struct answerer answerer;
    struct waker w;
    struct test_inbox mine;
    struct test2_square *m = test2_new_square();

    answerer_init(&answerer);
    waker_init_futex(&w);
    channel_init(&mine.channel, &w);
    channel_close(&answerer.inbox.channel);
    m->number = 3;
    ck_assert(!test_ask_test2_square(&mine, &answerer.inbox, m));
    ck_assert_uint_eq(m->number, 3);
    msg_free(&m->msg);
    channel_close(&mine.channel);
}
END_TEST

/* Bytes in use from malloc; 0 under AddressSanitizer, which has its own leak check. */
static size_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

START_TEST(dispatch_replies_to_a_ping)
{
    struct answerer answerer;
    struct waker w;
    struct test_inbox home;
    struct msg ping;

    answerer_init(&answerer);
    waker_init_futex(&w);
    channel_init(&home.channel, &w);
    msg_init(&ping, MSG_KIND_PING, MSG_EMBEDDED);
    ping.reply_to = &home.channel;
    ck_assert(channel_send(&answerer.inbox.channel, &ping));
    test2_dispatch(&answerer, channel_receive(&answerer.inbox.channel));
    ck_assert_ptr_eq(channel_receive(&home.channel), &ping);
    ck_assert_str_eq(msg_name(MSG_KIND_PING), "Ping");
}
END_TEST

START_TEST(dispatch_frees_information)
{
    struct answerer answerer;
    size_t before;

    answerer_init(&answerer);
    before = in_use();
    for (int i = 0; i < 1000; i++) {
        struct test2_parcel *m = test2_new_parcel_with(10000);

        m->content = mem_dup_string("taken over");
        m->n_bytes = 10000;
        memset(m->bytes, 'x', m->n_bytes);
        ck_assert(test2_tell_parcel(&answerer.inbox, m));
    }
    for (struct msg *m; (m = channel_receive(&answerer.inbox.channel));)
        test2_dispatch(&answerer, m);
    ck_assert_uint_eq(answerer.n_bytes, 1000 * 10000);
    ck_assert_uint_lt(in_use(), before + 100000);
    channel_close(&answerer.inbox.channel);
}
END_TEST

START_TEST(dispatch_leaves_embedded_messages_alone)
{
    static struct test2_parcel parcel; /* free() of it would abort */
    struct answerer answerer;

    answerer_init(&answerer);
    for (uint32_t i = 1; i <= 3; i++) {
        struct msg *m;

        test2_init_parcel(&parcel);
        parcel.n_bytes = i;
        ck_assert(test2_tell_parcel(&answerer.inbox, &parcel));
        m = channel_receive(&answerer.inbox.channel);
        ck_assert_ptr_eq(m, &parcel.msg);
        test2_dispatch(&answerer, m);
    }
    ck_assert_uint_eq(answerer.n_bytes, 6);
    channel_close(&answerer.inbox.channel);
    test2_tell_or_drop_parcel(&answerer.inbox, &parcel);
    msg_free(&parcel.msg);
    msg_free(NULL);
}
END_TEST

/* Runs USE in a silent child process and returns the signal that ended it. */
static int signal_of(void (*use)(void))
{
    int status;
    pid_t child = fork();

    if (!child) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        use();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void dispatch_to_the_wrong_actor(void)
{
    struct answerer answerer;
    struct test_note *m = test_new_note();

    answerer_init(&answerer);
    test2_dispatch(&answerer, &m->msg);
}

static void reply_without_a_channel(void)
{
    msg_reply(&test2_new_square()->msg);
}

static void reply_to_a_closed_channel(void)
{
    struct answerer answerer;
    struct test_inbox mine;
    struct test2_square *m = test2_new_square();

    answerer_init(&answerer);
    channel_init(&mine.channel, &answerer.waker);
    if (!test_ask_test2_square(&mine, &answerer.inbox, m))
        _exit(1);
    channel_close(&mine.channel);
    msg_reply(channel_receive(&answerer.inbox.channel));
}

START_TEST(breaches_of_the_protocol_abort)
{
    ck_assert_int_eq(signal_of(dispatch_to_the_wrong_actor), SIGABRT);
    ck_assert_int_eq(signal_of(reply_without_a_channel), SIGABRT);
    ck_assert_int_eq(signal_of(reply_to_a_closed_channel), SIGABRT);
}
END_TEST

START_TEST(new_messages_are_zeroed)
{
    for (int i = 0; i < 100; i++) {
        struct test2_parcel *m = test2_new_parcel_with(300);

        ck_assert_uint_eq(m->msg.kind, test2_kind_parcel);
        ck_assert_ptr_null(m->msg.reply_to);
        ck_assert_ptr_null(m->content);
        for (int at = 0; at < 300; at++)
            ck_assert_int_eq(m->bytes[at], 0);
        memset(m->bytes, 0xff, 300);
        msg_free(&m->msg);
    }
}
END_TEST

RUN_SUITE("message tables", 60, every_query_returns_with_its_reply,
          a_refused_query_stays_with_the_asker, dispatch_replies_to_a_ping,
          dispatch_frees_information, dispatch_leaves_embedded_messages_alone,
          breaches_of_the_protocol_abort, new_messages_are_zeroed);
