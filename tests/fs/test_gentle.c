/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/gentle.h"

/* In place of the C library's: counts windows that are read as a whole. */
static unsigned n_ahead;

int posix_fadvise(int fd, off_t offset, off_t n, int advice)
{
    n_ahead += advice == POSIX_FADV_WILLNEED;
    return syscall(SYS_fadvise64, fd, offset, n, advice) ? errno : 0;
}

#define SIZE ((size_t)3 * GENTLE_WINDOW + 5000)
#define N    ((SIZE + GENTLE_PAGE - 1) / GENTLE_PAGE)

static uint8_t content[SIZE], got[SIZE];
static char path[] = "/var/tmp/conjure-gentle-XXXXXX";

static int make_file(void)
{
    int fd;

    strcpy(path + sizeof path - 7, "XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (uint8_t)(i * 7 + i / 251);
    ck_assert_int_eq(write(fd, content, SIZE), (ssize_t)SIZE);
    ck_assert_int_eq(fsync(fd), 0);
    return fd;
}

static unsigned find_resident(int fd, uint8_t resident[N])
{
    void *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    unsigned n = 0;

    ck_assert_ptr_ne(map, MAP_FAILED);
    ck_assert_int_eq(mincore(map, SIZE, resident), 0);
    munmap(map, SIZE);
    for (size_t i = 0; i < N; i++) {
        resident[i] &= 1;
        n += resident[i];
    }
    return n;
}

static void read_all(size_t chunk)
{
    struct gentle g;
    size_t at = 0;

    memset(got, 0, SIZE);
    gentle_init(&g, open(path, O_RDONLY));
    while (at < SIZE) {
        size_t n = 0, want = chunk < SIZE - at ? chunk : SIZE - at;

        ck_assert_int_eq(gentle_read(&g, got + at, want, at, &n), 0);
        ck_assert_uint_eq(n, want);
        at += n;
    }
    gentle_deinit(&g);
    gentle_deinit(&g);
    ck_assert_mem_eq(content, got, SIZE);
}

/* False on a file system that keeps all in memory (tmpfs). */
static bool evict(int fd)
{
    uint8_t resident[N];

    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return !find_resident(fd, resident);
}

START_TEST(pages_read_from_disk_are_not_cached_afterwards)
{
    static const size_t chunks[] = {4096, 32768, 65536, 100000};
    uint8_t resident[N];
    int fd = make_file();

    for (unsigned i = 0; i < sizeof chunks / sizeof *chunks && evict(fd); i++) {
        read_all(chunks[i]);
        ck_assert_uint_eq(find_resident(fd, resident), 0);
    }
    close(fd);
    unlink(path);
}
END_TEST

START_TEST(cached_pages_stay_cached)
{
    uint8_t resident[N], after[N], byte;
    unsigned n;
    int fd = make_file();

    n = find_resident(fd, resident);
    read_all(65536);
    ck_assert_uint_ge(find_resident(fd, after), n < 30 ? 0 : n - 30);
    if (evict(fd)) {
        /* Some pages here and there, at the borders of windows too. */
        posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        for (size_t page = 1; page < N; page += page % 5 ? 3 : 5)
            ck_assert_int_eq(pread(fd, &byte, 1, (off_t)(page * GENTLE_PAGE)), 1);
        n = find_resident(fd, resident);
        ck_assert_uint_gt(n, 100);
        read_all(65536);
        /* The system may evict a page at any time; a window has more than 30. */
        ck_assert_uint_ge(find_resident(fd, after), n - 30);
        for (size_t page = 0; page < N; page++)
            ck_assert(resident[page] || !after[page]);
    }
    close(fd);
    unlink(path);
}
END_TEST

START_TEST(a_read_beyond_the_end_gives_nothing)
{
    struct gentle g;
    size_t n = 1;
    int fd = make_file();

    gentle_init(&g, open(path, O_RDONLY));
    ck_assert_int_eq(gentle_read(&g, got, 8192, SIZE - 1000, &n), 0);
    ck_assert_uint_eq(n, 1000);
    ck_assert_mem_eq(got, content + SIZE - 1000, 1000);
    ck_assert_int_eq(gentle_read(&g, got, 10, SIZE + 50, &n), 0);
    ck_assert_uint_eq(n, 0);
    gentle_deinit(&g);
    close(fd);
    unlink(path);
}
END_TEST

/* To a user who neither owns a file nor may write to it the kernel reports all pages as cached. */
START_TEST(files_of_another_owner_are_read_in_whole_windows)
{
    int fd = make_file();

    ck_assert_int_eq(fchmod(fd, 0444), 0);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (!geteuid()) { /* another user cannot make such a file */
        ck_assert_int_eq(seteuid(65534), 0);
        n_ahead = 0;
        read_all(32768);
        ck_assert_uint_eq(n_ahead, 4);
        ck_assert_int_eq(seteuid(0), 0);
    }
    close(fd);
    unlink(path);
}
END_TEST

RUN_SUITE("gentle", 20, pages_read_from_disk_are_not_cached_afterwards, cached_pages_stay_cached,
          a_read_beyond_the_end_gives_nothing, files_of_another_owner_are_read_in_whole_windows);
