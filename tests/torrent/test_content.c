/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "torrent/content.h"

static char folder[] = "/tmp/conjure-content-XXXXXX";
static char reason[CONTENT_REASON_MAX];

/* Every test runs in a fresh folder of its own (Check forks for each). */
static void enter(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void leave(void)
{
    char command[sizeof folder + 20];

    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    fclose(f);
}

START_TEST(files_are_one_row_of_bytes)
{
    struct content c = CONTENT_EMPTY;
    uint8_t bytes[16];

    enter();
    ck_assert_int_eq(mkdir("c", 0700) | mkdir("c/sub", 0700), 0);
    put("c/b", "BBBB");
    put("c/a", "AA");
    put("c/sub/x", "");
    put("c/z", "ZZZ");
    ck_assert_int_eq(content_list(&c, "c/", reason), 0);
    ck_assert(c.multi && c.n_files == 4 && c.total == 9);
    ck_assert_str_eq(c.name, "c");
    ck_assert_str_eq(c.files[0].name, "a");
    ck_assert_str_eq(c.files[2].name, "sub/x");
    ck_assert_uint_eq(c.files[3].offset, 6);
    ck_assert_int_eq(content_read(&c, 0, bytes, 9, reason), 0);
    ck_assert_mem_eq(bytes, "AABBBBZZZ", 9);
    ck_assert_int_eq(content_read(&c, 5, bytes, 2, reason), 0);
    ck_assert_mem_eq(bytes, "BZ", 2);
    ck_assert_int_eq(truncate("c/z", 1), 0);
    ck_assert_int_eq(content_read(&c, 6, bytes, 3, reason), CONTENT_REFUSED);
    ck_assert_str_eq(reason, "c/z: became shorter while it was read");
    content_deinit(&c);
    content_deinit(&c);
    leave();
}
END_TEST

START_TEST(a_single_file_has_its_own_name)
{
    struct content c = CONTENT_EMPTY;

    enter();
    put("file", "text");
    ck_assert_int_eq(content_list(&c, "./file", reason), 0);
    ck_assert(!c.multi && c.n_files == 1 && c.total == 4);
    ck_assert_str_eq(c.name, "file");
    content_deinit(&c);
    leave();
}
END_TEST

START_TEST(content_that_cannot_be_listed_has_a_reason)
{
    struct content c = CONTENT_EMPTY;

    enter();
    ck_assert_int_eq(content_list(&c, "gone", reason), -ENOENT);
    ck_assert_str_eq(reason, "gone: No such file or directory");
    content_deinit(&c);
    ck_assert_int_eq(content_list(&c, "", reason), -ENOENT);
    content_deinit(&c);
    ck_assert_int_eq(mkdir("empty", 0700), 0);
    ck_assert_int_eq(content_list(&c, "empty", reason), CONTENT_REFUSED);
    ck_assert_str_eq(reason, "empty: holds no files");
    content_deinit(&c);
    put("bad\n", "x");
    ck_assert_int_eq(content_list(&c, "bad\n", reason), CONTENT_REFUSED);
    ck_assert_str_eq(reason, "bad?: a name that is not UTF-8, or has control characters");
    content_deinit(&c);
    leave();
}
END_TEST

RUN_SUITE("content", 10, files_are_one_row_of_bytes, a_single_file_has_its_own_name,
          content_that_cannot_be_listed_has_a_reason);
