/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_GENTLE_H
#define CONJURE_SRC_FS_GENTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a file once, front to back, and leaves the page cache as it was: a check of 100 GiB must
 * not evict content that is being served. Cached pages are read from the cache and stay; the others
 * are read ahead in windows, and dropped again behind the reader. For workers.
 */
#define GENTLE_WINDOW (1u << 20) /* bytes read ahead, and dropped, at a time */
#define GENTLE_PAGE   4096u

struct gentle {
    int fd;
    bool unknown;                                  /* which pages are cached */
    uint64_t begin, end;                           /* window, on page borders; 0, 0: none */
    uint8_t resident[GENTLE_WINDOW / GENTLE_PAGE]; /* its pages, bit 0: cached */
};
#define GENTLE_EMPTY ((struct gentle){.fd = -1})

/* Takes FD, which has no other reader: its read-ahead is switched off. */
void gentle_init(struct gentle *g, int fd);
/* Closes it. Safe twice. */
void gentle_deinit(struct gentle *g);
/* As io_read. */
int gentle_read(struct gentle *g, void *bytes, size_t n, uint64_t offset, size_t *gotp);

#endif
