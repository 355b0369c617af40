/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "captured.h"
#include "conjure/base/alloc.h"
#include "conjure/cli/commands.h"
#include "conjure/cli/exit_code.h"

static struct captured c;

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
}

#define TORRENT                                            \
    "d8:announce10:http://a/b7:comment5:hello13:creation " \
    "datei86400e4:infod6:lengthi5e4:name1:x12:"            \
    "piece lengthi16384e6:pieces20:01234567890123456789ee"

START_TEST(a_torrent_is_shown_line_by_line)
{
    char folder[32];

    captured_enter(folder);
    write_text("x.torrent", TORRENT);
    capture(&c, cli_show, "show x.torrent");
    ck_assert_int_eq(c.code, EXIT_DONE);
    ck_assert_str_eq(c.err, "");
    for (char *line = strtok(c.out, "\n"), *end; line; line = strtok(NULL, "\n")) {
        static const char *const lines[] = {
            "Name           x",
            "Size           5 B (5 bytes)",
            "Pieces         1 of 16.0 KiB",
            "Private        no",
            "Comment        hello",
            "Created        1970-01-02 00:00:00 UTC",
            "Tier 1         http://a/b",
            "Files          1",
            "     1         5 B  x",
        };
        static size_t n;

        end = strstr(line, "Info-hash      ");
        if (end) {
            ck_assert_uint_eq(strlen(end), 55);
            continue;
        }
        ck_assert_uint_lt(n, N_ELEMENTS(lines));
        ck_assert_str_eq(line, lines[n++]);
    }
    captured_leave(folder);
}
END_TEST

#define MENDED                                                     \
    "d4:infod5:filesld6:lengthi0e4:pathl3:a/beed4:attr1:l6:length" \
    "i0e4:pathl1:le12:symlink pathl1:xeee4:name2:.n12:piece leng"  \
    "thi16384e6:pieces0:ee"

START_TEST(a_mended_name_is_shown_with_the_original)
{
    char folder[32];

    captured_enter(folder);
    write_text("x.torrent", MENDED);
    capture(&c, cli_show, "show x.torrent");
    ck_assert_int_eq(c.code, EXIT_DONE);
    ck_assert_ptr_nonnull(strstr(c.out, "Name           _n  (in the torrent: .n)\n"));
    ck_assert_ptr_nonnull(strstr(c.out, "  _n/a_b  (in the torrent: a\\/b)\n"));
    ck_assert_ptr_nonnull(strstr(c.out, "  _n/l -> x\n"));
    captured_leave(folder);
}
END_TEST

START_TEST(an_invalid_torrent_is_named_and_the_others_shown)
{
    char folder[32];

    captured_enter(folder);
    write_text("x.torrent", TORRENT);
    write_text("bad.torrent", "d4:infod4:name2:xxee");
    capture(&c, cli_show, "show bad.torrent absent x.torrent");
    ck_assert_int_eq(c.code, EXIT_REFUSED);
    ck_assert_ptr_nonnull(strstr(c.err, "conjure: bad.torrent: "));
    ck_assert_ptr_nonnull(strstr(c.err, "conjure: absent: No such file or directory\n"));
    ck_assert_ptr_nonnull(strstr(c.out, "Name           x\n"));
    capture(&c, cli_show, "show absent");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    captured_leave(folder);
}
END_TEST

START_TEST(a_usage_error_is_one_line)
{
    capture(&c, cli_show, "show");
    ck_assert_int_eq(c.code, EXIT_USAGE);
    ck_assert_str_eq(c.err, "conjure show: no file given\nTry 'conjure show --help'.\n");
    capture(&c, cli_show, "show --no-such x");
    ck_assert_int_eq(c.code, EXIT_USAGE);
    ck_assert_str_eq(c.err, "conjure show: unknown option --no-such\nTry 'conjure show --help'.\n");
}
END_TEST

START_TEST(json_is_in_the_help_when_it_was_built)
{
    capture(&c, cli_show, "show --help");
    ck_assert_int_eq(c.code, EXIT_DONE);
    ck_assert_int_eq(!!strstr(c.out, "--json"), CONJURE_WITH_JSON);
}
END_TEST

START_TEST(a_program_without_json_says_so)
{
    if (CONJURE_WITH_JSON)
        return;
    capture(&c, cli_show, "show --json x.torrent");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    ck_assert_str_eq(c.out, "");
    ck_assert_str_eq(c.err, "conjure show: built without --json (jansson)\n");
}
END_TEST

RUN_SUITE("show", 20, a_torrent_is_shown_line_by_line, a_mended_name_is_shown_with_the_original,
          an_invalid_torrent_is_named_and_the_others_shown, a_usage_error_is_one_line,
          json_is_in_the_help_when_it_was_built, a_program_without_json_says_so);
