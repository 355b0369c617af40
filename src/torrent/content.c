/* SPDX-License-Identifier: MIT */
#include "torrent/content.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/base/search.h"
#include "conjure/torrent/metainfo.h"
#include "torrent/text.h"

/* Writes REASON, which is one clean line even if the name on disk has control characters. */
static void describe(char reason[CONTENT_REASON_MAX], const char *path, const char *what)
{
    struct text t = TEXT_EMPTY(SIZE_MAX / 4);

    if (text_append_clean(&t, (const uint8_t *)path, strlen(path), '?') || text_append(&t, "", 1))
        snprintf(reason, CONTENT_REASON_MAX, "%s", what);
    else
        snprintf(reason, CONTENT_REASON_MAX, "%.400s: %s", t.bytes, what);
    text_deinit(&t);
}

static int fail(char reason[CONTENT_REASON_MAX], const char *path, int r)
{
    describe(reason, path, strerror(-r));
    return r;
}

static int refuse(char reason[CONTENT_REASON_MAX], const char *path, const char *what)
{
    describe(reason, path, what);
    return CONTENT_REFUSED;
}

/* Loading a torrent changes names that are not clean, so the seed would not find such a file. */
static bool is_clean(const char *name)
{
    struct text t = TEXT_EMPTY(SIZE_MAX / 4);
    size_t n = strlen(name);
    bool clean = !text_append_clean(&t, (const uint8_t *)name, n, '\0') && t.n == n &&
                 !memcmp(t.bytes, name, n);

    text_deinit(&t);
    return clean;
}

static int add_file(struct content *c, const char *path, size_t prefix, int64_t length,
                    char reason[CONTENT_REASON_MAX])
{
    struct content_file *file;

    if (!is_clean(path + prefix))
        return refuse(reason, path, "a name that is not UTF-8, or has control characters");
    if (strlen(path + prefix) + 1 + strlen(c->name) > METAINFO_PATH_MAX)
        return refuse(reason, path, "a path that is too long");
    if (c->n_files == METAINFO_FILES_MAX)
        return refuse(reason, path, "too many files");
    if (array_reserve(&c->files, &c->files_room, (size_t)c->n_files + 1, sizeof *c->files))
        return fail(reason, path, -ENOMEM);
    file = &c->files[c->n_files];
    *file = (struct content_file){.path = strdup(path), .length = (uint64_t)length};
    if (!file->path)
        return fail(reason, path, -ENOMEM);
    file->name = file->path + prefix;
    c->n_files++;
    return 0;
}

static int add_entry(struct content *c, const FTSENT *e, size_t prefix,
                     char reason[CONTENT_REASON_MAX])
{
    struct stat st;

    switch (e->fts_info) {
    case FTS_F:
        return add_file(c, e->fts_path, prefix, e->fts_statp->st_size, reason);
    case FTS_SL:
        if (stat(e->fts_path, &st) || !S_ISREG(st.st_mode))
            return 0;
        return add_file(c, e->fts_path, prefix, st.st_size, reason);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return fail(reason, e->fts_path, -e->fts_errno);
    default:
        return 0;
    }
}

static int compare_files(const void *a, const void *b)
{
    const struct content_file *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int list_folder(struct content *c, const char *path, char reason[CONTENT_REASON_MAX])
{
    char *const roots[] = {(char *)path, NULL};
    size_t prefix = strlen(path);
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    FTSENT *e = NULL;
    int r = 0;

    if (!walk)
        return fail(reason, path, -errno);
    c->multi = true;
    /* fts(3) puts one slash between PATH and what is below it, whether or not PATH ends in one. */
    if (path[prefix - 1] != '/')
        prefix++;
    while (!r && (errno = 0, e = fts_read(walk)))
        r = add_entry(c, e, prefix, reason);
    if (!r && errno)
        r = fail(reason, path, -errno);
    fts_close(walk);
    if (!r && !c->n_files)
        r = refuse(reason, path, "holds no files");
    if (!r)
        qsort(c->files, c->n_files, sizeof *c->files, compare_files);
    return r;
}

/* The last component of PATH; if that is a dot or two, the last one of the real path. */
static int find_name(struct content *c, const char *path, char reason[CONTENT_REASON_MAX])
{
    char *copy = strdup(path), *real = NULL;
    const char *name = copy ? basename(copy) : "";
    int r = 0;

    if (!strcmp(name, ".") || !strcmp(name, "..")) {
        real = realpath(path, NULL);
        name = real ? basename(real) : "";
    }
    if (!copy || !(c->name = strdup(name)))
        r = fail(reason, path, -ENOMEM);
    else if (!*name || strchr(name, '/'))
        r = refuse(reason, path, "has no name of its own");
    else if (*name == '.')
        r = refuse(reason, path, "a name that begins with a dot");
    else if (!is_clean(name))
        r = refuse(reason, path, "a name that is not UTF-8, or has control characters");
    free(copy);
    free(real);
    return r;
}

int content_list(struct content *c, const char *path, char reason[CONTENT_REASON_MAX])
{
    struct stat st;
    int r;

    if (!*path || stat(path, &st))
        return fail(reason, path, *path ? -errno : -ENOENT);
    r = find_name(c, path, reason);
    if (r)
        return r;
    if (S_ISDIR(st.st_mode)) {
        r = list_folder(c, path, reason);
    } else if (S_ISREG(st.st_mode)) {
        const char *slash = strrchr(path, '/');

        r = add_file(c, path, slash ? (size_t)(slash - path) + 1 : 0, st.st_size, reason);
    } else {
        r = refuse(reason, path, "neither a file nor a folder");
    }
    for (uint32_t i = 0; i < c->n_files && !r; i++) {
        c->files[i].offset = c->total;
        if (__builtin_add_overflow(c->total, c->files[i].length, &c->total) || c->total > INT64_MAX)
            r = refuse(reason, path, "too large");
    }
    return r;
}

void content_deinit(struct content *c)
{
    for (size_t i = 0; i < N_ELEMENTS(c->open); i++)
        if (c->open[i].fd_plus_1)
            close(c->open[i].fd_plus_1 - 1);
    for (uint32_t i = 0; i < c->n_files; i++)
        free(c->files[i].path);
    free(c->files);
    free(c->name);
    *c = CONTENT_EMPTY;
}

/* Returns the descriptor or -errno. */
static int open_file(struct content *c, uint32_t file)
{
    unsigned slot = file % CONTENT_OPEN_MAX;
    int fd;

    if (c->open[slot].fd_plus_1 && c->open[slot].file == file)
        return c->open[slot].fd_plus_1 - 1;
    fd = open(c->files[file].path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (c->open[slot].fd_plus_1)
        close(c->open[slot].fd_plus_1 - 1);
    c->open[slot].fd_plus_1 = fd + 1;
    c->open[slot].file = file;
    return fd;
}

static bool begins_by(const void *files, uint32_t i, const void *offset)
{
    return ((const struct content_file *)files)[i].offset <= *(const uint64_t *)offset;
}

int content_read(struct content *c, uint64_t offset, uint8_t *bytes, size_t n,
                 char reason[CONTENT_REASON_MAX])
{
    uint32_t i = search_count(c->n_files, begins_by, c->files, &offset) - 1;

    assert(offset + n <= c->total);
    while (n) {
        const struct content_file *file = &c->files[i];
        uint64_t at = offset - file->offset;
        size_t want = file->length - at < n ? (size_t)(file->length - at) : n;
        int fd;
        ssize_t got;

        if (!want) {
            i++;
            continue;
        }
        fd = open_file(c, i);
        got = fd < 0 ? fd : pread(fd, bytes, want, (off_t)at);
        if (got < 0 && fd >= 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(reason, file->path, fd < 0 ? fd : -errno);
        if (!got)
            return refuse(reason, file->path, "became shorter while it was read");
        bytes += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}
