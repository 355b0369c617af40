/* SPDX-License-Identifier: MIT */
#include "session_harness.h"

#include <errno.h>

#include "peer/internal.h"

/* The first cause counts, and every later call returns what it returned. */
START_TEST(the_first_reason_is_kept)
{
    struct harness w;

    harness_init(&w, FAST);
    ck_assert(!session_is_broken(&w.s));
    session_break(&w.s, -EPROTO, "first");
    session_break(&w.s, -EPROTO, "second");
    session_break(&w.s, -ENOMEM, NULL);
    ck_assert_str_eq(w.s.reason, "first");
    ck_assert(session_is_broken(&w.s));
    harness_events(&w);
    ck_assert_int_eq(w.error, -EPROTO);
    ck_assert_int_eq(session_tick(&w.s, w.now), SESSION_DEAD);
    harness_deinit(&w);

    harness_init(&w, FAST);
    session_break(&w.s, -ENOMEM, NULL);
    session_break(&w.s, -EPROTO, "second");
    ck_assert_str_eq(w.s.reason, "out of memory");
    harness_events(&w);
    ck_assert_int_eq(w.error, -ENOMEM);
    harness_deinit(&w);
}
END_TEST

START_TEST(a_broken_session_sends_and_claims_nothing)
{
    const struct claim c = {.id = 3, .piece = 1, .n_blocks = 4, .blocks = 0xf};
    struct harness w;

    harness_init(&w, FAST);
    FEED(&w, "\0\0\0\x01\x01");
    harness_expect(&w, "unchoked ");
    session_break(&w.s, -EPROTO, "reason");
    session_send_have(&w.s, 1);
    SENT(&w, "");
    ck_assert_uint_eq(session_blocks_wanted(&w.s, w.now), 0);
    ck_assert_int_eq(session_add_claim(&w.s, &c, calloc(1, 65536), w.now), 0);
    SENT(&w, "");
    harness_events(&w);
    harness_expect(&w, "done-3:0 "); /* claims are reported all the same */
    harness_deinit(&w);
}
END_TEST

RUN_SUITE("session_break", 10, the_first_reason_is_kept, a_broken_session_sends_and_claims_nothing);
