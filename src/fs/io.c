/* SPDX-License-Identifier: MIT */
#include "conjure/fs/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conjure/base/alloc.h"

int io_read(int fd, void *bytes, size_t n, uint64_t offset, size_t *gotp)
{
    size_t got = 0;

    while (got < n) {
        ssize_t r = pread(fd, (uint8_t *)bytes + got, n - got, (off_t)(offset + got));

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    *gotp = got;
    return 0;
}

int io_write(int fd, const void *bytes, size_t n, uint64_t offset)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = pwrite(fd, (const uint8_t *)bytes + done, n - done, (off_t)(offset + done));

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            return -EIO; /* a short write ends in its error; a write of no byte must not loop */
        done += (size_t)r;
    }
    return 0;
}

int io_truncate(int fd, uint64_t length)
{
    int r;

    do {
        r = ftruncate(fd, (off_t)length);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

int io_reserve(int fd, uint64_t length)
{
    int r;

    if (!length)
        return 0;
    do {
        /* Falls back to writing a byte per block where the file system has no such call. */
        r = posix_fallocate(fd, 0, (off_t)length);
    } while (r == EINTR);
    return -r;
}

int io_sync(int fd)
{
    int r;

    do {
        r = fdatasync(fd);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

bool io_is_old(int fd, unsigned seconds)
{
    struct stat st;

    return !fstat(fd, &st) && st.st_ctim.tv_sec + (time_t)seconds < time(NULL);
}

int io_close(int fd)
{
    return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

/* The folder NAME below DIR_FD, made if CREATE is not 0. */
static int open_folder(int dir_fd, const char *name, int create, int *fdp)
{
    const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, name, flags);

    if (fd < 0 && errno == ENOENT && create) {
        if (mkdirat(dir_fd, name, 0777) < 0 && errno != EEXIST)
            return -errno;
        fd = openat(dir_fd, name, flags);
    }
    if (fd < 0) {
        struct stat st;
        int error = errno;

        /* With O_DIRECTORY the kernel reports a link as "not a folder". */
        if (error == ENOTDIR && !fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) &&
            S_ISLNK(st.st_mode))
            error = ELOOP;
        return -error;
    }
    *fdp = fd;
    return 0;
}

/* Walks to the folder of PATH's last component. CREATE is O_CREAT to make missing folders, or 0.
 * *PARENTP is DIR_FD itself or a new descriptor. */
static int open_parent(int dir_fd, const char *path, int create, int *parentp, const char **lastp)
{
    char name[NAME_MAX + 1];
    int parent = dir_fd;
    const char *slash;

    while ((slash = strchr(path, '/'))) {
        size_t n = (size_t)(slash - path);
        int next = -1, r;

        if (n > NAME_MAX)
            r = -ENAMETOOLONG;
        else if (n == 0 || (n == 1 && path[0] == '.') || (n == 2 && !memcmp(path, "..", 2)))
            r = -EINVAL;
        else {
            memcpy(name, path, n);
            name[n] = 0;
            r = open_folder(parent, name, create, &next);
        }
        if (parent != dir_fd)
            io_close(parent);
        if (r)
            return r;
        parent = next;
        path = slash + 1;
    }
    if (!*path || !strcmp(path, ".") || !strcmp(path, "..")) {
        if (parent != dir_fd)
            io_close(parent);
        return -EINVAL;
    }
    *parentp = parent;
    *lastp = path;
    return 0;
}

/* Another process has a lease of NAME, which it is about to give up: waits for that, so NAME must
 * be a regular file. */
static int open_leased(int dir_fd, const char *name, int flags)
{
    int fd, error, found = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char path[32];
    struct stat st;

    if (found < 0)
        return -1;
    errno = EAGAIN;
    snprintf(path, sizeof path, "/proc/self/fd/%d", found);
    fd = !fstat(found, &st) && S_ISREG(st.st_mode) ? open(path, flags) : -1;
    error = errno;
    io_close(found);
    errno = error;
    return fd;
}

int io_open_below(int dir_fd, const char *path, int flags, int *fdp)
{
    const char *last;
    struct stat st;
    int parent = -1, fd, error = 0;
    int r = open_parent(dir_fd, path, flags & O_CREAT, &parent, &last);

    if (r)
        return r;
    do {
        /* O_NONBLOCK: opening a pipe that somebody put there must not block. */
        fd = openat(parent, last, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
        if (fd < 0 && errno == EAGAIN)
            fd = open_leased(parent, last, (flags & ~O_CREAT) | O_CLOEXEC | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        error = errno;
    if (parent != dir_fd)
        io_close(parent);
    if (error)
        return -error;
    if (fstat(fd, &st) < 0)
        error = errno;
    else if (!S_ISREG(st.st_mode))
        error = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    if (error) {
        io_close(fd);
        return -error;
    }
    *fdp = fd;
    return 0;
}

int io_link_below(int dir_fd, const char *path, const char *target)
{
    const char *last;
    int parent, r = open_parent(dir_fd, path, O_CREAT, &parent, &last);

    if (r)
        return r;
    r = symlinkat(target, parent, last) < 0 ? -errno : 0;
    if (parent != dir_fd)
        io_close(parent);
    return r;
}

int io_remove_below(int dir_fd, const char *path)
{
    const char *last;
    int parent, r = open_parent(dir_fd, path, 0, &parent, &last);

    if (r)
        return r;
    r = unlinkat(parent, last, 0) < 0 ? -errno : 0;
    if (parent != dir_fd)
        io_close(parent);
    return r;
}

/* Some file systems cannot refuse to replace a file. */
static int rename_new(int from_fd, const char *from, int to_fd, const char *to)
{
    struct stat st;

    if (!renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (!fstatat(to_fd, to, &st, AT_SYMLINK_NOFOLLOW))
        return -EEXIST;
    if (errno != ENOENT)
        return -errno;
    return renameat(from_fd, from, to_fd, to) < 0 ? -errno : 0;
}

int io_rename_below(int dir_fd, const char *from, const char *to)
{
    const char *last_from, *last_to;
    int from_fd, to_fd = dir_fd, r = open_parent(dir_fd, from, 0, &from_fd, &last_from);

    if (r)
        return r;
    r = open_parent(dir_fd, to, O_CREAT, &to_fd, &last_to);
    if (!r)
        r = rename_new(from_fd, last_from, to_fd, last_to);
    if (to_fd != dir_fd)
        io_close(to_fd);
    if (from_fd != dir_fd)
        io_close(from_fd);
    return r;
}

int io_sync_folder_of(const char *path)
{
    char *folder = mem_dup_string(path);
    char *slash = strrchr(folder, '/');
    int fd, r;

    if (!slash)
        strcpy(folder, ".");
    else if (slash == folder)
        slash[1] = 0;
    else
        *slash = 0;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return -errno;
    r = fsync(fd) < 0 && errno != EINVAL ? -errno
                                         : 0; /* EINVAL: not supported by this file system */
    io_close(fd);
    return r;
}

bool io_is_same_folder(const char *path, const char *other)
{
    const char *slash = strrchr(path, '/'), *other_slash = strrchr(other, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    return !slash == !other_slash &&
           (!slash || ((size_t)(other_slash - other) == n && !memcmp(path, other, n)));
}

static char *name_beside(const char *path)
{
    size_t size = strlen(path) + sizeof ".new";
    char *beside = mem_new(size);

    snprintf(beside, size, "%s.new", path);
    return beside;
}

int io_replace_begin(struct io_replacement *x, const char *path, const void *bytes, size_t n)
{
    char *beside = name_beside(path);
    int r, fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);

    r = fd < 0 ? -errno : io_write(fd, bytes, n, 0);
    if (r && fd >= 0) {
        io_close(fd);
        unlink(beside);
    }
    free(beside);
    if (r)
        return r;
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a hint: it may fail */
    *x = (struct io_replacement){path, fd};
    return 0;
}

int io_replace_end(struct io_replacement *x)
{
    char *beside = name_beside(x->path);
    int r = io_sync(x->fd);

    if (io_close(x->fd) < 0 && !r)
        r = -EIO;
    if (!r && rename(beside, x->path) < 0)
        r = -errno;
    if (r)
        unlink(beside);
    free(beside);
    x->fd = -1;
    return r;
}

int io_replace_file(const char *path, const void *bytes, size_t n)
{
    struct io_replacement x;
    int r = io_replace_begin(&x, path, bytes, n);

    if (!r)
        r = io_replace_end(&x);
    return r ? r : io_sync_folder_of(path);
}

int io_read_file(const char *path, size_t max, uint8_t **bytesp, size_t *np)
{
    int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    uint8_t *bytes;
    size_t got;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (!S_ISREG(st.st_mode))
        r = -EINVAL;
    else
        r = (uint64_t)st.st_size > max ? -EFBIG : 0;
    if (r) {
        io_close(fd);
        return r;
    }
    bytes = malloc((size_t)st.st_size + 1);
    r = bytes ? io_read(fd, bytes, (size_t)st.st_size, 0, &got) : -ENOMEM;
    io_close(fd);
    if (r) {
        free(bytes);
        return r;
    }
    *bytesp = bytes;
    *np = got;
    return 0;
}
