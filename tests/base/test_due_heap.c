/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/due_heap.h"
#include "conjure/base/rng.h"

static void check_places(const struct due_heap *h)
{
    for (uint32_t i = 0; i < h->n; i++) {
        ck_assert_uint_eq(h->entries[i]->place, i + 1);
        if (i)
            ck_assert_uint_le(h->entries[(i - 1) / 2]->at_ns, h->entries[i]->at_ns);
    }
}

START_TEST(gives_back_in_order)
{
    struct due_heap h = DUE_HEAP_EMPTY;
    struct due entries[1000] = {DUE_EMPTY};
    struct rng rng;
    uint64_t last = 0;
    struct due *d;
    unsigned n = 0;

    rng_seed(&rng, 7);
    ck_assert_uint_eq(due_heap_next_ns(&h), UINT64_MAX);
    ck_assert_ptr_null(due_heap_pop(&h));
    /* In, to another time, out, in again. */
    for (int i = 0; i < 20000; i++) {
        d = &entries[rng_below(&rng, 1000)];
        if (rng_below(&rng, 4))
            due_heap_set(&h, d, rng_below(&rng, 500));
        else
            due_heap_remove(&h, d);
        if (i % 100 == 0)
            check_places(&h);
    }
    for (int i = 0; i < 1000; i++)
        n += entries[i].place != 0;
    ck_assert_uint_eq(h.n, n);
    for (; n; n--) {
        d = due_heap_pop(&h);
        ck_assert_uint_eq(d->place, 0);
        ck_assert_uint_ge(d->at_ns, last);
        last = d->at_ns;
    }
    ck_assert_ptr_null(due_heap_pop(&h));
    due_heap_deinit(&h);
    due_heap_deinit(&h);
}
END_TEST

START_TEST(pops_only_what_is_due)
{
    struct due_heap h = DUE_HEAP_EMPTY;
    struct due a = DUE_EMPTY, b = DUE_EMPTY, never = DUE_EMPTY;

    due_heap_set(&h, &never, UINT64_MAX);
    ck_assert_uint_eq(due_heap_next_ns(&h), UINT64_MAX);
    due_heap_set(&h, &a, 110);
    due_heap_set(&h, &b, 120);
    due_heap_set(&h, &b, 105);
    ck_assert_uint_eq(due_heap_next_ns(&h), 105);
    ck_assert_ptr_null(due_heap_pop_due(&h, 104));
    ck_assert_ptr_eq(due_heap_pop_due(&h, 105), &b);
    ck_assert_ptr_null(due_heap_pop_due(&h, 109));
    due_heap_remove(&h, &b);
    ck_assert_ptr_eq(due_heap_pop_due(&h, 200), &a);
    ck_assert_ptr_null(due_heap_pop_due(&h, UINT64_MAX - 1));
    due_heap_remove(&h, &never);
    ck_assert_uint_eq(h.n, 0);
    due_heap_deinit(&h);
}
END_TEST

RUN_SUITE("A heap of due times", 20, gives_back_in_order, pops_only_what_is_due);
