/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/swarm/eviction.h"

static const struct eviction_times times = {.unwanted_ns = 60 * NS_PER_S,
                                            .bored_ns = 600 * NS_PER_S};

#define YOUNG     (1 * NS_PER_S)
#define IDLE      (61 * NS_PER_S)
#define IDLE_LONG (62 * NS_PER_S)
#define BORED     (601 * NS_PER_S)
#define ANY       EVICTION_FOR_ANY_HOST
#define CROWD     EVICTION_FOR_CROWDED_HOST
#define N         5

/* Facts: idle_ns, is_active, wants, has_moved, is_crowded. */
static const struct {
    struct eviction_facts facts[N];
    unsigned n;
    enum eviction_for newcomer;
    int evicted;
} cases[] = {
    /* Nothing to evict. */
    {.n = 0, .evicted = EVICTION_NONE},
    {{{YOUNG, 0, 0, 0, 0}}, 1, ANY, EVICTION_NONE}, /* it may still become of use */
    {{{IDLE, 0, 1, 0, 0}}, 1, ANY, EVICTION_NONE},  /* interested, and not for long */
    {{{BORED, 1, 0, 0, 1}}, 1, ANY, EVICTION_NONE},
    /* The longest idle of equals; the first of those. */
    {{{IDLE, 0, 0, 0, 0}, {IDLE_LONG, 0, 0, 0, 0}, {IDLE_LONG, 0, 0, 0, 0}}, 3, ANY, 1},
    {{{IDLE_LONG, 0, 0, 0, 0}, {IDLE, 0, 0, 0, 0}}, 2, ANY, 0},
    /* One that never moved content before one that did. */
    {{{BORED, 0, 0, 1, 0}, {IDLE, 0, 0, 0, 0}}, 2, ANY, 1},
    /* One where neither end is interested before one where an end is. */
    {{{BORED, 0, 1, 0, 0}, {IDLE, 0, 0, 1, 0}}, 2, ANY, 1},
    {{{BORED, 0, 1, 1, 0}, {BORED, 0, 1, 0, 0}, {YOUNG, 0, 0, 0, 0}}, 3, ANY, 1},
    /* Crowded hosts before all others, at once, but not where data can move. */
    {{{BORED, 0, 0, 0, 0}, {YOUNG, 0, 1, 1, 1}, {BORED, 1, 0, 0, 1}}, 3, ANY, 1},
    {{{YOUNG, 0, 1, 0, 1}, {YOUNG, 0, 0, 1, 1}}, 2, ANY, 1},
    /* A newcomer of a crowded host replaces only connections of crowded hosts. */
    {{{BORED, 0, 0, 0, 0}}, 1, CROWD, EVICTION_NONE},
    {{{BORED, 0, 0, 0, 0}, {YOUNG, 0, 1, 1, 1}}, 2, CROWD, 1},
    {.n = 0, .newcomer = CROWD, .evicted = EVICTION_NONE},
};

START_TEST(the_least_useful_is_evicted)
{
    for (unsigned i = 0; i < N_ELEMENTS(cases); i++)
        ck_assert_msg(eviction_choose(cases[i].facts, cases[i].n, &times, cases[i].newcomer) ==
                          cases[i].evicted,
                      "case %u", i);
}
END_TEST

RUN_SUITE("Eviction", 20, the_least_useful_is_evicted);
