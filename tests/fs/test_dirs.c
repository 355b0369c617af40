/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/fs/dirs.h"

static char top[] = "/tmp/conjure-folders-XXXXXX", path[64], other[64];
static struct dirs f;

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(top));
    snprintf(path, sizeof path, "%s/a", top);
    snprintf(other, sizeof other, "%s/b", top);
    dirs_init(&f);
}

static void end(void)
{
    dirs_deinit(&f);
    rmdir(path);
    rmdir(other);
    rmdir(top);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(a_folder_is_opened_once)
{
    int a, again, b;

    begin();
    ck_assert_int_eq(dirs_open(&f, path, &a), 0); /* and made */
    ck_assert_int_eq(dirs_open(&f, path, &again), 0);
    ck_assert_int_eq(dirs_open(&f, other, &b), 0);
    ck_assert_int_eq(a, again);
    ck_assert_int_ne(a, b);
    dirs_close(&f, a);
    ck_assert(is_open(a));
    dirs_close(&f, again);
    ck_assert(!is_open(a));
    dirs_close(&f, b);
    end();
}
END_TEST

/* As when a disk is mounted there. */
START_TEST(another_folder_of_the_same_path_is_another_one)
{
    struct stat first, second;
    int a, b;

    begin();
    ck_assert_int_eq(dirs_open(&f, path, &a), 0);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(dirs_open(&f, path, &b), 0);
    ck_assert_int_ne(a, b);
    ck_assert(!fstat(a, &first) && !fstat(b, &second) && first.st_ino != second.st_ino);
    dirs_close(&f, a);
    dirs_close(&f, b);
    end();
}
END_TEST

START_TEST(parents_are_not_made)
{
    char deep[96];
    int fd;

    begin();
    snprintf(deep, sizeof deep, "%s/x/y", path);
    ck_assert_int_eq(dirs_open(&f, deep, &fd), -ENOENT);
    end();
}
END_TEST

RUN_SUITE("dirs", 10, a_folder_is_opened_once, another_folder_of_the_same_path_is_another_one,
          parents_are_not_made);
