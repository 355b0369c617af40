/* SPDX-License-Identifier: MIT */
#include "parsing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

START_TEST(trackers_by_tier)
{
    must_parse("d8:announce8:http://x13:announce-listl"
               "l8:http://a7:udp://be"
               "l0:e"
               "l8:http://\xff"
               "2:a 9:http://x\ni1ee"
               "l8:http://ce"
               "e4:infod6:lengthi0e4:name1:n" PIECE NO_REST);
    ck_assert_uint_eq(tracker_list_n_tiers(metainfo_trackers(m)), 2);
    ck_assert_uint_eq(tracker_list_n_in_tier(metainfo_trackers(m), 0), 2);
    ck_assert_str_eq(tracker_list_url(metainfo_trackers(m), 0, 0), "http://a");
    ck_assert_str_eq(tracker_list_url(metainfo_trackers(m), 0, 1), "udp://b");
    ck_assert_uint_eq(tracker_list_n_in_tier(metainfo_trackers(m), 1), 1);
    ck_assert_str_eq(tracker_list_url(metainfo_trackers(m), 1, 0), "http://c");
    metainfo_free(m);
}
END_TEST

START_TEST(announce_alone_is_the_only_tier)
{
    must_parse("d8:announce8:http://x4:infod6:lengthi0e4:name1:n" PIECE NO_REST);
    ck_assert_uint_eq(tracker_list_n_tiers(metainfo_trackers(m)), 1);
    ck_assert_str_eq(tracker_list_url(metainfo_trackers(m), 0, 0), "http://x");
    metainfo_free(m);
    must_parse("d8:announce8:http://x13:announce-listle4:infod6:lengthi0e4:name1:n" PIECE NO_REST);
    ck_assert_uint_eq(tracker_list_n_tiers(metainfo_trackers(m)), 1);
    metainfo_free(m);
    must_parse("d8:announce8:http://x13:announce-listl8:http://y8:http://ze"
               "4:infod6:lengthi0e4:name1:n" PIECE NO_REST);
    ck_assert_uint_eq(tracker_list_n_tiers(metainfo_trackers(m)), 2);
    ck_assert_str_eq(tracker_list_url(metainfo_trackers(m), 1, 0), "http://z");
    metainfo_free(m);
}
END_TEST

START_TEST(more_trackers_than_we_take)
{
    size_t n = 0, size = 20 * (TRACKER_LIST_MAX + 10) + 200;
    char *text = malloc(size);

    n += (size_t)snprintf(text, size, "d13:announce-listl");
    for (unsigned i = 0; i < TRACKER_LIST_MAX + 9; i++)
        n += (size_t)snprintf(text + n, size - n, "l11:http://%04ue", i);
    n += (size_t)snprintf(text + n, size - n, "e4:infod6:lengthi0e4:name1:n" PIECE NO_REST);
    must_parse_n(text, n);
    ck_assert_uint_eq(tracker_list_n_tiers(metainfo_trackers(m)), TRACKER_LIST_MAX);
    metainfo_free(m);
    free(text);
}
END_TEST

START_TEST(remarks_become_clean_text)
{
    must_parse("d7:comment8:a\x1b[31m\nb10:created by5:\xc3\xa9\xff\xc2\x9b"
               "13:creation datei1234567890e"
               "4:infod6:lengthi0e4:name1:n" PIECE NO_REST);
    ck_assert_str_eq(metainfo_comment(m), "a [31m b");
    ck_assert_str_eq(metainfo_created_by(m), "\xc3\xa9\xef\xbf\xbd ");
    ck_assert_int_eq(metainfo_creation_date(m), 1234567890);
    metainfo_free(m);
    /* of a wrong type: as if absent */
    must_parse("d7:commenti1e10:created byle13:creation date1:x"
               "4:infod6:lengthi0e4:name1:n" PIECE "6:pieces0:7:private1:1ee");
    ck_assert_ptr_null(metainfo_comment(m));
    ck_assert_ptr_null(metainfo_created_by(m));
    ck_assert_int_eq(metainfo_creation_date(m), 0);
    ck_assert(!metainfo_is_private(m));
    metainfo_free(m);
}
END_TEST

START_TEST(a_hybrid_torrent_is_taken_as_version_1)
{
    must_parse(
        "d4:infod9:file treed1:nd0:d6:lengthi5eeee6:lengthi5e12:meta versioni2e4:name1:n" PIECE
        "6:pieces20:" H20 "ee");
    ck_assert_uint_eq(metainfo_n_pieces(m), 1);
    metainfo_free(m);
}
END_TEST

#define FILE_AT(path) "d6:lengthi0e4:pathl" path "ee"
#define MULTI(files)  "d4:infod5:filesl" files "e4:name1:n" PIECE NO_REST
#define NAMED(name)   "d4:infod6:lengthi0e4:name" name PIECE NO_REST

static const struct {
    const char *fault;
    const char *text;
    size_t n;
    const char *reason;
} bad[] = {
#define BAD(fault, text, why)              \
    {                                      \
        fault, text, sizeof(text) - 1, why \
    }
    BAD("empty", "", "not a torrent"),
    BAD("a web page", "<html>", "not a torrent"),
    BAD("a text that begins with d", "dear all", "not a torrent"),
    BAD("a list", "le", "not a torrent"),
    BAD("broken B-coding", "d4:infoi-0ee", "not a torrent: not B-coding at byte 7"),
    BAD("key twice", "d4:infode4:infodee", "not a torrent: a key stands twice at byte 15"),
    BAD("no info", "d8:announce1:xe", "info: missing"),
    BAD("info is a list", "d4:infolee", "info: must be a dictionary"),
    BAD("no name", "d4:infod6:lengthi0e" PIECE NO_REST, "info.name: missing"),
    BAD("name is an integer", "d4:infod4:namei1e" PIECE NO_REST, "info.name: must be a string"),
    BAD("no piece length", "d4:infod6:lengthi0e4:name1:n" NO_REST, "info.piece length: missing"),
    BAD("piece length zero", "d4:infod6:lengthi0e4:name1:n12:piece lengthi0e" NO_REST,
        "info.piece length: must be 1024 to 536870912"),
    BAD("piece length negative", "d4:infod6:lengthi0e4:name1:n12:piece lengthi-1024e" NO_REST,
        "info.piece length: must be 1024 to 536870912"),
    BAD("piece length too small", "d4:infod6:lengthi0e4:name1:n12:piece lengthi1023e" NO_REST,
        "info.piece length: must be 1024 to 536870912"),
    BAD("piece length absurd", "d4:infod6:lengthi0e4:name1:n12:piece lengthi536870913e" NO_REST,
        "info.piece length: must be 1024 to 536870912"),
    BAD("no pieces", "d4:infod6:lengthi0e4:name1:n" PIECE "ee", "info.pieces: missing"),
    BAD("version 2 only", "d4:infod9:file treede12:meta versioni2e4:name1:n" PIECE "ee",
        "a version 2 torrent without a version 1 part (BEP 52): not supported"),
    BAD("pieces is a list", "d4:infod6:lengthi0e4:name1:n" PIECE "6:piecesleee",
        "info.pieces: must be a string"),
    BAD("pieces of an odd size",
        "d4:infod6:lengthi1e4:name1:n" PIECE "6:pieces19:"
        "abcdefghijklmnopqrsee",
        "info.pieces: its 19 bytes are no multiple of 20"),
    BAD("too few pieces", "d4:infod6:lengthi1025e4:name1:n" PIECE "6:pieces20:" H20 "ee",
        "info.pieces: has 1 hashes, the content has 2 pieces"),
    BAD("too many pieces", "d4:infod6:lengthi1024e4:name1:n" PIECE "6:pieces40:" H20 H20 "ee",
        "info.pieces: has 2 hashes, the content has 1 pieces"),
    BAD("a piece for nothing", "d4:infod6:lengthi0e4:name1:n" PIECE "6:pieces20:" H20 "ee",
        "info.pieces: has 1 hashes, the content has 0 pieces"),
    BAD("negative length", "d4:infod6:lengthi-1e4:name1:n" PIECE NO_REST,
        "info.length: must be 0 or more"),
    BAD("neither length nor files", "d4:infod4:name1:n" PIECE NO_REST,
        "info: has neither length nor files"),
    BAD("both length and files",
        "d4:infod5:filesl" FILE_AT("1:a") "e6:lengthi0e4:name1:n" PIECE NO_REST,
        "info: has both length and files"),
    BAD("files is empty", MULTI(""), "info.files: must have 1 to 1048576 items"),
    BAD("a file is a string", MULTI("1:a"), "info.files[0]: must be a dictionary"),
    BAD("a file without path", MULTI(FILE_AT("1:a") "d6:lengthi0ee"),
        "info.files[1].path: missing"),
    BAD("a file without length", MULTI("d4:pathl1:aee"), "info.files[0].length: missing"),
    BAD("a file of negative length", MULTI("d6:lengthi-5e4:pathl1:aee"),
        "info.files[0].length: must be 0 or more"),
    BAD("a path is a string", MULTI("d6:lengthi0e4:path1:ae"),
        "info.files[0].path: must be a list"),
    BAD("a path is empty", MULTI(FILE_AT("")), "info.files[0].path: must have 1 to 4095 items"),
    BAD("a path holds an integer", MULTI(FILE_AT("1:ai5e")),
        "info.files[0].path[1]: must be a string"),
    BAD("a better path holds an integer", MULTI("d6:lengthi0e4:pathl1:ae10:path.utf-8li5eee"),
        "info.files[0].path: a name is not a string"),
    BAD("total overflows",
        MULTI("d6:lengthi9223372036854775807e4:pathl1:aee"
              "d6:lengthi9223372036854775807e4:pathl1:bee"
              "d6:lengthi2e4:pathl1:cee"),
        "info.files: the lengths add up to more than 2^63 bytes"),
};

START_TEST(bad_torrents_are_refused_with_a_reason)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int r = parse_n(bad[i].text, bad[i].n);

        ck_assert_msg(r == METAINFO_REFUSED, "%s: was not refused", bad[i].fault);
        ck_assert_msg(!strcmp(reason, bad[i].reason), "%s: reason '%s' instead of '%s'",
                      bad[i].fault, reason, bad[i].reason);
        ck_assert_ptr_null(m);
    }
}
END_TEST

START_TEST(cut_at_every_byte_it_is_truncated)
{
    static const char text[] =
        "d8:announce8:http://x13:announce-listll8:http://aee4:infod5:filesl"
        "d6:lengthi1000e4:pathl1:aeed4:attr1:p6:lengthi24e4:pathl1:peee4:name1:n" PIECE
        "6:pieces20:" H20 "ee";

    for (size_t cut = 1; cut < sizeof text - 1; cut++) {
        char expected[64];

        snprintf(expected, sizeof expected, "truncated: it ends after %zu bytes", cut);
        ck_assert_int_eq(parse_n(text, cut), METAINFO_REFUSED);
        ck_assert_str_eq(reason, expected);
    }
    must_parse(text);
    metainfo_free(m);
    must_parse(SINGLE "\n"); /* editors may add a newline */
    metainfo_free(m);
}
END_TEST

START_TEST(files_are_loaded_or_refused_with_a_reason)
{
    char path[] = "/tmp/conjure-test-XXXXXX";
    int fd = mkstemp(path);

    ck_assert_int_eq(metainfo_load(path, &m, reason), METAINFO_REFUSED);
    ck_assert_str_eq(reason, "not a torrent");
    ck_assert_int_eq(write(fd, SINGLE, sizeof SINGLE - 1), sizeof SINGLE - 1);
    ck_assert_int_eq(metainfo_load(path, &m, reason), 0);
    ck_assert_str_eq(metainfo_name(m), "file");
    metainfo_free(m);
    ck_assert_int_eq(ftruncate(fd, (off_t)METAINFO_FILE_MAX + 1), 0);
    ck_assert_int_eq(metainfo_load(path, &m, reason), METAINFO_REFUSED);
    ck_assert_str_eq(reason, "larger than 64 MiB");
    close(fd);
    unlink(path);
    ck_assert_int_eq(metainfo_load(path, &m, reason), -ENOENT);
    ck_assert_int_eq(metainfo_load("/", &m, reason), -EISDIR);
}
END_TEST

RUN_SUITE("Loading torrents", 20, trackers_by_tier, announce_alone_is_the_only_tier,
          more_trackers_than_we_take, remarks_become_clean_text,
          a_hybrid_torrent_is_taken_as_version_1, bad_torrents_are_refused_with_a_reason,
          cut_at_every_byte_it_is_truncated, files_are_loaded_or_refused_with_a_reason);
