/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/state/content_paths.h"

START_TEST(a_path_belongs_to_the_first_that_takes_it)
{
    struct content_paths paths = CONTENT_PATHS();
    struct content_path a, b;

    content_path_init(&a, "/srv/content", "x");
    content_path_init(&b, "/srv//content/", "x");
    ck_assert(content_paths_may_take(&paths, &a));
    ck_assert_ptr_eq(content_paths_take(&paths, &a), &a);
    ck_assert_ptr_eq(content_paths_take(&paths, &a), &a);
    ck_assert_ptr_eq(content_paths_take(&paths, &b), &a);
    ck_assert(content_paths_may_take(&paths, &a) && !content_paths_may_take(&paths, &b));
    content_paths_release(&paths, &b);
    ck_assert(!content_paths_may_take(&paths, &b));
    content_paths_release(&paths, &a);
    content_paths_release(&paths, &a);
    ck_assert(content_paths_may_take(&paths, &b));
    ck_assert_ptr_eq(content_paths_take(&paths, &b), &b);
    ck_assert_ptr_eq(content_paths_take(&paths, &a), &b);
    content_paths_deinit(&paths);
    content_paths_deinit(&paths);
}
END_TEST

START_TEST(other_folders_and_names_are_other_paths)
{
    static const char *const other[][2] = {
        {"/srv/content", "y"},
        {"/srv/content", "X"},
        {"/srv/content/x", "x"},
        {"/srv", "content"},
        {"/", "x"},
        {"/srv/conten", "tx"},
    };
    struct content_paths paths = CONTENT_PATHS();
    struct content_path a, b;

    content_path_init(&a, "/srv/content", "x");
    content_paths_take(&paths, &a);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        content_path_init(&b, other[i][0], other[i][1]);
        ck_assert_msg(content_paths_may_take(&paths, &b), "case %zu", i);
    }
    content_path_init(&a, "/", "x");
    content_path_init(&b, "//", "x");
    ck_assert_mem_eq(a.key, b.key, sizeof a.key);
    content_paths_deinit(&paths);
}
END_TEST

RUN_SUITE("content paths", 10, a_path_belongs_to_the_first_that_takes_it,
          other_folders_and_names_are_other_paths);
