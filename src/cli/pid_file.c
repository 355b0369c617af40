/* SPDX-License-Identifier: MIT */
#include "conjure/cli/pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/base/alloc.h"

int pid_file_probe(const char *path)
{
    char *copy = mem_dup_string(path);
    struct stat st;
    int r = 0;

    if (access(dirname(copy), W_OK | X_OK))
        r = -errno;
    else if (!stat(path, &st) && !S_ISREG(st.st_mode))
        r = S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
    free(copy);
    return r;
}

int pid_file_write(const char *path)
{
    char *new;
    int fd, r = 0;

    if (asprintf(&new, "%s.new", path) < 0)
        abort();
    fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0 || rename(new, path))
        r = -errno;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && r)
        unlink(new);
    free(new);
    return r;
}
