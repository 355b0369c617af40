/* SPDX-License-Identifier: MIT */
#include "session_harness.h"

#include <errno.h>

enum torrent_kind { PUBLIC, PRIVATE };

/* Our id of each is its number: 1 and 2. */
static const struct extension rows[] = {{.name = "ut_a", .message_max = 8, .public_only = true},
                                        {.name = "ut_b", .message_max = 4}};
static const struct extension_registry none = {NULL, 0}, one = {rows, 1}, two = {rows, 2};

static void harness_extended(struct harness *w, const struct extension_registry *registry,
                             enum torrent_kind kind)
{
    harness_init(w, FAST);
    session_set_extensions(&w->s, registry, kind == PRIVATE);
}

/* The same conversation in reads of all lengths, and with a first read of all lengths. */
static void converse(const struct extension_registry *registry, enum torrent_kind kind,
                     const struct line *lines, size_t n_lines)
{
    size_t n = lines_size(lines, n_lines);

    for (size_t i = 1; i < 2 * n; i++) {
        struct harness w;

        harness_extended(&w, registry, kind);
        harness_converse(&w, lines, n_lines, i < n ? 0 : i - n, i < n ? i : 65536);
        ck_assert_ptr_null(w.s.extension); /* no message is kept */
        ck_assert_ptr_null(w.s.download);
        ck_assert_ptr_null(w.s.uploads);
        ck_assert_ptr_null(w.s.out);
        harness_deinit(&w);
    }
}

START_TEST(reads_a_handshake_however_it_is_cut)
{
    static const struct line lines[] = {
        LINE("\0\0\0\x01\x0f", "has-none "),
        LINE("\0\0\0\x29\x14\0"
             "d4:reqqi8e11:upload_onlyi1e1:v6:Peer 1e",
             "extended(Peer 1) "),
        LINE("\0\0\0\x05\x14\x03???", ""), /* unknown extensions */
        LINE("\0\0\0\x02\x14\x03", ""),
        LINE("\0\0\0\x05\x04\0\0\0\x01", "have-1 "),
        LINE("\0\0\0\x04\x14\0"
             "de",
             "extended() "),
        LINE("\0\0\0\x05\x04\0\0\0\x02", "have-2 "),
    };
    struct harness w;

    converse(&none, PUBLIC, lines, COUNT(lines));
    harness_extended(&w, &none, PUBLIC);
    harness_converse(&w, lines, COUNT(lines), 0, 65536);
    ck_assert_uint_eq(w.s.peer_reqq, 8);
    ck_assert(w.s.peer_upload_only);
    harness_deinit(&w);
}
END_TEST

START_TEST(shows_messages_of_known_extensions)
{
    static const struct line lines[] = {
        LINE("\0\0\0\x05\x14\x01one", "ext-1(one) "), /* before the handshake, too */
        LINE("\0\0\0\x12\x14\0"
             "d1:md4:ut_ai7eee",
             "extended() "),
        LINE("\0\0\0\x0a\x14\x01longest!", "ext-1(longest!) "),
        LINE("\0\0\0\x02\x14\x01", "ext-1() "),
        LINE("\0\0\0\x0b\x14\x01too long!", ""),
        LINE("\0\0\0\x04\x14\x02no", ""),
        LINE("\0\0\0\x04\x14\xffno", ""),
        LINE("\0\0\0\x05\x14\x01two", "ext-1(two) "),
        LINE("\0\0\0\x05\x14\x01six\0\0\0\x05\x04\0\0\0\x02", "ext-1(six) have-2 "),
    };

    converse(&one, PUBLIC, lines, COUNT(lines));
}
END_TEST

START_TEST(private_torrents_have_no_public_extensions)
{
    static const struct line lines[] = {
        LINE("\0\0\0\x1b\x14\0"
             "d1:md4:ut_ai7e4:ut_bi8eee",
             "extended() "),
        LINE("\0\0\0\x05\x14\x01one", ""),
        LINE("\0\0\0\x05\x14\x02two", "ext-2(two) "),
        LINE("\0\0\0\x07\x14\x02seven", ""),
    };
    struct harness w;

    converse(&two, PRIVATE, lines, COUNT(lines));
    harness_extended(&w, &two, PRIVATE);
    harness_converse(&w, lines, COUNT(lines), 0, 65536);
    session_send_extension_message(&w.s, 1, (const uint8_t *)"no", 2);
    SENT(&w, "");
    session_send_extension_message(&w.s, 2, (const uint8_t *)"yes", 3);
    SENT(&w, "\0\0\0\x05\x14\x08yes");
    harness_deinit(&w);
}
END_TEST

/* Each handshake of the peer, and what we send of extension 1 after it. */
START_TEST(sends_messages_to_peers_that_speak_the_extension)
{
    static const struct {
        const char *handshake;
        uint8_t id; /* 0: nothing is sent */
    } steps[] = {
        {"de", 0},
        {"d1:md4:ut_bi5eee", 0},
        {"d1:md4:ut_ai5eee", 5},
        {"d4:reqqi9ee", 5}, /* no `m`: as before */
        {"d1:md4:ut_ai200eee", 200},
        {"d1:md4:ut_ai0eee", 0}, /* not any more */
    };
    struct harness w;

    harness_extended(&w, &one, PUBLIC);
    for (size_t i = 0; i < COUNT(steps); i++) {
        uint8_t bytes[64] = {0, 0, 0, (uint8_t)(2 + strlen(steps[i].handshake)), 20, 0};
        uint8_t message[] = {0, 0, 0, 4, 20, steps[i].id, 'h', 'i'};

        memcpy(bytes + 6, steps[i].handshake, strlen(steps[i].handshake));
        harness_feed(&w, bytes, 4u + bytes[3], 65536);
        harness_expect(&w, "extended() ");
        session_send_extension_message(&w.s, 1, (const uint8_t *)"hi", 2);
        harness_sent(&w, message, steps[i].id ? sizeof message : 0);
        session_send_extension_message(&w.s, 2, (const uint8_t *)"hi", 2); /* not in the registry */
        SENT(&w, "");
    }
    FEED(&w, "\0\0\0\x12\x14\0"
             "d1:md4:ut_ai5eee");
    session_send_extension_message(&w.s, 1, NULL, 0);
    SENT(&w, "\0\0\0\x02\x14\x05");
    harness_deinit(&w);

    /* Without BEP 10. */
    harness_init(&w, FAST);
    session_send_extension_message(&w.s, 1, (const uint8_t *)"hi", 2);
    SENT(&w, "");
    harness_deinit(&w);
}
END_TEST

/* The event's message is valid until the next call, and may consist of any bytes. */
START_TEST(a_message_is_valid_until_the_next_event)
{
    struct session_event e;
    struct harness w;

    harness_extended(&w, &one, PUBLIC);
    FEED(&w, "\0\0\0\x0a\x14\x01long");
    ck_assert_ptr_nonnull(w.s.extension);
    memcpy(w.x.bytes, "est\0\0\0\0\x05\x04\0\0\0\x02", 13);
    w.x.at = 0;
    w.x.end = 13;
    ck_assert_int_eq(session_next_event(&w.s, &w.x, w.now, &e), SESSION_EXTENSION_MESSAGE);
    ck_assert_uint_eq(e.extension, 1);
    ck_assert_uint_eq(e.n_bytes, 8);
    ck_assert_mem_eq(e.bytes, "longest", 8);
    ck_assert_int_eq(session_next_event(&w.s, &w.x, w.now, &e), SESSION_HAVE);
    ck_assert_ptr_null(w.s.extension);
    ck_assert_int_eq(session_next_event(&w.s, &w.x, w.now, &e), SESSION_NONE);
    harness_deinit(&w);
}
END_TEST

/* Clients write some fields wrongly; the connection needs none of them. */
START_TEST(a_malformed_handshake_is_ignored_a_few_times)
{
    static const struct {
        const char *bytes;
        size_t n;
    } malformed[] = {
        {"\0\0\0\x02\x14\0", 6},
        {"\0\0\0\x04\x14\0d1", 8},
        {"\0\0\0\x04\x14\0le", 8},
        {"\0\0\0\x0a\x14\0d1:mi7ee", 14},
    };
    struct harness w;

    for (size_t cut = 1; cut <= 14; cut += 13) {
        harness_extended(&w, &one, PUBLIC);
        for (unsigned i = 0; i < SESSION_MALFORMED_MAX; i++)
            harness_feed(&w, malformed[i % COUNT(malformed)].bytes,
                         malformed[i % COUNT(malformed)].n, cut);
        harness_feed(&w, "\0\0\0\x05\x04\0\0\0\x01", 9, 9);
        ck_assert_int_eq(w.error, 0);
        harness_expect(&w, "have-1 ");
        harness_feed(&w, malformed[0].bytes, malformed[0].n, cut);
        ck_assert_int_eq(w.error, -EPROTO);
        ck_assert_str_eq(w.s.reason, "extension handshakes are malformed");
        harness_deinit(&w);
    }
}
END_TEST

START_TEST(messages_are_bounded)
{
    static const char length[] = "message has the wrong length";
    static const struct {
        const char *bytes;
        size_t n;
        const char *reason;
    } bad[] = {
        {"\0\0\0\x01\x14", 5, length},
    };
    static uint8_t huge[6 + EXTENSION_HANDSHAKE_MAX + 1 + 9];
    struct harness w;

    for (size_t i = 0; i < COUNT(bad); i++) {
        for (size_t cut = 1; cut <= bad[i].n; cut += bad[i].n - 1) {
            harness_extended(&w, &one, PUBLIC);
            harness_feed(&w, bad[i].bytes, bad[i].n, cut);
            ck_assert_int_eq(w.error, -EPROTO);
            ck_assert_str_eq(w.s.reason, bad[i].reason);
            harness_events(&w);
            ck_assert_ptr_null(w.s.extension);
            harness_deinit(&w);
        }
    }

    /* A handshake above the bound, although it could be read: skipped. */
    memset(huge, '1', sizeof huge);
    memcpy(huge, "\0\0\x10\x03\x14\0d1:v4090:", 14);
    memcpy(huge + sizeof huge - 10, "e\0\0\0\x05\x04\0\0\0\x01", 10);
    for (size_t cut = 1; cut <= sizeof huge; cut += sizeof huge - 1) {
        harness_extended(&w, &one, PUBLIC);
        harness_feed(&w, huge, sizeof huge, cut);
        ck_assert_int_eq(w.error, 0);
        harness_expect(&w, "have-1 ");
        harness_deinit(&w);
    }

    /* No memory is taken for a message that is too long. */
    harness_extended(&w, &one, PUBLIC);
    FEED(&w, "\0\0\0\x0b\x14\x01too");
    ck_assert_ptr_null(w.s.extension);
    FEED(&w, " long!");
    harness_expect(&w, "");
    harness_deinit(&w);

    /* Closed in the middle of one. */
    harness_extended(&w, &one, PUBLIC);
    FEED(&w, "\0\0\0\x10\x14\0d1:v");
    ck_assert_ptr_nonnull(w.s.extension);
    harness_deinit(&w);
    ck_assert_ptr_null(w.s.extension);
}
END_TEST

START_TEST(sends_a_handshake_to_peers_with_the_protocol)
{
    const uint8_t *out;
    struct harness w;
    size_t n;

    harness_init(&w, FAST);
    session_send_extension_handshake(&w.s, 6881, SESSION_UPLOADS_ONLY);
    SENT(&w, "");
    harness_deinit(&w);

    harness_extended(&w, &one, PUBLIC);
    session_send_extension_handshake(&w.s, 6881, SESSION_UPLOADS_ONLY);
    n = session_output(&w.s, &out);
    ck_assert_uint_gt(n, 6);
    ck_assert_uint_eq(get_be32(out), n - 4);
    ck_assert_mem_eq(out + 4, "\x14\0d1:md4:ut_ai1ee1:pi6881e4:reqqi1024e11:upload_onlyi1e", 54);
    session_output_sent(&w.s, n, w.now);
    ck_assert_ptr_null(w.s.out);
    harness_deinit(&w);

    harness_extended(&w, &one, PRIVATE);
    session_send_extension_handshake(&w.s, 6881, SESSION_WANTS_PIECES);
    session_output(&w.s, &out);
    ck_assert_mem_eq(out + 4, "\x14\0d1:mde1:pi6881e4:reqqi1024e11:upload_onlyi0e", 45);
    harness_deinit(&w);
    ck_assert_uint_le(sizeof(struct session), 216);
}
END_TEST

RUN_SUITE("session_extended", 60, reads_a_handshake_however_it_is_cut,
          shows_messages_of_known_extensions, private_torrents_have_no_public_extensions,
          sends_messages_to_peers_that_speak_the_extension, a_message_is_valid_until_the_next_event,
          a_malformed_handshake_is_ignored_a_few_times, messages_are_bounded,
          sends_a_handshake_to_peers_with_the_protocol);
