/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "captured.h"
#include "conjure/base/alloc.h"
#include "conjure/cli/commands.h"
#include "conjure/cli/exit_code.h"
#include "conjure/torrent/metainfo.h"

static struct captured c;

static void write_file(const char *path, size_t n)
{
    FILE *f = fopen(path, "w");

    for (size_t i = 0; i < n; i++)
        putc((int)(i % 251), f);
    fclose(f);
}

START_TEST(a_torrent_has_what_the_options_say)
{
    char folder[32], reason[METAINFO_REASON_MAX];
    struct metainfo *m;

    captured_enter(folder);
    write_file("content", 100000);
    capture(&c, cli_create,
            "create content -o made -t http://a/b -t udp://c:1 -s 32 --private --comment=hello");
    ck_assert_int_eq(c.code, EXIT_DONE);
    ck_assert_str_eq(c.err, "");
    ck_assert_ptr_eq(strstr(c.out, "made: 4 pieces of 32.0 KiB, info-hash "), c.out);
    ck_assert_int_eq(metainfo_load("made", &m, reason), 0);
    ck_assert_str_eq(metainfo_name(m), "content");
    ck_assert_str_eq(metainfo_comment(m), "hello");
    ck_assert(metainfo_is_private(m));
    ck_assert_uint_eq(metainfo_piece_length(m), 32768);
    ck_assert_uint_eq(tracker_list_n_tiers(metainfo_trackers(m)), 2);
    ck_assert_str_eq(tracker_list_url(metainfo_trackers(m), 1, 0), "udp://c:1");
    metainfo_free(m);
    captured_leave(folder);
}
END_TEST

START_TEST(a_torrent_is_named_after_its_content_and_replaces_nothing)
{
    char folder[32];

    captured_enter(folder);
    write_file("content", 10);
    capture(&c, cli_create, "create content");
    ck_assert_int_eq(c.code, EXIT_DONE);
    ck_assert_ptr_eq(strstr(c.out, "content.torrent: 1 piece of "), c.out);
    ck_assert_int_eq(access("content.torrent", R_OK), 0);
    capture(&c, cli_create, "create content");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    ck_assert_str_eq(c.err,
                     "conjure: content.torrent: already exists; use --force to overwrite it\n");
    ck_assert_str_eq(c.out, "");
    capture(&c, cli_create, "create content --force");
    ck_assert_int_eq(c.code, EXIT_DONE);
    capture(&c, cli_create, "create content -o content");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    /* No temporary file stays: content and content.torrent alone. */
    ck_assert_int_eq(system("test $(ls | wc -l) = 2"), 0);
    captured_leave(folder);
}
END_TEST

START_TEST(content_that_cannot_be_read_is_named)
{
    char folder[32];

    captured_enter(folder);
    capture(&c, cli_create, "create absent");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    ck_assert_ptr_nonnull(strstr(c.err, "absent: No such file or directory"));
    capture(&c, cli_create, "create . -o /nonesuch/x");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    captured_leave(folder);
}
END_TEST

START_TEST(a_usage_error_is_one_line)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"create", "no file or folder given"},
        {"create a b", "more than one file or folder given: 'b'"},
        {"create a -t", "-t needs an argument"},
        {"create a -t ftp://x", "'ftp://x' is not the URL of a tracker"},
        {"create a -t http://", "'http://' is not the URL of a tracker"},
        {"create a -s 0", "'0' is not a piece size from 1 to"},
        {"create a -s 16k", "'16k' is not a piece size from 1 to"},
        {"create a -x", "unknown option, or unexpected argument: -x"},
        {"create a --force=1", "unknown option, or unexpected argument: --force=1"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char expected[256];

        capture(&c, cli_create, cases[i].line);
        snprintf(expected, sizeof expected, "conjure create: %s", cases[i].error);
        ck_assert_int_eq(c.code, EXIT_USAGE);
        ck_assert_str_eq(c.out, "");
        ck_assert_msg(strstr(c.err, expected) == c.err, "'%s': %s", cases[i].line, c.err);
        ck_assert_ptr_nonnull(strstr(c.err, "\nTry 'conjure create --help'.\n"));
    }
}
END_TEST

START_TEST(help_goes_to_stdout)
{
    capture(&c, cli_create, "create --help");
    ck_assert_int_eq(c.code, EXIT_DONE);
    ck_assert_str_eq(c.err, "");
    for (char *line = strtok(c.out, "\n"); line; line = strtok(NULL, "\n"))
        ck_assert_msg(strlen(line) < 80, "too wide: '%s'", line);
}
END_TEST

RUN_SUITE("create", 20, a_torrent_has_what_the_options_say,
          a_torrent_is_named_after_its_content_and_replaces_nothing,
          content_that_cannot_be_read_is_named, a_usage_error_is_one_line, help_goes_to_stdout);
