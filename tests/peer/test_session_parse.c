/* SPDX-License-Identifier: MIT */
#include "session_harness.h"

#include <errno.h>

/* Every message that a peer may send to a session of ours that requested nothing. */
static const struct line conversation[] = {
    LINE("\0\0\0\0", ""),                             /* keep-alive */
    LINE("\0\0\0\x05\x14hand", ""),                   /* extended: skipped without BEP 10 */
    LINE("\0\0\0\x03\x05\xa0\x40", "has-3 "),         /* bitfield: 0, 2, 9 */
    LINE("\0\0\0\x05\x04\0\0\0\x03", "have-3 "),      /* have */
    LINE("\0\0\0\x01\x02", "interested "),            /* interested */
    LINE("\0\0\0\x01\x01", "unchoked "),              /* unchoke */
    LINE("\0\0\0\x03\x09\x1a\xe1", ""),               /* port: skipped */
    LINE("\0\0\0\x05\x0d\0\0\0\x02", "suggested-2 "), /* suggest */
    LINE("\0\0\0\x05\x11\0\0\0\x02", ""),             /* allowed fast */
    LINE("\0\0\0\x0d\x06\0\0\0\x01\0\0\x40\0\0\0\x40\0", "requested "), /* request */
    LINE("\0\0\0\x0d\x06\0\0\0\x01\0\0\x80\0\0\0\x40\0", ""),
    LINE("\0\0\0\x0d\x08\0\0\0\x01\0\0\x40\0\0\0\x40\0", ""), /* cancel */
    LINE("\0\0\0\x01\xff", ""),                               /* unknown */
    LINE("\0\0\0\x04\xfe???", ""),
    LINE("\0\0\0\x01\x02", ""),              /* interested again: no change */
    LINE("\0\0\0\x01\x03", "uninterested "), /* not interested */
    LINE("\0\0\0\x01\0", "choked "),         /* choke */
    LINE("\0\0\0\x01\0", ""),
    LINE("\0\0\0\x0c\x07\0\0\0\x01\0\0\0\0zzz", ""), /* a block that we did not request */
    LINE("\0\0\0\x05\x04\0\0\0\x09", "have-9 "),
};

static void hold_conversation(size_t cut, size_t first)
{
    struct harness w;
    struct session_upload u;

    harness_init(&w, FAST);
    session_set_choking(&w.s, false);
    SENT(&w, "\0\0\0\x01\x01");
    w.s.we_have_all = true;
    harness_converse(&w, conversation, COUNT(conversation), first, cut);
    ck_assert(bitfield_test(&w.has, 0) && bitfield_test(&w.has, 2) && bitfield_test(&w.has, 9));
    ck_assert_uint_eq(w.has.n_set, 3);
    ck_assert_uint_eq(w.s.n_peer_has, 5);
    ck_assert_uint_eq(w.s.n_unasked, 3 + 13);
    ck_assert(w.s.peer_chokes && !w.s.peer_interested);
    /* The cancelled request is answered by a reject (BEP 6), the other one waits. */
    SENT(&w, "\0\0\0\x0d\x10\0\0\0\x01\0\0\x40\0\0\0\x40\0");
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_READY);
    ck_assert_uint_eq(u.piece, 1);
    ck_assert_uint_eq(u.begin, 0x8000);
    ck_assert_uint_eq(u.length, 0x4000);
    ck_assert_int_eq(session_next_upload(&w.s, &u), SESSION_UPLOAD_NONE);
    harness_deinit(&w);
}

/* As aria2 does: a bitfield, and have-all at the end, in place of many HAVEs. */
START_TEST(a_bitfield_may_be_sent_again)
{
    static const struct line lines[] = {
        LINE("\0\0\0\x01\x0f", "has-none "),
        LINE("\0\0\0\x01\x02", "interested "),
        LINE("\0\0\0\x05\x04\0\0\0\x01", "have-1 "),
        LINE("\0\0\0\x03\x05\xf0\x40", "has-5 "), /* bitfield: 0 to 3, 9 */
        LINE("\0\0\0\x05\x04\0\0\0\x04", "have-4 "),
        LINE("\0\0\0\x01\x0e", "has-all "),
    };

    for (size_t cut = 1; cut <= lines_size(lines, COUNT(lines)); cut++) {
        struct harness w;

        harness_init(&w, FAST);
        harness_converse(&w, lines, COUNT(lines), 0, cut);
        ck_assert_uint_eq(w.s.n_peer_has, 10);
        harness_deinit(&w);
    }
}
END_TEST

START_TEST(reads_every_message_however_it_is_cut)
{
    size_t n = lines_size(conversation, COUNT(conversation));

    for (size_t cut = 1; cut <= n; cut++)
        hold_conversation(cut, 0);
    for (size_t first = 0; first <= n; first++)
        hold_conversation(65536, first);
}
END_TEST

/* Each of these breaks the session, read at once or byte by byte. */
START_TEST(breaks_with_a_reason_at_a_wrong_message)
{
#define BAD(protocol, literal, reason)                 \
    {                                                  \
        protocol, literal, sizeof(literal) - 1, reason \
    }
    static const struct {
        enum protocol protocol;
        const char *bytes;
        size_t n;
        const char *reason;
    } bad[] = {
        BAD(FAST, "\0\x10\0\x01", "message is too long"),
        BAD(FAST, "\xff\xff\xff\xff", "message is too long"),
        BAD(FAST, "\0\0\0\x02\0", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x02\x01", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x05\x02", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x03\x03", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x04\x04", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x0c\x06", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x0e\x08", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x02\x0e", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x09\x10", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x09\x0d", "message has the wrong length"),
        BAD(FAST, "\0\0\0\x02\x05", "bitfield has the wrong length"),
        BAD(FAST, "\0\0\0\x04\x05", "bitfield has the wrong length"),
        BAD(FAST, "\0\0\0\x08\x07", "block has an impossible length"),
        BAD(FAST, "\0\x02\0\x0a\x07", "block has an impossible length"),
        BAD(FAST, "\0\0\0\x03\x05\xff\xe0", "bitfield has spare bits set"),
        BAD(FAST, "\0\0\0\x05\x04\0\0\0\x0a", "has a piece that does not exist"),
        BAD(FAST, "\0\0\0\x05\x04\xff\xff\xff\xff", "has a piece that does not exist"),
        BAD(FAST, "\0\0\0\x05\x0d\0\0\0\x0a", "suggests a piece that does not exist"),
        BAD(FAST, "\0\0\0\x01\x0e\0\0\0\x01\x0f", "have-none after other messages"),
        BAD(FAST, "\0\0\0\x0d\x06\0\0\0\x0a\0\0\0\0\0\0\x40\0",
            "names a piece that does not exist"),
        BAD(FAST, "\0\0\0\x0d\x06\0\0\0\x01\0\0\0\0\0\0\0\0", "names a block that does not exist"),
        BAD(FAST, "\0\0\0\x0d\x06\0\0\0\x01\0\0\xff\xff\0\0\0\x02",
            "names a block that does not exist"),
        BAD(FAST, "\0\0\0\x0d\x06\0\0\0\x01\xff\xff\xff\xff\0\0\0\x02",
            "names a block that does not exist"),
        BAD(FAST, "\0\0\0\x0d\x06\0\0\0\x09\0\0\x40\0\0\0\x40\0",
            "names a block that does not exist"),
        BAD(FAST, "\0\0\0\x0d\x06\0\0\0\x01\0\0\0\0\0\x02\0\x01",
            "names a block that does not exist"),
        BAD(FAST, "\0\0\0\x0d\x10\0\0\0\x0a\0\0\0\0\0\0\x40\0",
            "names a piece that does not exist"),
        BAD(PLAIN, "\0\0\0\x05\x0d", "message of the Fast extension without the extension"),
        BAD(PLAIN, "\0\0\0\x01\x0e", "message of the Fast extension without the extension"),
        BAD(PLAIN, "\0\0\0\x01\x0f", "message of the Fast extension without the extension"),
        BAD(PLAIN, "\0\0\0\x0d\x10", "message of the Fast extension without the extension"),
        BAD(PLAIN, "\0\0\0\x05\x11", "message of the Fast extension without the extension"),
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t cut = 1; cut <= bad[i].n; cut += bad[i].n - 1) {
            struct harness w;

            harness_init(&w, bad[i].protocol);
            if (cut == 1) {
                harness_feed(&w, bad[i].bytes, bad[i].n - 1, cut);
                ck_assert_msg(!w.error, "case %zu ended early", i);
            }
            harness_feed(&w, bad[i].bytes + (cut == 1 ? bad[i].n - 1 : 0), cut == 1 ? 1 : bad[i].n,
                         cut);
            ck_assert_msg(w.error == -EPROTO, "case %zu did not end", i);
            ck_assert_str_eq(w.s.reason, bad[i].reason);
            /* It stays broken, and leaves no byte in the scratch memory to another session. */
            ck_assert_uint_eq(w.x.at, w.x.end);
            ck_assert_int_eq(session_tick(&w.s, w.now), SESSION_DEAD);
            harness_events(&w);
            ck_assert_int_eq(w.error, -EPROTO);
            harness_deinit(&w);
        }
    }
}
END_TEST

START_TEST(reports_what_the_peer_has_as_a_set_or_all_or_none)
{
    struct harness w;

    harness_init(&w, FAST);
    FEED(&w, "\0\0\0\x01\x0e\0\0\0\x05\x04\0\0\0\x01");
    harness_expect(&w, "has-all have-1 ");
    ck_assert_uint_eq(w.s.n_peer_has, 10);
    harness_deinit(&w);

    harness_init(&w, FAST);
    FEED(&w, "\0\0\0\x01\x0f\0\0\0\x05\x04\0\0\0\x01");
    harness_expect(&w, "has-none have-1 ");
    ck_assert_uint_eq(w.s.n_peer_has, 1);
    harness_deinit(&w);

    harness_init(&w, PLAIN);
    FEED(&w, "\0\0\0\x03\x05\xff\xc0");
    harness_expect(&w, "has-all ");
    ck_assert_ptr_null(w.has.bytes);
    harness_deinit(&w);

    harness_init(&w, PLAIN);
    FEED(&w, "\0\0\0\x03\x05\0\0");
    harness_expect(&w, "has-none ");
    ck_assert_ptr_null(w.has.bytes);
    harness_deinit(&w);
}
END_TEST

START_TEST(only_counts_when_we_have_every_piece)
{
    struct harness w;

    harness_init(&w, FAST);
    w.s.keep_bitfield = false;
    harness_feed(&w, "\0\0\0\x03\x05\xa0\x40\0\0\0\x05\x04\0\0\0\x01", 16, 1);
    harness_expect(&w, "have-1 ");
    ck_assert_uint_eq(w.s.n_peer_has, 4);
    ck_assert_ptr_null(w.s.incoming.bytes);
    ck_assert_ptr_null(w.s.download);
    harness_deinit(&w);

    harness_init(&w, FAST);
    w.s.keep_bitfield = false;
    FEED(&w, "\0\0\0\x01\x0e");
    harness_expect(&w, "");
    ck_assert_uint_eq(w.s.n_peer_has, 10);
    harness_deinit(&w);

    /* We complete while the bitfield arrives. */
    harness_init(&w, FAST);
    FEED(&w, "\0\0\0\x03\x05\xa0");
    w.s.keep_bitfield = false;
    FEED(&w, "\x40");
    harness_expect(&w, "");
    ck_assert_ptr_null(w.s.incoming.bytes);
    harness_deinit(&w);
}
END_TEST

RUN_SUITE("session_parse", 60, a_bitfield_may_be_sent_again, reads_every_message_however_it_is_cut,
          breaks_with_a_reason_at_a_wrong_message,
          reports_what_the_peer_has_as_a_set_or_all_or_none, only_counts_when_we_have_every_piece);
