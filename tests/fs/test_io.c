/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conjure/fs/io.h"

static char dir[] = "/tmp/conjure-io-XXXXXX";
static int dir_fd;

static void begin(void)
{
    strcpy(dir + sizeof dir - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
}

static void end(void)
{
    char command[64];

    close(dir_fd);
    snprintf(command, sizeof command, "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_dir(const char *name)
{
    static char path[64];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

START_TEST(a_read_stops_at_the_end_of_the_file)
{
    char bytes[10];
    size_t got = 0;
    int fd;

    begin();
    ck_assert_int_eq(io_open_below(dir_fd, "a", O_RDWR | O_CREAT, &fd), 0);
    ck_assert_int_eq(io_write(fd, "hello", 5, 100), 0);
    ck_assert_int_eq(io_read(fd, bytes, 10, 103, &got), 0);
    ck_assert_uint_eq(got, 2);
    ck_assert_mem_eq(bytes, "lo", 2);
    ck_assert_int_eq(io_read(fd, bytes, 10, 1000, &got), 0);
    ck_assert_uint_eq(got, 0);
    ck_assert_int_eq(io_truncate(fd, 3), 0);
    ck_assert_int_eq(io_read(fd, bytes, 10, 0, &got), 0);
    ck_assert_uint_eq(got, 3);
    ck_assert_int_eq(io_reserve(fd, 5000), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), 5000);
    ck_assert_int_eq(io_close(fd), 0);
    end();
}
END_TEST

/* Paths that must not be opened, and the error of each. */
START_TEST(paths_do_not_leave_the_folder)
{
    static const struct {
        const char *path;
        int error;
    } cases[] = {
        {"../a", -EINVAL},    {"d/../a", -EINVAL}, {"./a", -EINVAL},  {"d//a", -EINVAL},
        {"/a", -EINVAL},      {"d/", -EINVAL},     {"d/..", -EINVAL}, {"", -EINVAL},
        {"link/a", -ELOOP},   {"d/link", -ELOOP},  {"d", -EISDIR},    {"pipe", -EINVAL},
        {"file/a", -ENOTDIR},
    };
    int fd = -1;

    begin();
    ck_assert_int_eq(mkdir(in_dir("d"), 0777), 0);
    ck_assert_int_eq(symlink("d", in_dir("link")), 0);
    ck_assert_int_eq(symlink("../file", in_dir("d/link")), 0);
    ck_assert_int_eq(mkfifo(in_dir("pipe"), 0666), 0);
    ck_assert_int_eq(io_open_below(dir_fd, "file", O_RDWR | O_CREAT, &fd), 0);
    io_close(fd);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int r = io_open_below(dir_fd, cases[i].path, O_RDONLY, &fd);

        ck_assert_msg(r == cases[i].error, "\"%s\" gives %d", cases[i].path, r);
    }
    ck_assert_int_eq(io_open_below(dir_fd, "d/e/f", O_RDONLY, &fd), -ENOENT);
    ck_assert_int_eq(io_open_below(dir_fd, "d/e/f", O_RDWR | O_CREAT, &fd), 0);
    io_close(fd);
    ck_assert_int_eq(io_remove_below(dir_fd, "link/e/f"), -ELOOP);
    ck_assert_int_eq(io_rename_below(dir_fd, "d/e/f", "link/e/g"), -ELOOP);
    ck_assert_int_eq(io_rename_below(dir_fd, "d/e/f", "../g"), -EINVAL);
    ck_assert_int_eq(io_rename_below(dir_fd, "d/e/f", "d/e"), -EEXIST);
    ck_assert_int_eq(io_rename_below(dir_fd, "d/e/f", "new/g"), 0);
    ck_assert_int_eq(io_rename_below(dir_fd, "d/e/f", "new/h"), -ENOENT);
    ck_assert_int_eq(io_rename_below(dir_fd, "new/g", "d/e/f"), 0);
    ck_assert_int_eq(io_remove_below(dir_fd, "d/e/f"), 0);
    ck_assert_int_eq(io_remove_below(dir_fd, "d/e/f"), -ENOENT);
    ck_assert_int_eq(io_link_below(dir_fd, "link/l", "x"), -ELOOP);
    ck_assert_int_eq(io_link_below(dir_fd, "../l", "x"), -EINVAL);
    ck_assert_int_eq(io_link_below(dir_fd, "file", "x"), -EEXIST);
    ck_assert_int_eq(io_link_below(dir_fd, "new/l", "x"), 0);
    ck_assert_int_eq(io_open_below(dir_fd, "new/l", O_RDONLY, &fd), -ELOOP);
    ck_assert_int_eq(io_remove_below(dir_fd, "new/l"), 0);
    end();
}
END_TEST

START_TEST(a_file_is_replaced_whole_or_not_at_all)
{
    uint8_t *bytes;
    size_t n;

    begin();
    ck_assert_int_eq(io_read_file(in_dir("a"), 100, &bytes, &n), -ENOENT);
    ck_assert_int_eq(io_replace_file(in_dir("a"), "old", 3), 0);
    ck_assert_int_eq(mkdir(in_dir("a.new"), 0777), 0); /* in the way of the new file */
    ck_assert_int_eq(io_replace_file(in_dir("a"), "newer", 5), -EISDIR);
    ck_assert_int_eq(io_read_file(in_dir("a"), 100, &bytes, &n), 0);
    ck_assert(n == 3 && !memcmp(bytes, "old", 3));
    free(bytes);
    ck_assert_int_eq(rmdir(in_dir("a.new")), 0);
    ck_assert_int_eq(io_replace_file(in_dir("a"), "newer", 5), 0);
    ck_assert_int_eq(io_read_file(in_dir("a"), 4, &bytes, &n), -EFBIG);
    ck_assert_int_eq(io_read_file(in_dir("a"), 5, &bytes, &n), 0);
    ck_assert(n == 5 && !memcmp(bytes, "newer", 5));
    free(bytes);
    ck_assert_int_ne(access(in_dir("a.new"), F_OK), 0);
    end();
}
END_TEST

START_TEST(folders_are_compared_by_name)
{
    ck_assert(io_is_same_folder("/a/b/c", "/a/b/d"));
    ck_assert(!io_is_same_folder("/a/b/c", "/a/bb/c"));
    ck_assert(!io_is_same_folder("/a/b/c", "/a/c"));
    ck_assert(io_is_same_folder("c", "d"));
    ck_assert(!io_is_same_folder("c", "/d"));
}
END_TEST

/* As a file server does that has lent the file to a client. */
START_TEST(a_file_that_another_process_has_a_lease_of_is_opened)
{
    int ready[2], fd, status;
    char byte;
    pid_t child;

    begin();
    ck_assert_int_eq(io_open_below(dir_fd, "file", O_RDWR | O_CREAT, &fd), 0);
    io_close(fd);
    ck_assert_int_eq(pipe(ready), 0);
    child = fork();
    if (!child) {
        sigset_t io;
        int lent = openat(dir_fd, "file", O_RDWR), number;

        sigemptyset(&io);
        sigaddset(&io, SIGIO); /* the kernel asks for the lease by it */
        sigprocmask(SIG_BLOCK, &io, NULL);
        if (fcntl(lent, F_SETLEASE, F_WRLCK) || write(ready[1], "x", 1) != 1)
            _exit(1);
        _exit(sigwait(&io, &number) || fcntl(lent, F_SETLEASE, F_UNLCK));
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(io_open_below(dir_fd, "file", O_RDWR | O_CREAT, &fd), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_CREAT), O_RDWR);
    io_close(fd);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    close(ready[0]);
    close(ready[1]);
    end();
}
END_TEST

RUN_SUITE("io", 20, a_read_stops_at_the_end_of_the_file, paths_do_not_leave_the_folder,
          a_file_is_replaced_whole_or_not_at_all, folders_are_compared_by_name,
          a_file_that_another_process_has_a_lease_of_is_opened);
