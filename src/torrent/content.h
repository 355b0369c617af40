/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_TORRENT_CONTENT_H
#define CONJURE_SRC_TORRENT_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The content on disk from which a torrent is made: its files in order, read as one row of bytes.
 * One thread at a time; reads block on the disk. */

#define CONTENT_REASON_MAX 512

enum {
    CONTENT_REFUSED = 1, /* it cannot be put in a torrent; REASON is set */
};

struct content_file {
    char *path;       /* for open(2), owned */
    const char *name; /* in path: below the folder, or a single file's name */
    uint64_t offset;  /* in the content */
    uint64_t length;
};

#define CONTENT_OPEN_MAX 64 /* files kept open: more than the lanes that read at a time */

struct content {
    char *name; /* of the torrent, owned */
    bool multi;
    struct content_file *files; /* owned */
    uint32_t n_files;
    size_t files_room;
    uint64_t total;
    struct {
        int fd_plus_1; /* 0: none */
        uint32_t file;
    } open[CONTENT_OPEN_MAX]; /* by file number, modulo */
};
#define CONTENT_EMPTY ((struct content){0})

/* Lists the files at PATH; C is empty. Returns 0; or CONTENT_REFUSED or -errno, with a REASON of
 * one line that names the file concerned. */
int content_list(struct content *c, const char *path, char reason[CONTENT_REASON_MAX]);
void content_deinit(struct content *c); /* safe twice */

/* Reads N bytes from OFFSET on, which must lie within the content. Returns the same. */
int content_read(struct content *c, uint64_t offset, uint8_t *bytes, size_t n,
                 char reason[CONTENT_REASON_MAX]);

#endif
