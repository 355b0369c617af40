/* SPDX-License-Identifier: MIT */
#include "session_harness.h"

#include <errno.h>

START_TEST(the_first_message_depends_on_what_we_have)
{
    struct bitfield have;
    struct harness w;

    ck_assert_int_eq(bitfield_init(&have, 10), 0);
    harness_init(&w, FAST);
    session_send_have_set(&w.s, NULL);
    SENT(&w, "\0\0\0\x01\x0f");
    session_send_have_set(&w.s, &have);
    SENT(&w, "\0\0\0\x01\x0f");
    w.s.fast = false;
    session_send_have_set(&w.s, &have);
    session_send_have_set(&w.s, NULL);
    SENT(&w, "");
    bitfield_set(&have, 8);
    session_send_have_set(&w.s, &have);
    SENT(&w, "\0\0\0\x03\x05\0\x80");
    bitfield_set_all(&have);
    session_send_have_set(&w.s, &have);
    SENT(&w, "\0\0\0\x03\x05\xff\xc0");
    w.s.fast = true;
    session_send_have_set(&w.s, &have);
    SENT(&w, "\0\0\0\x01\x0e");
    session_send_have(&w.s, 7);
    SENT(&w, "\0\0\0\x05\x04\0\0\0\x07");
    bitfield_deinit(&have);
    harness_deinit(&w);
}
END_TEST

START_TEST(suggests_to_peers_with_fast_only)
{
    struct harness w;

    harness_init(&w, FAST);
    session_send_suggest(&w.s, 7);
    SENT(&w, "\0\0\0\x05\x0d\0\0\0\x07");
    w.s.fast = false;
    session_send_suggest(&w.s, 7);
    SENT(&w, "");
    harness_deinit(&w);
}
END_TEST

START_TEST(output_survives_partial_writes)
{
    const uint8_t *out;
    struct harness w;
    uint32_t n_said = 0, n_read = 0;
    uint8_t message[9] = "\0\0\0\x05\x04";

    harness_init(&w, FAST);
    while (n_read < 9 * 2000) {
        for (unsigned i = 0; i < 5 && n_said < 2000; i++)
            session_send_have(&w.s, n_said++);
        size_t n = session_output(&w.s, &out);
        n = n > 31 ? 31 : n;
        for (size_t i = 0; i < n; i++, n_read++) {
            put_be32(message + 5, n_read / 9);
            ck_assert_uint_eq(out[i], message[n_read % 9]);
        }
        session_output_sent(&w.s, n, w.now);
    }
    ck_assert_uint_eq(session_output(&w.s, &out), 0);
    ck_assert_ptr_null(w.s.out); /* an idle session has no buffer */
    harness_deinit(&w);
}
END_TEST

START_TEST(a_peer_that_does_not_read_breaks_the_session)
{
    struct harness w;
    static const char request[] = "\0\0\0\x0d\x06\0\0\0\x01\0\0\0\0\0\0\x40\0";
    static const char cancel[] = "\0\0\0\x0d\x08\0\0\0\x01\0\0\0\0\0\0\x40\0";

    /* BEP 6: each of these cancels is answered. */
    harness_init(&w, FAST);
    session_set_choking(&w.s, false);
    for (unsigned i = 0; i < ((1 << 20) - 5) / 17; i++) {
        harness_feed(&w, request, 17, 17);
        harness_feed(&w, cancel, 17, 17);
        w.n_log = 0;
    }
    ck_assert_int_eq(w.error, 0);
    harness_feed(&w, request, 17, 17);
    harness_feed(&w, cancel, 17, 17);
    ck_assert_int_eq(w.error, -EPROTO);
    ck_assert_int_eq(session_tick(&w.s, w.now), SESSION_DEAD);
    ck_assert_uint_le(w.s.out_size, 1 << 20);
    harness_deinit(&w);

    harness_init(&w, FAST);
    for (unsigned i = 0; i < 200000; i++)
        session_send_have(&w.s, i);
    ck_assert_int_eq(session_tick(&w.s, w.now), SESSION_DEAD);
    ck_assert_uint_le(w.s.out_size, 1 << 20);
    harness_deinit(&w);
}
END_TEST

RUN_SUITE("session_output", 60, the_first_message_depends_on_what_we_have,
          suggests_to_peers_with_fast_only, output_survives_partial_writes,
          a_peer_that_does_not_read_breaks_the_session);
