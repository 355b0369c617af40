/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "captured.h"
#include "conjure/cli/torrent_file.h"

static struct metainfo *m;
static char reason[METAINFO_REASON_MAX];

static int load(int argc, char **argv)
{
    m = NULL;
    return (int)torrent_file_load(argv[0], &m, reason);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
}

START_TEST(each_outcome_has_its_exit_code)
{
    struct captured c;
    char folder[32], expected[METAINFO_REASON_MAX + 32];

    captured_enter(folder);
    write_text("good", "d4:infod6:lengthi5e4:name1:x12:piece lengthi16384e6:pieces20:"
                       "01234567890123456789ee");
    write_text("bad", "d4:infod4:name2:..ee");
    capture(&c, load, "good");
    ck_assert_int_eq(c.code, EXIT_DONE);
    ck_assert_str_eq(metainfo_name(m), "x");
    ck_assert_str_eq(c.err, "");
    metainfo_free(m);
    capture(&c, load, "bad");
    ck_assert_int_eq(c.code, EXIT_REFUSED);
    snprintf(expected, sizeof expected, "conjure: bad: %s\n", reason);
    ck_assert_str_eq(c.err, expected);
    capture(&c, load, "absent");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    ck_assert_str_eq(c.err, "conjure: absent: No such file or directory\n");
    capture(&c, load, ".");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    captured_leave(folder);
}
END_TEST

RUN_SUITE("torrent file", 10, each_outcome_has_its_exit_code);
