/* SPDX-License-Identifier: MIT */
/*
 * A read that may not wait (RWF_NOWAIT) tells whether pages are cached, at the price of the read itself.
 * The kernel's own read-ahead is switched off, or the pages that it brings in would be taken for cached
 * ones. At the first miss mincore(2) says which pages of the next window are there, and the window is
 * asked for at once: sixteen lanes that take turns on a disk must not make it seek for every chunk.
 */
#include "fs/gentle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fs/io.h"

void gentle_init(struct gentle *g, int fd)
{
    *g = GENTLE_EMPTY;
    g->fd = fd;
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
}

static void drop_window(struct gentle *g)
{
    uint32_t n = (uint32_t)((g->end - g->begin) / GENTLE_PAGE);

    for (uint32_t i = 0, run; i < n; i += run + 1) {
        for (run = 0; i + run < n && !(g->resident[i + run] & 1); run++)
            ;
        if (run)
            posix_fadvise(g->fd, (off_t)(g->begin + (uint64_t)i * GENTLE_PAGE),
                          (off_t)run * GENTLE_PAGE, POSIX_FADV_DONTNEED);
    }
    g->begin = g->end = 0;
}

void gentle_deinit(struct gentle *g)
{
    if (g->fd < 0)
        return;
    drop_window(g);
    io_close(g->fd);
    *g = GENTLE_EMPTY;
}

/* The page at OFFSET is not cached. */
static void open_window(struct gentle *g, uint64_t offset)
{
    void *map;

    g->begin = offset / GENTLE_PAGE * GENTLE_PAGE;
    g->end = g->begin + GENTLE_WINDOW;
    map = mmap(NULL, GENTLE_WINDOW, PROT_READ, MAP_SHARED, g->fd, (off_t)g->begin);
    /* To who may not write to the file mincore says that all is there: then this page, too. */
    if (map == MAP_FAILED || mincore(map, GENTLE_WINDOW, g->resident) || g->resident[0] & 1)
        memset(g->resident, 0, sizeof g->resident);
    if (map != MAP_FAILED)
        munmap(map, GENTLE_WINDOW);
    posix_fadvise(g->fd, (off_t)g->begin, GENTLE_WINDOW, POSIX_FADV_WILLNEED);
}

/* What is cached of these bytes; less than N when something is not. */
static size_t read_cached(struct gentle *g, void *bytes, size_t n, uint64_t offset)
{
    struct iovec v = {bytes, n};
    ssize_t r = preadv2(g->fd, &v, 1, (off_t)offset, RWF_NOWAIT);

    if (r < 0 && errno == EOPNOTSUPP)
        g->plain = true;
    return r > 0 ? (size_t)r : 0;
}

int gentle_read(struct gentle *g, void *bytes, size_t n, uint64_t offset, size_t *gotp)
{
    size_t got = 0;

    if (g->plain)
        return io_read(g->fd, bytes, n, offset, gotp);
    while (got < n) {
        uint64_t at = offset + got;
        size_t part, rest = 0;
        int r;

        if (g->end && (at >= g->end || at < g->begin))
            drop_window(g);
        if (!g->end) {
            got += read_cached(g, (uint8_t *)bytes + got, n - got, at);
            if (got == n)
                break;
            if (g->plain)
                return io_read(g->fd, bytes, n, offset, gotp);
            at = offset + got;
            open_window(g, at);
        }
        part = g->end - at < n - got ? (size_t)(g->end - at) : n - got;
        r = io_read(g->fd, (uint8_t *)bytes + got, part, at, &rest);
        if (r)
            return r;
        got += rest;
        if (rest < part)
            break; /* the end of the file */
    }
    *gotp = got;
    return 0;
}
