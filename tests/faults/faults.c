/* SPDX-License-Identifier: MIT */
/*
 * A library to preload (LD_PRELOAD) that makes a disk fail and forget. tests/faults/disk.py drives
 * it.
 *
 *   FAULTS_FOLDERS  the folders that this is about, absolute, separated by colons
 *   FAULTS_COUNTS   a file of struct counts: how often each call was made, and the path that failed
 *   FAULTS_CALL, FAULTS_N, FAULTS_FAULT   the N-th call (from 1) of this kind fails: by an error
 *                   (EIO, ...), by "short", half of a read or write, or by "delay" of two seconds
 *   FAULTS_SHADOW   a folder for what a disk would keep at a loss of power (shadow.h). Then a sync
 *                   does not reach the disk: the driver decides what it would have kept
 */
#include "shadow.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CALLS(ROW) \
    ROW(open)      \
    ROW(pread)     \
    ROW(pwrite) ROW(fsync) ROW(rename) ROW(unlink) ROW(ftruncate) ROW(fallocate) ROW(stat)
#define CALL_ID(name)   CALL_##name,
#define CALL_NAME(name) #name,
enum call { CALLS(CALL_ID) N_CALLS };
static const char *const call_names[] = {CALLS(CALL_NAME)};

static const struct {
    const char *name;
    int error;
} errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
              {"EMFILE", EMFILE}, {"EINTR", EINTR},   {"EACCES", EACCES}};

#define FAULT_SHORT (-1)
#define DELAY_S     2
#define N_FOLDERS   8

struct counts {
    uint64_t n[N_CALLS];
    uint64_t failed; /* 1 once the chosen call was reached */
    char path[1024]; /* of that call */
};

static struct {
    char *folders[N_FOLDERS];
    struct counts *counts;
    struct counts own; /* without FAULTS_COUNTS */
    int call, error;
    bool delay;
    uint64_t nth;
} x;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    if (!p)
        abort();
    return p;
}

static __attribute__((constructor)) void begin(void)
{
    const char *call = getenv("FAULTS_CALL"), *fault = getenv("FAULTS_FAULT");
    const char *n = getenv("FAULTS_N"), *counts = getenv("FAULTS_COUNTS");
    char *folders = strdup(getenv("FAULTS_FOLDERS") ? getenv("FAULTS_FOLDERS") : ""),
         *rest = folders;

    for (unsigned i = 0; i < N_FOLDERS - 1; i++)
        x.folders[i] = strsep(&rest, ":");
    x.counts = &x.own;
    if (counts) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, counts, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

        if (fd < 0 || syscall(SYS_ftruncate, fd, sizeof *x.counts))
            abort();
        x.counts = mmap(NULL, sizeof *x.counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        syscall(SYS_close, fd);
    }
    x.call = N_CALLS;
    for (int i = 0; call && i < N_CALLS; i++)
        if (!strcmp(call, call_names[i]))
            x.call = i;
    for (unsigned i = 0; fault && i < sizeof errors / sizeof *errors; i++)
        if (!strcmp(fault, errors[i].name))
            x.error = errors[i].error;
    if (fault && !strcmp(fault, "short"))
        x.error = FAULT_SHORT;
    x.delay = fault && !strcmp(fault, "delay");
    x.nth = n ? strtoull(n, NULL, 10) : 0;
    shadow_begin(getenv("FAULTS_SHADOW"));
    if (call && (x.call == N_CALLS || (!x.error && !x.delay) || !x.nth))
        abort();
}

/* --- paths ----------------------------------------------------------------------------------- */

static bool is_below(const char *path)
{
    for (unsigned i = 0; x.folders[i]; i++) {
        size_t n = strlen(x.folders[i]);

        if (n && !strncmp(path, x.folders[i], n) && (path[n] == '/' || !path[n]))
            return true;
    }
    return false;
}

static bool path_of_fd(int fd, char path[PATH_SIZE])
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, PATH_MAX);
    path[n < 0 ? 0 : n] = '\0';
    return n > 0 && is_below(path);
}

/* Whether NAME, relative to DIR_FD, is below one of the folders. */
static bool path_at(int dir_fd, const char *name, char path[PATH_SIZE])
{
    size_t n;

    if (*name == '/') {
        snprintf(path, PATH_SIZE, "%s", name);
        return is_below(path);
    }
    if (dir_fd == AT_FDCWD) {
        if (!getcwd(path, PATH_MAX))
            return false;
    } else {
        path_of_fd(dir_fd, path);
    }
    n = strlen(path);
    snprintf(path + n, PATH_SIZE - n, "/%s", name);
    return is_below(path);
}

/* --- faults ---------------------------------------------------------------------------------- */

/* Counts a call. 0: it proceeds; an errno, or FAULT_SHORT. */
static int fault(enum call call, const char *path)
{
    uint64_t n = __atomic_add_fetch(&x.counts->n[call], 1, __ATOMIC_RELAXED);

    if ((int)call != x.call || n != x.nth)
        return 0;
    snprintf(x.counts->path, sizeof x.counts->path, "%.1000s", path);
    __atomic_store_n(&x.counts->failed, 1, __ATOMIC_RELEASE);
    if (x.delay) {
        struct timespec t = {.tv_sec = DELAY_S};

        while (nanosleep(&t, &t) && errno == EINTR)
            ;
    }
    return x.error;
}

/* Of a call that cannot be short. */
static bool fails(enum call call, const char *path)
{
    int error = fault(call, path);

    if (error > 0)
        errno = error;
    return error > 0;
}

/* --- the calls ------------------------------------------------------------------------------- */

static int open_at(int dir_fd, const char *name, int flags, mode_t mode)
{
    char path[PATH_SIZE];
    bool below = path_at(dir_fd, name, path), made = false;
    int fd, error;

    if (below && fails(CALL_open, path))
        return -1;
    if (below && shadow_is_on() && flags & O_CREAT)
        made = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
    fd = (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    error = errno;
    if (made && fd >= 0)
        shadow_made(fd, path);
    errno = error;
    return fd;
}

#define MODE(flags, last)                          \
    ({                                             \
        mode_t mode = 0;                           \
        va_list args;                              \
                                                   \
        va_start(args, last);                      \
        if ((flags) & (O_CREAT | __O_TMPFILE))     \
            mode = (mode_t)va_arg(args, unsigned); \
        va_end(args);                              \
        mode;                                      \
    })

int open(const char *name, int flags, ...)
{
    return open_at(AT_FDCWD, name, flags, MODE(flags, flags));
}

int open64(const char *name, int flags, ...)
{
    return open_at(AT_FDCWD, name, flags, MODE(flags, flags));
}

int openat(int dir_fd, const char *name, int flags, ...)
{
    return open_at(dir_fd, name, flags, MODE(flags, flags));
}

int openat64(int dir_fd, const char *name, int flags, ...)
{
    return open_at(dir_fd, name, flags, MODE(flags, flags));
}

/* What a read or write of N bytes does: its new size, or -1 with errno set. */
static ssize_t transfer(enum call call, int fd, size_t n)
{
    char path[PATH_SIZE];
    int error = path_of_fd(fd, path) ? fault(call, path) : 0;

    if (error > 0) {
        errno = error;
        return -1;
    }
    return (ssize_t)(error == FAULT_SHORT && n > 1 ? n / 2 : n);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    ssize_t size = transfer(CALL_pread, fd, n);

    return size < 0 ? -1 : syscall(SYS_pread64, fd, bytes, (size_t)size, at);
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t at)
{
    return pread(fd, bytes, n, at);
}

ssize_t preadv2(int fd, const struct iovec *vectors, int n_vectors, off_t at, int flags)
{
    struct iovec half = vectors[0];
    ssize_t size = transfer(CALL_pread, fd, half.iov_len);

    if (size < 0)
        return -1;
    half.iov_len = (size_t)size;
    if (half.iov_len < vectors[0].iov_len)
        return REAL(preadv2)(fd, &half, 1, at, flags);
    return REAL(preadv2)(fd, vectors, n_vectors, at, flags);
}

ssize_t preadv64v2(int fd, const struct iovec *vectors, int n_vectors, off64_t at, int flags)
{
    return preadv2(fd, vectors, n_vectors, at, flags);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    ssize_t size = transfer(CALL_pwrite, fd, n);

    return size < 0 ? -1 : syscall(SYS_pwrite64, fd, bytes, (size_t)size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return pwrite(fd, bytes, n, at);
}

static int sync_fd(int fd, long number)
{
    char path[PATH_SIZE];
    bool below = path_of_fd(fd, path), failed = below && fails(CALL_fsync, path);
    int error = errno;

    /* An interrupted sync has neither written nor lost a page. */
    if (below && shadow_is_on() && !(failed && error == EINTR))
        shadow_sync(fd, path, !failed);
    errno = error;
    if (failed)
        return -1;
    return below && shadow_is_on() ? 0 : (int)syscall(number, fd);
}

int fsync(int fd)
{
    return sync_fd(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_fd(fd, SYS_fdatasync);
}

static int rename_at(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    char old[PATH_SIZE], new[PATH_SIZE];
    bool old_below = path_at(from_fd, from, old);
    bool below = path_at(to_fd, to, new) || old_below;
    int r;

    if (below && fails(CALL_rename, new))
        return -1;
    r = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
    if (!r && below && shadow_is_on())
        shadow_renamed(old, new);
    return r;
}

int rename(const char *from, const char *to)
{
    return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return rename_at(from_fd, from, to_fd, to, 0);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    return rename_at(from_fd, from, to_fd, to, flags);
}

int unlinkat(int dir_fd, const char *name, int flags)
{
    char path[PATH_SIZE];
    bool below = path_at(dir_fd, name, path);
    int r;

    if (below && fails(CALL_unlink, path))
        return -1;
    r = (int)syscall(SYS_unlinkat, dir_fd, name, flags);
    if (!r && below && shadow_is_on() && !(flags & AT_REMOVEDIR))
        shadow_removed(path);
    return r;
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int ftruncate(int fd, off_t length)
{
    char path[PATH_SIZE];

    if (path_of_fd(fd, path) && fails(CALL_ftruncate, path))
        return -1;
    return (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length)
{
    return ftruncate(fd, length);
}

int posix_fallocate(int fd, off_t at, off_t length)
{
    char path[PATH_SIZE];

    if (path_of_fd(fd, path) && fails(CALL_fallocate, path))
        return errno;
    return REAL(posix_fallocate)(fd, at, length);
}

int posix_fallocate64(int fd, off64_t at, off64_t length)
{
    return posix_fallocate(fd, at, length);
}

int posix_fadvise(int fd, off_t at, off_t length, int advice)
{
    char path[PATH_SIZE];

    if (advice == POSIX_FADV_DONTNEED && shadow_is_on() && path_of_fd(fd, path))
        shadow_drop(fd, path);
    return REAL(posix_fadvise)(fd, at, length, advice);
}

int posix_fadvise64(int fd, off64_t at, off64_t length, int advice)
{
    return posix_fadvise(fd, at, length, advice);
}

/* glibc has a struct stat64 beside struct stat; on 64-bit machines they are the same. */
int fstatat(int dir_fd, const char *restrict name, struct stat *restrict st, int flags)
{
    char path[PATH_SIZE];

    if (path_at(dir_fd, name, path) && fails(CALL_stat, path))
        return -1;
    return (int)syscall(SYS_newfstatat, dir_fd, name, st, flags);
}

int fstatat64(int dir_fd, const char *restrict name, struct stat64 *restrict st, int flags)
{
    return fstatat(dir_fd, name, (struct stat *)st, flags);
}

int stat(const char *restrict name, struct stat *restrict st)
{
    return fstatat(AT_FDCWD, name, st, 0);
}

int stat64(const char *restrict name, struct stat64 *restrict st)
{
    return fstatat(AT_FDCWD, name, (struct stat *)st, 0);
}

int lstat(const char *restrict name, struct stat *restrict st)
{
    return fstatat(AT_FDCWD, name, st, AT_SYMLINK_NOFOLLOW);
}

int lstat64(const char *restrict name, struct stat64 *restrict st)
{
    return fstatat(AT_FDCWD, name, (struct stat *)st, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *st)
{
    char path[PATH_SIZE];

    if (path_of_fd(fd, path) && fails(CALL_stat, path))
        return -1;
    return (int)syscall(SYS_fstat, fd, st);
}

int fstat64(int fd, struct stat64 *st)
{
    return fstat(fd, (struct stat *)st);
}
