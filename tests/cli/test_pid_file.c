/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>

#include "captured.h"
#include "conjure/cli/pid_file.h"

START_TEST(the_file_holds_the_process_id)
{
    char folder[32], text[32] = {0}, expected[32];
    FILE *f;

    captured_enter(folder);
    ck_assert_int_eq(pid_file_probe("pid"), 0);
    ck_assert_int_eq(access("pid", F_OK), -1);
    ck_assert_int_eq(pid_file_write("pid"), 0);
    ck_assert_int_eq(pid_file_probe("pid"), 0);
    ck_assert_int_eq(pid_file_write("pid"), 0); /* replaces it */
    f = fopen("pid", "r");
    ck_assert_ptr_nonnull(fgets(text, sizeof text, f));
    fclose(f);
    snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(access("pid.new", F_OK), -1);
    captured_leave(folder);
}
END_TEST

START_TEST(a_place_for_no_file_is_an_error)
{
    ck_assert_int_eq(pid_file_probe("/nonesuch/pid"), -ENOENT);
    ck_assert_int_eq(pid_file_probe("/tmp"), -EISDIR);
    ck_assert_int_eq(pid_file_probe("/dev/null"), -EEXIST);
    ck_assert_int_eq(pid_file_write("/nonesuch/pid"), -ENOENT);
}
END_TEST

START_TEST(a_link_in_its_place_is_not_followed)
{
    char folder[32];

    captured_enter(folder);
    ck_assert_int_eq(symlink("victim", "pid.new"), 0);
    ck_assert_int_eq(pid_file_write("pid"), -ELOOP);
    ck_assert_int_eq(access("victim", F_OK), -1);
    captured_leave(folder);
}
END_TEST

RUN_SUITE("pid file", 10, the_file_holds_the_process_id, a_place_for_no_file_is_an_error,
          a_link_in_its_place_is_not_followed);
