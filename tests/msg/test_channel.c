/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "sleeper.h"
#include "tables.h"

/*
 * Built twice: unchanged, at full speed; and with a copy of the channel that calls test_pause
 * between any two steps, so that the few instructions of each race are often interrupted.
 */
void test_pause(void)
{
    static _Thread_local struct rng rng;
    uint32_t dice;

    if (!rng.s[0])
        rng_seed(&rng, (uint64_t)(uintptr_t)&rng);
    dice = rng_below(&rng, 256);
    if (dice < 2)
        for (uint32_t n = 1u << rng_below(&rng, 5); n; n--)
            sched_yield();
    else if (dice < 32)
        for (uint32_t n = rng_below(&rng, 1u << (dice / 2)); n; n--)
            __asm__ volatile("" ::: "memory");
}

/* --- one thread ---------------------------------------------------------------------------- */

static struct test_note *note(uint32_t sender, uint32_t number)
{
    struct test_note *m = test_new_note();

    m->sender = sender;
    m->number = number;
    return m;
}

START_TEST(one_message_arrives_as_it_was_sent)
{
    struct waker w;
    struct test_inbox inbox;
    struct test_note *sent = note(7, 9), *got;

    waker_init_futex(&w);
    channel_init(&inbox.channel, &w);
    ck_assert(channel_is_empty(&inbox.channel));
    ck_assert_ptr_null(channel_receive(&inbox.channel));
    ck_assert(test_tell_note(&inbox, sent));
    ck_assert(!channel_is_empty(&inbox.channel));
    got = (struct test_note *)channel_receive(&inbox.channel);
    ck_assert_ptr_eq(got, sent);
    ck_assert_uint_eq(got->msg.kind, test_kind_note);
    ck_assert_uint_eq(got->sender, 7);
    ck_assert_uint_eq(got->number, 9);
    ck_assert_ptr_null(got->msg.reply_to);
    ck_assert(channel_is_empty(&inbox.channel));
    msg_free(&got->msg);
    channel_close(&inbox.channel);
}
END_TEST

/* Guarantee A, also between messages of one splice and later ones. */
START_TEST(batches_keep_their_order)
{
    struct waker w;
    struct test_inbox inbox;
    uint32_t sent = 0, received = 0;
    struct rng rng;

    rng_seed(&rng, 1);
    waker_init_futex(&w);
    channel_init(&inbox.channel, &w);
    for (int round = 0; round < 2000; round++) {
        for (uint32_t n = rng_below(&rng, 10); n; n--)
            ck_assert(test_tell_note(&inbox, note(0, sent++)));
        for (uint32_t n = rng_below(&rng, 11); n; n--) {
            struct test_note *m = (struct test_note *)channel_receive(&inbox.channel);

            ck_assert_int_eq(m == NULL, received == sent);
            ck_assert_int_eq(channel_is_empty(&inbox.channel), received + (m != NULL) == sent);
            if (!m)
                break;
            ck_assert_uint_eq(m->number, received++);
            msg_free(&m->msg);
        }
    }
    while (received < sent) {
        struct test_note *m = (struct test_note *)channel_receive(&inbox.channel);

        ck_assert_uint_eq(m->number, received++);
        msg_free(&m->msg);
    }
    channel_close(&inbox.channel);
}
END_TEST

/* Guarantee D. */
START_TEST(a_closed_channel_gives_the_message_back)
{
    struct waker w;
    struct test_inbox inbox;
    struct test_note *inside = note(0, 1), *refused = note(0, 2);
    struct msg *m;

    waker_init_futex(&w);
    channel_init(&inbox.channel, &w);
    ck_assert(test_tell_note(&inbox, inside));
    ck_assert(!channel_is_closed(&inbox.channel));
    channel_close(&inbox.channel);
    channel_close(&inbox.channel);
    ck_assert(channel_is_closed(&inbox.channel));
    ck_assert(!test_tell_note(&inbox, refused));
    ck_assert_uint_eq(refused->number, 2);
    test_tell_or_drop_note(&inbox, refused); /* frees it: ASan would report a leak */
    m = channel_receive(&inbox.channel);
    ck_assert_ptr_eq(m, &inside->msg);
    ck_assert_ptr_null(channel_receive(&inbox.channel));
    ck_assert_ptr_null(channel_receive_wait(&inbox.channel, NS_PER_MS));
    msg_free(m);
}
END_TEST

START_TEST(messages_sent_before_a_change_of_waker_are_received)
{
    struct waker first, second;
    struct test_inbox inbox;
    struct msg *m;

    waker_init_futex(&first);
    waker_init_futex(&second);
    channel_init(&inbox.channel, &first);
    ck_assert(test_tell_note(&inbox, note(0, 0)));
    channel_set_waker(&inbox.channel, &second);
    ck_assert(test_tell_note(&inbox, note(0, 1)));
    for (uint32_t i = 0; i < 2; i++) {
        m = channel_receive(&inbox.channel);
        ck_assert_uint_eq(((struct test_note *)m)->number, i);
        msg_free(m);
    }
    channel_close(&inbox.channel);
}
END_TEST

/* --- many threads -------------------------------------------------------------------------- */

enum { N_SENDERS_MAX = 8 };

enum pace {
    STEADY,
    STALLS,
};

struct group {
    struct test_inbox *inbox;
    atomic_uint n_refused;
    atomic_bool go;
    uint32_t n_each;
    enum pace pace;
    unsigned window; /* senders wait while this many are in transit; 0: never */
    atomic_uint n_on_way;
    pthread_t threads[N_SENDERS_MAX];
    struct group_member {
        struct group *group;
        uint32_t number;
    } members[N_SENDERS_MAX];
};

static void *send_many(void *arg)
{
    struct group_member *me = arg;
    struct group *group = me->group;
    struct rng rng;

    rng_seed(&rng, me->number);
    while (!atomic_load(&group->go))
        sched_yield();
    for (uint32_t i = 0; i < group->n_each; i++) {
        struct test_note *m = note(me->number, i);

        if (group->pace == STALLS)
            stall(&rng);
        while (group->window && atomic_load(&group->n_on_way) >= group->window)
            sched_yield();
        atomic_fetch_add(&group->n_on_way, 1);
        if (!test_tell_note(group->inbox, m)) {
            /* Still ours, and untouched. */
            ck_assert_uint_eq(m->sender, me->number);
            ck_assert_uint_eq(m->number, i);
            atomic_fetch_add(&group->n_refused, 1);
            msg_free(&m->msg);
        }
    }
    return NULL;
}

static void group_start(struct group *group, struct test_inbox *inbox, uint32_t n_senders,
                        uint32_t n_each, enum pace pace, unsigned window)
{
    *group = (struct group){.inbox = inbox, .n_each = n_each, .pace = pace, .window = window};
    for (uint32_t i = 0; i < n_senders; i++) {
        group->members[i] = (struct group_member){group, i};
        pthread_create(&group->threads[i], NULL, send_many, &group->members[i]);
    }
    atomic_store(&group->go, true);
}

static void group_join(struct group *group, uint32_t n_senders)
{
    for (uint32_t i = 0; i < n_senders; i++)
        pthread_join(group->threads[i], NULL);
}

/* Guarantees A and C with N_SENDERS at once. */
static void receive_all(enum sleeper_kind kind, uint32_t n_senders, uint32_t n_each, enum pace pace,
                        unsigned window)
{
    uint32_t next[N_SENDERS_MAX] = {0};
    struct test_inbox inbox;
    struct channel *channel = &inbox.channel;
    struct sleeper s;
    struct group group;
    struct rng rng;

    rng_seed(&rng, 99);
    sleeper_init(&s, kind);
    channel_init(channel, &s.waker);
    group_start(&group, &inbox, n_senders, n_each, pace, window);
    for (uint64_t n = (uint64_t)n_senders * n_each; n; n--) {
        struct test_note *m = (struct test_note *)sleeper_receive(&s, &channel, 1);

        if (m->number != next[m->sender])
            ck_abort_msg("sender %u: %u came instead of %u", m->sender, m->number, next[m->sender]);
        next[m->sender]++;
        msg_free(&m->msg);
        atomic_fetch_sub(&group.n_on_way, 1);
        if (pace == STALLS)
            stall(&rng);
    }
    group_join(&group, n_senders);
    ck_assert(channel_is_empty(channel));
    channel_close(channel);
    sleeper_deinit(&s);
}

START_TEST(many_senders_each_keep_their_order)
{
    receive_all(SLEEPER_FUTEX, 4, 250000 / SLOW, STEADY, 0);
    receive_all(SLEEPER_FUTEX, 8, 500000 / SLOW, STEADY, 0);
}
END_TEST

START_TEST(every_kind_of_waker_serves_many_senders)
{
    for (int kind = 0; kind < N_SLEEPER_KINDS; kind++) {
        receive_all(kind, 6, 50000 / SLOW, STALLS, 0);
        receive_all(kind, 4, 25000 / SLOW, STALLS, 3); /* often empty */
    }
}
END_TEST

/* Senders continue while the receiver closes: no message is lost or received twice, and the waker
 * is freed as soon as close returns. */
START_TEST(closing_among_senders_loses_no_message)
{
    struct rng rng;

    rng_seed(&rng, 5);
    for (int round = 0; round < 500 / SLOW; round++) {
        enum { N_SENDERS = 4, N_EACH = 200 };
        struct test_inbox *inbox = malloc(sizeof *inbox);
        struct waker *w = malloc(sizeof *w);
        uint32_t n_received = 0, next[N_SENDERS] = {0};
        uint32_t close_after = rng_below(&rng, N_SENDERS * N_EACH);
        struct group group;
        struct msg *m;

        waker_init_futex(w);
        channel_init(&inbox->channel, w);
        group_start(&group, inbox, N_SENDERS, N_EACH, round % 2, 0);
        while (n_received < close_after) {
            m = channel_receive_wait(&inbox->channel, NS_PER_MS);
            if (!m)
                continue;
            ck_assert_uint_eq(((struct test_note *)m)->number,
                              next[((struct test_note *)m)->sender]++);
            msg_free(m);
            n_received++;
        }
        if (round % 3 == 0)
            waker_arm(w);
        channel_close(&inbox->channel);
        memset(w, 0xa5, sizeof *w);
        free(w);
        while ((m = channel_receive(&inbox->channel))) {
            ck_assert_uint_eq(((struct test_note *)m)->number,
                              next[((struct test_note *)m)->sender]++);
            msg_free(m);
            n_received++;
        }
        group_join(&group, N_SENDERS);
        ck_assert_ptr_null(channel_receive(&inbox->channel));
        ck_assert_uint_eq(n_received + atomic_load(&group.n_refused), N_SENDERS * N_EACH);
        free(inbox);
    }
}
END_TEST

/* The receiver moves the channel from waker to waker while others send, and frees the old one. */
START_TEST(changing_wakers_among_senders_loses_nothing)
{
    enum { N_SENDERS = 4 };
    uint32_t n_each = 50000 / SLOW, next[N_SENDERS] = {0};
    uint64_t n = (uint64_t)N_SENDERS * n_each, n_changes = 0;
    struct sleeper *s = malloc(sizeof *s);
    struct test_inbox inbox;
    struct channel *channel = &inbox.channel;
    struct group group;
    struct rng rng;

    rng_seed(&rng, 17);
    sleeper_init(s, SLEEPER_FUTEX);
    channel_init(channel, &s->waker);
    group_start(&group, &inbox, N_SENDERS, n_each, STALLS, 2);
    while (n) {
        struct test_note *m = (struct test_note *)sleeper_receive(s, &channel, 1);

        ck_assert_uint_eq(m->number, next[m->sender]++);
        msg_free(&m->msg);
        atomic_fetch_sub(&group.n_on_way, 1);
        n--;
        if (rng_below(&rng, 4) == 0) {
            struct sleeper *old = s;

            if (rng_below(&rng, 2))
                waker_arm(&old->waker);
            s = malloc(sizeof *s);
            sleeper_init(s, rng_below(&rng, N_SLEEPER_KINDS));
            channel_set_waker(channel, &s->waker);
            sleeper_deinit(old);
            memset(old, 0xa5, sizeof *old);
            free(old);
            n_changes++;
        }
    }
    group_join(&group, N_SENDERS);
    ck_assert_uint_gt(n_changes, 1000 / SLOW);
    channel_close(channel);
    sleeper_deinit(s);
    free(s);
}
END_TEST

/* --- lost wake-ups ------------------------------------------------------------------------- */

/* Two threads throw a ball to and fro: each throw but the last wakes a receiver that sleeps or is
 * about to sleep. Several pairs on few cores are preempted at every point. */
struct court {
    struct sleeper sleepers[2];
    struct test_inbox inboxes[2];
    uint32_t n_throws;
    uint64_t seed;
};

static void play(struct court *court, unsigned side)
{
    struct channel *mine = &court->inboxes[side].channel;
    struct rng rng;

    rng_seed(&rng, court->seed * 2 + side);
    for (uint32_t i = 0; i < court->n_throws; i++) {
        struct msg *ball = sleeper_receive(&court->sleepers[side], &mine, 1);

        stall(&rng);
        if (!channel_send(&court->inboxes[!side].channel, ball))
            ck_abort();
        if (i % 8 == 0)
            stall(&rng);
    }
    channel_release(mine);
}

static void *play_0(void *court)
{
    play(court, 0);
    return NULL;
}

static void *play_1(void *court)
{
    play(court, 1);
    return NULL;
}

START_TEST(no_wake_up_is_lost)
{
    enum { N_COURTS = 6 };
    static struct court courts[N_COURTS];
    pthread_t players[N_COURTS][2];

    for (unsigned i = 0; i < N_COURTS; i++) {
        struct court *c = &courts[i];

        c->n_throws = 100000 / SLOW;
        c->seed = i;
        for (unsigned side = 0; side < 2; side++) {
            sleeper_init(&c->sleepers[side], (enum sleeper_kind)((i + side) % N_SLEEPER_KINDS));
            channel_init(&c->inboxes[side].channel, &c->sleepers[side].waker);
        }
        /* More than one ball, so that messages also arrive at a busy receiver. */
        for (unsigned n = 0; n <= i % 3; n++)
            ck_assert(test_tell_note(&c->inboxes[n % 2], note(0, 0)));
        pthread_create(&players[i][0], NULL, play_0, c);
        pthread_create(&players[i][1], NULL, play_1, c);
    }
    for (unsigned i = 0; i < N_COURTS; i++)
        for (unsigned side = 0; side < 2; side++)
            pthread_join(players[i][side], NULL);
    for (unsigned i = 0; i < N_COURTS; i++)
        for (unsigned side = 0; side < 2; side++) {
            struct msg *m;

            channel_close(&courts[i].inboxes[side].channel);
            while ((m = channel_receive(&courts[i].inboxes[side].channel)))
                msg_free(m);
            sleeper_deinit(&courts[i].sleepers[side]);
        }
}
END_TEST

/* --- order across senders ------------------------------------------------------------------- */

/* A reporter sends news to the reader and then to a follower, which writes to the reader too. */
struct press {
    struct sleeper sleepers[2];
    struct test_inbox reader, follower;
    uint32_t n_news;
};

static void *report(void *arg)
{
    struct press *press = arg;
    struct rng rng;

    rng_seed(&rng, 1);
    for (uint32_t i = 0; i < press->n_news; i++) {
        stall(&rng);
        if (!test_tell_note(&press->reader, note(0, i)) ||
            !test_tell_note(&press->follower, note(0, i)))
            ck_abort();
    }
    return NULL;
}

static void *follow(void *arg)
{
    struct press *press = arg;
    struct channel *mine = &press->follower.channel;

    for (uint32_t i = 0; i < press->n_news; i++) {
        struct test_note *m = (struct test_note *)sleeper_receive(&press->sleepers[1], &mine, 1);

        m->sender = 1;
        if (!test_tell_note(&press->reader, m))
            ck_abort();
    }
    channel_release(mine);
    return NULL;
}

/* Guarantee E: what the follower sends because of the news arrives after the news. */
START_TEST(causes_arrive_before_their_effects)
{
    static struct press press = {.n_news = 300000 / SLOW};
    struct channel *reader = &press.reader.channel;
    pthread_t reporter, follower;
    uint32_t n_from[2] = {0};

    for (unsigned i = 0; i < 2; i++)
        sleeper_init(&press.sleepers[i], SLEEPER_FUTEX);
    channel_init(reader, &press.sleepers[0].waker);
    channel_init(&press.follower.channel, &press.sleepers[1].waker);
    pthread_create(&reporter, NULL, report, &press);
    pthread_create(&follower, NULL, follow, &press);
    for (uint32_t i = 0; i < 2 * press.n_news; i++) {
        struct test_note *m = (struct test_note *)sleeper_receive(&press.sleepers[0], &reader, 1);

        ck_assert_uint_eq(m->number, n_from[m->sender]++);
        if (m->sender == 1 && n_from[0] < n_from[1])
            ck_abort_msg("note %u of the follower overtook the reporter's", m->number);
        msg_free(&m->msg);
    }
    pthread_join(reporter, NULL);
    pthread_join(follower, NULL);
    channel_close(reader);
    channel_close(&press.follower.channel);
    for (unsigned i = 0; i < 2; i++)
        sleeper_deinit(&press.sleepers[i]);
}
END_TEST

RUN_SUITE("channels", 90, one_message_arrives_as_it_was_sent, batches_keep_their_order,
          a_closed_channel_gives_the_message_back,
          messages_sent_before_a_change_of_waker_are_received, many_senders_each_keep_their_order,
          every_kind_of_waker_serves_many_senders, closing_among_senders_loses_no_message,
          changing_wakers_among_senders_loses_nothing, no_wake_up_is_lost,
          causes_arrive_before_their_effects);
