/* SPDX-License-Identifier: MIT */
#include "conjure/state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/fs/io.h"

#define PID_TEXT_MAX 24

static pid_t read_pid(int fd)
{
    char text[PID_TEXT_MAX] = "";
    size_t n = 0;
    long pid;

    if (io_read(fd, text, sizeof text - 1, 0, &n))
        return 0;
    pid = strtol(text, NULL, 10);
    return pid > 0 && pid == (pid_t)pid ? (pid_t)pid : 0;
}

int state_lock(const char *path, int *fdp, pid_t *holderp)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    char text[PID_TEXT_MAX];

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int r = errno == EWOULDBLOCK ? STATE_LOCKED : -errno;

        if (r == STATE_LOCKED)
            *holderp = read_pid(fd);
        io_close(fd);
        return r;
    }
    snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* On a full disk the lock is held without a pid in the file. */
    if (!io_truncate(fd, 0))
        (void)io_write(fd, text, strlen(text), 0);
    *fdp = fd;
    return 0;
}

int state_set_aside(const char *path)
{
    size_t size = strlen(path) + sizeof ".corrupt";
    char *aside = mem_new(size);
    int r;

    snprintf(aside, size, "%s.corrupt", path);
    r = rename(path, aside) ? -errno : 0;
    free(aside);
    return r;
}
