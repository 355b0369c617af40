/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "torrent/names.h"

START_TEST(some_bytes_cannot_name_a_file)
{
    char name[300];

    memset(name, 'a', sizeof name);
    ck_assert_ptr_null(name_fault((const uint8_t *)"...", 3));
    ck_assert_ptr_null(name_fault((const uint8_t *)name, 255));
    ck_assert_str_eq(name_fault((const uint8_t *)name, 256), "is longer than 255 bytes");
    ck_assert_str_eq(name_fault((const uint8_t *)"", 0), "is empty");
    ck_assert_str_eq(name_fault((const uint8_t *)"a/b", 3), "contains a slash");
    ck_assert_str_eq(name_fault((const uint8_t *)"a\0b", 3), "contains a NUL byte");
    ck_assert_str_eq(name_fault((const uint8_t *)".", 1), "is \".\"");
    ck_assert_str_eq(name_fault((const uint8_t *)"..", 2), "is \"..\"");
}
END_TEST

static int collide(const char *const *paths, uint32_t n, uint32_t padding, uint32_t *a, uint32_t *b)
{
    struct metainfo_file files[8] = {0};

    for (uint32_t i = 0; i < n; i++)
        files[i] = (struct metainfo_file){.path = paths[i], .padding = i == padding};
    return names_find_collision(files, n, 2, a, b);
}

START_TEST(files_collide_with_equal_paths_and_folders)
{
    static const char *const good[] = {"n/b", "n/a/b", "n/a!", "n/ab", "n/a-/c"};
    static const char *const twice[] = {"n/x", "n/a", "n/m", "n/a"};
    static const char *const folder[] = {"n/a/b/c", "n/a-z", "n/a!b", "n/a"};
    uint32_t a = 9, b = 9;

    ck_assert_int_eq(collide(good, 5, 9, &a, &b), 0);
    ck_assert(a == 9 && b == 9);
    ck_assert_int_eq(collide(twice, 4, 9, &a, &b), NAMES_COLLIDE);
    ck_assert(a == 1 && b == 3);
    ck_assert_int_eq(collide(twice, 4, 3, &a, &b), 0); /* padding is never on disk */
    ck_assert_int_eq(collide(folder, 4, 9, &a, &b), NAMES_COLLIDE);
    ck_assert(a == 0 && b == 3);
    ck_assert_int_eq(collide(good, 0, 9, &a, &b), 0);
}
END_TEST

RUN_SUITE("names", 10, some_bytes_cannot_name_a_file, files_collide_with_equal_paths_and_folders);
