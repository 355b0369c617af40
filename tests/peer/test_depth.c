/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "peer/depth.h"

#define S UINT64_C(1000000000)

/* From a depth of 32: blocks that arrive in a time, the meter's rate, and the depth after that. */
START_TEST(depth_follows_the_rate)
{
    static const struct {
        uint32_t n_received;
        uint64_t took_ns, n_per_s;
        uint32_t depth;
    } cases[] = {
        {16, S / 2, 0, 32},   /* 32 a second: no change */
        {20, S / 2, 0, 40},   /* since the last change */
        {16, S, 45, 45},      /* by the meter */
        {16, S / 100, 0, 64}, /* at most doubles */
        {16, 10 * S, 0, 16},  /* at most halves */
        {16, 0, 0, 64},       /* no time has passed */
        {16, 10 * S, UINT64_MAX, 64},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct depth d = DEPTH_INIT;

        depth_restart(&d, 5 * S);
        ck_assert(!depth_is_due(&d));
        d.n_received = cases[i].n_received;
        ck_assert(depth_is_due(&d));
        depth_adapt(&d, cases[i].n_per_s, 5 * S + cases[i].took_ns);
        ck_assert_msg(d.n_blocks == cases[i].depth, "case %zu: depth %u", i, d.n_blocks);
        ck_assert(!depth_is_due(&d));
        ck_assert_uint_eq(d.since_ns, 5 * S + cases[i].took_ns);
    }
}
END_TEST

START_TEST(depth_has_bounds)
{
    struct depth d = DEPTH_INIT;

    for (unsigned i = 0; i < 10; i++)
        depth_adapt(&d, 100000, i * S);
    ck_assert_uint_eq(d.n_blocks, DEPTH_MAX);
    for (unsigned i = 0; i < 10; i++)
        depth_adapt(&d, 0, 100 * S);
    ck_assert_uint_eq(d.n_blocks, DEPTH_MIN);
    d.n_received = DEPTH_MIN / 2 - 1;
    ck_assert(!depth_is_due(&d));
    d.n_received++;
    ck_assert(depth_is_due(&d));
}
END_TEST

RUN_SUITE("depth", 10, depth_follows_the_rate, depth_has_bounds);
