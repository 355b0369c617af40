/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <unistd.h>

#include "conjure/cli/paths.h"

static void expect(char *path, const char *expected)
{
    ck_assert_str_eq(path, expected);
    free(path);
}

START_TEST(a_base_folder_of_the_environment_wins)
{
    setenv("HOME", "/home/u", 1);
    setenv("XDG_STATE_HOME", "/var/state", 1);
    expect(paths_xdg("XDG_STATE_HOME", "/.local/state"), "/var/state/conjure");
}
END_TEST

START_TEST(without_one_it_is_below_the_home_folder)
{
    setenv("HOME", "/home/u", 1);
    unsetenv("XDG_STATE_HOME");
    expect(paths_xdg("XDG_STATE_HOME", "/.local/state"), "/home/u/.local/state/conjure");
    setenv("XDG_STATE_HOME", "", 1);
    expect(paths_xdg("XDG_STATE_HOME", "/.local/state"), "/home/u/.local/state/conjure");
    /* The XDG specification requires that relative paths are ignored. */
    setenv("XDG_STATE_HOME", "relative", 1);
    expect(paths_xdg("XDG_STATE_HOME", "/.local/state"), "/home/u/.local/state/conjure");
}
END_TEST

START_TEST(without_home_the_user_database_names_it)
{
    char *path;

    unsetenv("HOME");
    unsetenv("XDG_CONFIG_HOME");
    path = paths_xdg("XDG_CONFIG_HOME", "/.config");
    ck_assert(!path || path[0] == '/');
    free(path);
}
END_TEST

START_TEST(a_relative_path_is_below_the_current_folder)
{
    ck_assert_int_eq(chdir("/tmp"), 0);
    expect(paths_absolute("/a/b"), "/a/b");
    expect(paths_absolute("a/b"), "/tmp/a/b");
    expect(paths_absolute("."), "/tmp/.");
}
END_TEST

START_TEST(without_a_current_folder_relative_paths_fail)
{
    char folder[] = "/tmp/test_paths_XXXXXX";

    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    ck_assert_ptr_null(paths_absolute("a/b"));
    ck_assert_int_eq(errno, ENOENT);
    expect(paths_absolute("/a/b"), "/a/b");
}
END_TEST

RUN_SUITE("paths", 10, a_base_folder_of_the_environment_wins,
          without_one_it_is_below_the_home_folder, without_home_the_user_database_names_it,
          a_relative_path_is_below_the_current_folder,
          without_a_current_folder_relative_paths_fail);
