/* SPDX-License-Identifier: MIT */
#include "session_world.h"

#include <errno.h>

#include "conjure/peer/handshake.h"

#define S UINT64_C(1000000000)

/* Every message that a peer may send to a session of ours that asked for nothing. */
static const char conversation[] =
    "\0\0\0\0"                                     /* keep-alive */
    "\0\0\0\x05\x14hand"                           /* extended (BEP 10): skipped */
    "\0\0\0\x03\x05\xa0\x40"                       /* bitfield: 0, 2, 9 */
    "\0\0\0\x05\x04\0\0\0\x03"                     /* have 3 */
    "\0\0\0\x01\x02"                               /* interested */
    "\0\0\0\x01\x01"                               /* unchoke */
    "\0\0\0\x03\x09\x1a\xe1"                       /* port: skipped */
    "\0\0\0\x05\x0d\0\0\0\x02"                     /* suggest */
    "\0\0\0\x05\x11\0\0\0\x02"                     /* allowed fast */
    "\0\0\0\x0d\x06\0\0\0\x01\0\0\x40\0\0\0\x40\0" /* request */
    "\0\0\0\x0d\x06\0\0\0\x01\0\0\x80\0\0\0\x40\0"
    "\0\0\0\x0d\x08\0\0\0\x01\0\0\x40\0\0\0\x40\0" /* cancel */
    "\0\0\0\x01\xff"                               /* unknown */
    "\0\0\0\x04\xfe???"
    "\0\0\0\x01\x02" /* interested again: no news */
    "\0\0\0\x01\x03" /* not interested */
    "\0\0\0\x01\0"   /* choke */
    "\0\0\0\x01\0"
    "\0\0\0\x0c\x07\0\0\0\x01\0\0\0\0zzz" /* a block nobody asked for */
    "\0\0\0\x05\x04\0\0\0\x09";
static const char conversation_events[] = "has-3 have-3 interested unchoked suggested-2 requested "
                                          "uninterested choked have-9 ";

static void hold_conversation(size_t cut, size_t first)
{
    struct world w;
    struct session_upload u;

    world_init(&w, true);
    session_set_choking(&w.s, false, w.now);
    SAID(&w, "\0\0\0\x01\x01");
    w.s.we_have_all = true;
    if (first)
        world_feed(&w, conversation, first, 65536);
    world_feed(&w, conversation + first, sizeof conversation - 1 - first, cut);
    ck_assert_int_eq(w.error, 0);
    world_expect(&w, conversation_events);
    ck_assert(bitfield_test(&w.has, 0) && bitfield_test(&w.has, 2) && bitfield_test(&w.has, 9));
    ck_assert_uint_eq(w.has.n_set, 3);
    ck_assert_uint_eq(w.s.n_peer_has, 5);
    ck_assert_uint_eq(w.s.n_unasked, 3 + 13);
    ck_assert(w.s.peer_chokes && !w.s.peer_interested);
    /* The cancelled request is answered by a reject (BEP 6), the other one waits. */
    SAID(&w, "\0\0\0\x0d\x10\0\0\0\x01\0\0\x40\0\0\0\x40\0");
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_READY);
    ck_assert_uint_eq(u.piece, 1);
    ck_assert_uint_eq(u.begin, 0x8000);
    ck_assert_uint_eq(u.length, 0x4000);
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_NONE);
    world_deinit(&w);
}

/* As aria2 does: a bitfield, and have-all at the end, in place of many HAVEs. */
START_TEST(a_bitfield_may_come_again)
{
    static const char said[] = "\0\0\0\x01\x0f"           /* have none */
                               "\0\0\0\x01\x02"           /* interested */
                               "\0\0\0\x05\x04\0\0\0\x01" /* have 1 */
                               "\0\0\0\x03\x05\xf0\x40"   /* bitfield: 0 to 3, 9 */
                               "\0\0\0\x05\x04\0\0\0\x04"
                               "\0\0\0\x01\x0e"; /* have all */
    struct world w;

    for (size_t cut = 1; cut < sizeof said; cut++) {
        world_init(&w, true);
        world_feed(&w, said, sizeof said - 1, cut);
        ck_assert_int_eq(w.error, 0);
        world_expect(&w, "has-none interested have-1 has-5 have-4 has-all ");
        ck_assert_uint_eq(w.s.n_peer_has, 10);
        world_deinit(&w);
    }
}
END_TEST

START_TEST(reads_every_message_however_it_is_cut)
{
    for (size_t cut = 1; cut < sizeof conversation; cut++)
        hold_conversation(cut, 0);
    for (size_t first = 0; first < sizeof conversation; first++)
        hold_conversation(65536, first);
}
END_TEST

/* A handshake and the first messages in one buffer, as a peer that does not wait for ours sends them. */
static const char greeting[] = "\x13"
                               "BitTorrent protocol\0\0\0\0\0\x10\0\x04"
                               "aaaaabbbbbcccccddddd-XX0100-0123456789ab"
                               "\0\0\0\x03\x05\xa0\x40"   /* bitfield: 0, 2, 9 */
                               "\0\0\0\x05\x04\0\0\0\x03" /* have 3 */
                               "\0\0\0\x01\x02";          /* interested */

/* The first read ends after N bytes: the session gets what is beyond the handshake from there. */
static void greet(size_t n)
{
    const uint8_t *bytes = (const uint8_t *)greeting;
    struct handshake h;
    struct world w;
    uint8_t *copy = malloc(n); /* so that a sanitizer sees a read past the end */

    memcpy(copy, bytes, n);
    ck_assert_int_eq(handshake_decode(copy, HANDSHAKE_SIZE, &h), 0);
    world_init(&w, h.fast);
    w.now += S;
    session_feed(&w.s, &w.x, copy + HANDSHAKE_SIZE, n - HANDSHAKE_SIZE, w.now);
    free(copy);
    ck_assert_uint_eq(w.s.heard_ns == w.now, n > HANDSHAKE_SIZE);
    world_events(&w);
    world_feed(&w, bytes + n, sizeof greeting - 1 - n, 65536);
    ck_assert_int_eq(w.error, 0);
    world_expect(&w, "has-3 have-3 interested ");
    ck_assert_uint_eq(w.s.n_peer_has, 4);
    world_deinit(&w);
}

START_TEST(takes_the_bytes_behind_a_handshake)
{
    struct world w;

    for (size_t n = HANDSHAKE_SIZE; n < sizeof greeting; n++)
        greet(n);

    /* As many as the scratch holds. */
    world_init(&w, true);
    uint8_t *zeros = calloc(1, SCRATCH_SIZE / 4 * 4);
    session_feed(&w.s, &w.x, zeros, SCRATCH_SIZE / 4 * 4, w.now);
    free(zeros);
    world_events(&w);
    ck_assert_int_eq(w.error, 0);
    ck_assert_uint_eq(w.x.end, 0);
    session_feed(&w.s, &w.x, (const uint8_t *)"\xff\xff\xff\xff", 4, w.now);
    world_events(&w);
    ck_assert_int_eq(w.error, -EPROTO);
    world_deinit(&w);
}
END_TEST

/* Each of these ends the session, told at once or byte by byte. */
START_TEST(ends_with_a_reason_at_what_may_not_be_said)
{
#define BAD(fast, literal, reason)                 \
    {                                              \
        fast, literal, sizeof(literal) - 1, reason \
    }
    static const struct {
        bool fast;
        const char *bytes;
        size_t n;
        const char *reason;
    } bad[] = {
        BAD(true, "\0\x10\0\x01", "message is too long"),
        BAD(true, "\xff\xff\xff\xff", "message is too long"),
        BAD(true, "\0\0\0\x02\0", "message has the wrong length"),
        BAD(true, "\0\0\0\x02\x01", "message has the wrong length"),
        BAD(true, "\0\0\0\x05\x02", "message has the wrong length"),
        BAD(true, "\0\0\0\x03\x03", "message has the wrong length"),
        BAD(true, "\0\0\0\x04\x04", "message has the wrong length"),
        BAD(true, "\0\0\0\x0c\x06", "message has the wrong length"),
        BAD(true, "\0\0\0\x0e\x08", "message has the wrong length"),
        BAD(true, "\0\0\0\x02\x0e", "message has the wrong length"),
        BAD(true, "\0\0\0\x09\x10", "message has the wrong length"),
        BAD(true, "\0\0\0\x09\x0d", "message has the wrong length"),
        BAD(true, "\0\0\0\x02\x05", "bitfield has the wrong length"),
        BAD(true, "\0\0\0\x04\x05", "bitfield has the wrong length"),
        BAD(true, "\0\0\0\x08\x07", "block has an impossible length"),
        BAD(true, "\0\x02\0\x0a\x07", "block has an impossible length"),
        BAD(true, "\0\0\0\x03\x05\xff\xe0", "bitfield has spare bits set"),
        BAD(true, "\0\0\0\x05\x04\0\0\0\x0a", "has a piece that does not exist"),
        BAD(true, "\0\0\0\x05\x04\xff\xff\xff\xff", "has a piece that does not exist"),
        BAD(true, "\0\0\0\x05\x0d\0\0\0\x0a", "suggests a piece that does not exist"),
        BAD(true, "\0\0\0\x01\x0e\0\0\0\x01\x0f", "have-none after other messages"),
        BAD(true, "\0\0\0\x0d\x06\0\0\0\x0a\0\0\0\0\0\0\x40\0",
            "names a piece that does not exist"),
        BAD(true, "\0\0\0\x0d\x06\0\0\0\x01\0\0\0\0\0\0\0\0", "names a block that does not exist"),
        BAD(true, "\0\0\0\x0d\x06\0\0\0\x01\0\0\xff\xff\0\0\0\x02",
            "names a block that does not exist"),
        BAD(true, "\0\0\0\x0d\x06\0\0\0\x01\xff\xff\xff\xff\0\0\0\x02",
            "names a block that does not exist"),
        BAD(true, "\0\0\0\x0d\x06\0\0\0\x09\0\0\x40\0\0\0\x40\0",
            "names a block that does not exist"),
        BAD(true, "\0\0\0\x0d\x06\0\0\0\x01\0\0\0\0\0\x02\0\x01",
            "names a block that does not exist"),
        BAD(true, "\0\0\0\x0d\x10\0\0\0\x0a\0\0\0\0\0\0\x40\0",
            "names a piece that does not exist"),
        BAD(false, "\0\0\0\x05\x0d", "message of the Fast extension without the extension"),
        BAD(false, "\0\0\0\x01\x0e", "message of the Fast extension without the extension"),
        BAD(false, "\0\0\0\x01\x0f", "message of the Fast extension without the extension"),
        BAD(false, "\0\0\0\x0d\x10", "message of the Fast extension without the extension"),
        BAD(false, "\0\0\0\x05\x11", "message of the Fast extension without the extension"),
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t cut = 1; cut <= bad[i].n; cut += bad[i].n - 1) {
            struct world w;

            world_init(&w, bad[i].fast);
            if (cut == 1) {
                world_feed(&w, bad[i].bytes, bad[i].n - 1, cut);
                ck_assert_msg(!w.error, "case %zu ended early", i);
            }
            world_feed(&w, bad[i].bytes + (cut == 1 ? bad[i].n - 1 : 0), cut == 1 ? 1 : bad[i].n,
                       cut);
            ck_assert_msg(w.error == -EPROTO, "case %zu did not end", i);
            ck_assert_str_eq(w.s.reason, bad[i].reason);
            /* For good, and without leaving anything to the next user of the scratch memory. */
            ck_assert_uint_eq(w.x.at, w.x.end);
            ck_assert_int_eq(session_tick(&w.s, w.now), 1);
            world_events(&w);
            ck_assert_int_eq(w.error, -EPROTO);
            world_deinit(&w);
        }
    }
}
END_TEST

START_TEST(says_what_the_peer_has_in_the_least_words)
{
    struct world w;

    world_init(&w, true);
    FEED(&w, "\0\0\0\x01\x0e\0\0\0\x05\x04\0\0\0\x01");
    world_expect(&w, "has-all have-1 ");
    ck_assert_uint_eq(w.s.n_peer_has, 10);
    world_deinit(&w);

    world_init(&w, true);
    FEED(&w, "\0\0\0\x01\x0f\0\0\0\x05\x04\0\0\0\x01");
    world_expect(&w, "has-none have-1 ");
    ck_assert_uint_eq(w.s.n_peer_has, 1);
    world_deinit(&w);

    world_init(&w, false);
    FEED(&w, "\0\0\0\x03\x05\xff\xc0");
    world_expect(&w, "has-all ");
    ck_assert_ptr_null(w.has.bytes);
    world_deinit(&w);

    world_init(&w, false);
    FEED(&w, "\0\0\0\x03\x05\0\0");
    world_expect(&w, "has-none ");
    ck_assert_ptr_null(w.has.bytes);
    world_deinit(&w);
}
END_TEST

START_TEST(only_counts_when_it_wants_nothing)
{
    struct world w;

    world_init(&w, true);
    w.s.keep_bitfield = false;
    world_feed(&w, "\0\0\0\x03\x05\xa0\x40\0\0\0\x05\x04\0\0\0\x01", 16, 1);
    world_expect(&w, "have-1 ");
    ck_assert_uint_eq(w.s.n_peer_has, 4);
    ck_assert_ptr_null(w.s.incoming.bytes);
    ck_assert_ptr_null(w.s.download);
    world_deinit(&w);

    world_init(&w, true);
    w.s.keep_bitfield = false;
    FEED(&w, "\0\0\0\x01\x0e");
    world_expect(&w, "");
    ck_assert_uint_eq(w.s.n_peer_has, 10);
    world_deinit(&w);

    /* We complete while the bitfield arrives. */
    world_init(&w, true);
    FEED(&w, "\0\0\0\x03\x05\xa0");
    w.s.keep_bitfield = false;
    FEED(&w, "\x40");
    world_expect(&w, "");
    ck_assert_ptr_null(w.s.incoming.bytes);
    world_deinit(&w);
}
END_TEST

START_TEST(first_words_depend_on_what_we_have)
{
    struct bitfield have;
    struct world w;

    ck_assert_int_eq(bitfield_init(&have, 10), 0);
    world_init(&w, true);
    session_say_have_set(&w.s, NULL);
    SAID(&w, "\0\0\0\x01\x0f");
    session_say_have_set(&w.s, &have);
    SAID(&w, "\0\0\0\x01\x0f");
    w.s.fast = false;
    session_say_have_set(&w.s, &have);
    session_say_have_set(&w.s, NULL);
    SAID(&w, "");
    bitfield_set(&have, 8);
    session_say_have_set(&w.s, &have);
    SAID(&w, "\0\0\0\x03\x05\0\x80");
    bitfield_set_all(&have);
    session_say_have_set(&w.s, &have);
    SAID(&w, "\0\0\0\x03\x05\xff\xc0");
    w.s.fast = true;
    session_say_have_set(&w.s, &have);
    SAID(&w, "\0\0\0\x01\x0e");
    session_say_have(&w.s, 7);
    SAID(&w, "\0\0\0\x05\x04\0\0\0\x07");
    bitfield_deinit(&have);
    world_deinit(&w);
}
END_TEST

START_TEST(suggests_only_to_those_who_understand)
{
    struct world w;

    world_init(&w, true);
    session_say_suggest(&w.s, 7);
    SAID(&w, "\0\0\0\x05\x0d\0\0\0\x07");
    w.s.fast = false;
    session_say_suggest(&w.s, 7);
    SAID(&w, "");
    world_deinit(&w);
}
END_TEST

START_TEST(speaks_of_interest_and_choking_only_on_a_change)
{
    struct world w;

    world_init(&w, true);
    session_set_interested(&w.s, false);
    session_set_choking(&w.s, true, w.now);
    SAID(&w, "");
    session_set_interested(&w.s, true);
    session_set_interested(&w.s, true);
    session_set_choking(&w.s, false, w.now);
    session_set_choking(&w.s, false, w.now);
    session_set_interested(&w.s, false);
    session_set_choking(&w.s, true, w.now);
    SAID(&w, "\0\0\0\x01\x02\0\0\0\x01\x01\0\0\0\x01\x03\0\0\0\x01\0");
    world_deinit(&w);
}
END_TEST

START_TEST(output_survives_partial_writes)
{
    const uint8_t *out;
    struct world w;
    uint32_t n_said = 0, n_read = 0;
    uint8_t message[9] = "\0\0\0\x05\x04";

    world_init(&w, true);
    while (n_read < 9 * 2000) {
        for (unsigned i = 0; i < 5 && n_said < 2000; i++)
            session_say_have(&w.s, n_said++);
        size_t n = session_output(&w.s, &out);
        n = n > 31 ? 31 : n;
        for (size_t i = 0; i < n; i++, n_read++) {
            put_be32(message + 5, n_read / 9);
            ck_assert_uint_eq(out[i], message[n_read % 9]);
        }
        session_output_sent(&w.s, n, w.now);
    }
    ck_assert_uint_eq(session_output(&w.s, &out), 0);
    ck_assert_ptr_null(w.s.out); /* an idle session holds nothing */
    world_deinit(&w);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_dead)
{
    struct world w;
    static const char request[] = "\0\0\0\x0d\x06\0\0\0\x01\0\0\0\0\0\0\x40\0";

    /* BEP 6 makes us answer each of these, although we choke. */
    world_init(&w, true);
    for (unsigned i = 0; i < (1 << 20) / 17; i++)
        world_feed(&w, request, 17, 17);
    ck_assert_int_eq(w.error, 0);
    world_feed(&w, request, 17, 17);
    ck_assert_int_eq(w.error, -EPROTO);
    ck_assert_int_eq(session_tick(&w.s, w.now), 1);
    ck_assert_uint_le(w.s.out_size, 1 << 20);
    world_deinit(&w);

    world_init(&w, true);
    for (unsigned i = 0; i < 200000; i++)
        session_say_have(&w.s, i);
    ck_assert_int_eq(session_tick(&w.s, w.now), 1);
    ck_assert_uint_le(w.s.out_size, 1 << 20);
    world_deinit(&w);
}
END_TEST

START_TEST(keeps_alive_and_notices_death)
{
    struct world w;

    world_init(&w, true);
    w.now += 109 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    SAID(&w, "");
    w.now += 1 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    SAID(&w, "\0\0\0\0");
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    SAID(&w, "");
    w.now += 100 * S;
    session_uploaded(&w.s, 1000, w.now);
    w.now += 39 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    SAID(&w, ""); /* data was said lately */
    FEED(&w, "\0\0\0\0");
    world_expect(&w, "");
    w.now += 249 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 0);
    w.now += 1 * S;
    ck_assert_int_eq(session_tick(&w.s, w.now), 1);
    world_deinit(&w);
}
END_TEST

START_TEST(active_is_who_can_move_data)
{
    struct world w;

    world_init(&w, true);
    ck_assert(!session_is_active(&w.s));
    FEED(&w, "\0\0\0\x01\x02");
    ck_assert(!session_is_active(&w.s));
    session_set_choking(&w.s, false, w.now);
    ck_assert(session_is_active(&w.s));
    FEED(&w, "\0\0\0\x01\x03");
    ck_assert(!session_is_active(&w.s));
    FEED(&w, "\0\0\0\x01\x01");
    ck_assert(!session_is_active(&w.s));
    session_set_interested(&w.s, true);
    ck_assert(session_is_active(&w.s));
    world_claim(&w, 1, 0, 0, 4, 0xf);
    FEED(&w, "\0\0\0\x01\0");
    ck_assert(session_is_active(&w.s)); /* blocks in flight: they come or are rejected (BEP 6) */
    session_cancel(&w.s, 0, 0, 0xf);
    ck_assert(session_is_active(&w.s)); /* a claim to be reported */
    world_events(&w);
    ck_assert(!session_is_active(&w.s));
    ck_assert_ptr_nonnull(w.s.download);
    session_output_sent(&w.s, w.s.out_end - w.s.out_at, w.now);
    session_shrink(&w.s);
    ck_assert_ptr_null(w.s.download);
    ck_assert_ptr_null(w.s.out);
    ck_assert_uint_le(sizeof(struct session), 256);
    world_deinit(&w);
}
END_TEST

RUN_SUITE("session", 60, a_bitfield_may_come_again, takes_the_bytes_behind_a_handshake,
          reads_every_message_however_it_is_cut, ends_with_a_reason_at_what_may_not_be_said,
          says_what_the_peer_has_in_the_least_words, only_counts_when_it_wants_nothing,
          first_words_depend_on_what_we_have, suggests_only_to_those_who_understand,

          speaks_of_interest_and_choking_only_on_a_change, output_survives_partial_writes,
          a_peer_that_does_not_read_is_dead, keeps_alive_and_notices_death,
          active_is_who_can_move_data);
