/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <pthread.h>

#include "conjure/base/credits.h"

START_TEST(all_are_taken_or_nothing)
{
    struct credits c;

    credits_init(&c, 10);
    ck_assert(credits_take(&c, 7));
    ck_assert(!credits_take(&c, 4));
    ck_assert_int_eq(credits_left(&c), 3);
    ck_assert(credits_take(&c, 3));
    ck_assert(!credits_take(&c, 1));
    credits_take_unasked(&c, 5);
    ck_assert_int_eq(credits_left(&c), -5);
    credits_return(&c, 5);
    ck_assert(!credits_take(&c, 1));
    credits_return(&c, 10);
    ck_assert(credits_take(&c, 10));
}
END_TEST

static struct credits shared;
static atomic_int n_held, n_most;

static void *user(void *arg)
{
    for (unsigned i = 0; i < 100000; i++) {
        int held;

        if (!credits_take(&shared, 2))
            continue;
        held = atomic_fetch_add(&n_held, 2) + 2;
        if (held > atomic_load(&n_most))
            atomic_store(&n_most, held);
        atomic_fetch_sub(&n_held, 2);
        credits_return(&shared, 2);
    }
    return NULL;
}

START_TEST(threads_together_hold_no_more_than_there_are)
{
    pthread_t threads[4];

    credits_init(&shared, 5);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, user, NULL), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(credits_left(&shared), 5);
    ck_assert_int_le(n_most, 4);
}
END_TEST

RUN_SUITE("Credits", 20, all_are_taken_or_nothing, threads_together_hold_no_more_than_there_are);
