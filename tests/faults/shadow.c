/* SPDX-License-Identifier: MIT */
#include "shadow.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE   4096
#define N_KEYS 4096

static const char *shadow; /* the folder */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Inodes of files that were made since the start. */
static struct {
    ino_t ino;
    unsigned sequence;
} keys[N_KEYS];
static unsigned n_keys;

void shadow_begin(const char *folder)
{
    shadow = folder;
}

bool shadow_is_on(void)
{
    return shadow;
}

static int raw_open(const char *path, int flags)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0666);
}

static void shadow_path(char *path, ino_t ino, unsigned sequence, const char *suffix)
{
    snprintf(path, PATH_SIZE, "%s/data/%lu-%u%s", shadow, (unsigned long)ino, sequence, suffix);
}

static unsigned sequence_of(ino_t ino)
{
    for (unsigned i = 0; i < n_keys; i++)
        if (keys[i].ino == ino)
            return keys[i].sequence;
    return 0;
}

static void journal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One write for each line: kill -9 never cuts one. */
static void journal(const char *format, ...)
{
    char path[PATH_SIZE], line[2 * PATH_SIZE];
    va_list args;
    int fd, n;

    snprintf(path, sizeof path, "%s/journal", shadow);
    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fd = raw_open(path, O_WRONLY | O_CREAT | O_APPEND);
    if (fd < 0 || syscall(SYS_write, fd, line, (size_t)n) != n)
        abort();
    syscall(SYS_close, fd);
}

void shadow_made(int fd, const char *path)
{
    struct stat st;
    unsigned i = 0;

    if (syscall(SYS_fstat, fd, &st) || !S_ISREG(st.st_mode))
        return;
    pthread_mutex_lock(&lock);
    while (i < n_keys && keys[i].ino != st.st_ino)
        i++;
    if (i == N_KEYS)
        abort();
    keys[i].ino = st.st_ino;
    keys[i].sequence++;
    n_keys += i == n_keys;
    journal("create\t%lu-%u\t%s\n", (unsigned long)st.st_ino, keys[i].sequence, path);
    pthread_mutex_unlock(&lock);
}

static size_t read_page(int fd, uint8_t page[PAGE], off_t at)
{
    ssize_t n = fd < 0 ? 0 : syscall(SYS_pread64, fd, page, PAGE, at);

    return n > 0 ? (size_t)n : 0;
}

/* Copies the pages of FD to TO; those that are as in FAILED are taken from OLD (absent: zeros). */
static void copy_pages(int fd, int to, int old, int failed)
{
    uint8_t page[PAGE], other[PAGE];
    struct stat st;

    if (syscall(SYS_fstat, fd, &st) || syscall(SYS_ftruncate, to, st.st_size))
        abort();
    for (off_t at = 0; at < st.st_size; at += PAGE) {
        size_t n = read_page(fd, page, at);

        if (failed >= 0 && read_page(failed, other, at) == n && !memcmp(page, other, n)) {
            memset(page, 0, n);
            read_page(old, page, at);
        }
        if (syscall(SYS_pwrite64, to, page, n, at) != (long)n)
            abort();
    }
}

/* A sync of FD that succeeds or fails. */
void shadow_sync(int fd, const char *path, bool succeeds)
{
    char data[PATH_SIZE], lost[PATH_SIZE], fresh[PATH_SIZE];
    struct stat st;
    int file, old, failed, to;

    if (syscall(SYS_fstat, fd, &st))
        return;
    pthread_mutex_lock(&lock);
    if (S_ISDIR(st.st_mode)) {
        if (succeeds)
            journal("dirsync\t%s\n", path);
        pthread_mutex_unlock(&lock);
        return;
    }
    shadow_path(data, st.st_ino, sequence_of(st.st_ino), "");
    shadow_path(lost, st.st_ino, sequence_of(st.st_ino), ".failed");
    shadow_path(fresh, st.st_ino, sequence_of(st.st_ino), ".fresh");
    file = raw_open(path, O_RDONLY); /* FD may be open for writing only */
    to = raw_open(succeeds ? fresh : lost, O_WRONLY | O_CREAT | O_TRUNC);
    old = raw_open(data, O_RDONLY);
    failed = succeeds ? raw_open(lost, O_RDONLY) : -1;
    if (file >= 0 && to >= 0)
        copy_pages(file, to, old, failed);
    if (succeeds) {
        syscall(SYS_rename, fresh, data);
        journal("sync\t%lu-%u\t%s\n", (unsigned long)st.st_ino, sequence_of(st.st_ino), path);
    }
    for (int *p = (int[]){file, to, old, failed, -2}; *p != -2; p++)
        if (*p >= 0)
            syscall(SYS_close, *p);
    pthread_mutex_unlock(&lock);
}

/* The cache of FD is dropped: pages whose sync failed are read from the disk as they are there. */
void shadow_drop(int fd, const char *path)
{
    char data[PATH_SIZE], lost[PATH_SIZE];
    uint8_t page[PAGE], other[PAGE];
    struct stat st;
    int file, old, failed;

    if (syscall(SYS_fstat, fd, &st))
        return;
    pthread_mutex_lock(&lock);
    shadow_path(data, st.st_ino, sequence_of(st.st_ino), "");
    shadow_path(lost, st.st_ino, sequence_of(st.st_ino), ".failed");
    file = raw_open(path, O_RDWR);
    old = raw_open(data, O_RDONLY);
    failed = raw_open(lost, O_RDONLY);
    for (off_t at = 0; file >= 0 && failed >= 0 && at < st.st_size; at += PAGE) {
        size_t n = read_page(file, page, at);

        if (read_page(failed, other, at) != n || memcmp(page, other, n))
            continue;
        memset(page, 0, n);
        read_page(old, page, at);
        if (syscall(SYS_pwrite64, file, page, n, at) != (long)n)
            abort();
    }
    /* The time of the last change is the disk's, too. */
    if (file >= 0)
        futimens(file, (struct timespec[]){st.st_atim, st.st_mtim});
    for (int *p = (int[]){file, old, failed, -2}; *p != -2; p++)
        if (*p >= 0)
            syscall(SYS_close, *p);
    pthread_mutex_unlock(&lock);
}

void shadow_renamed(const char *from, const char *to)
{
    journal("rename\t%s\t%s\n", from, to);
}

void shadow_removed(const char *path)
{
    journal("unlink\t%s\n", path);
}
