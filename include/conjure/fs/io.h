/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_IO_H
#define CONJURE_FS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The system calls on files: EINTR, short counts and unusual results are handled here. All return 0
 * or -errno unless noted otherwise, may block, and may be called by any thread. Descriptors are
 * close-on-exec.
 */

/* Reads up to N bytes at OFFSET; *GOTP is less only at the end of the file. */
int io_read(int fd, void *bytes, size_t n, uint64_t offset, size_t *gotp);
/* Writes all N bytes at OFFSET. */
int io_write(int fd, const void *bytes, size_t n, uint64_t offset);
int io_truncate(int fd, uint64_t length);
int io_reserve(int fd, uint64_t length);  /* allocates LENGTH bytes on disk */
int io_sync(int fd);                      /* the data, and the metadata to read it */
bool io_is_old(int fd, unsigned seconds); /* unchanged for SECONDS */
int io_close(int fd);                     /* never retried: the descriptor is closed in any case */

/* Opens PATH ('/'-separated) below DIR_FD. No component may be a symbolic link: all are folders,
 * and the last one is a regular file. FLAGS as for open(2); with O_CREAT missing folders
 * are made as well. *FDP or -errno (-ELOOP for a link in the way). */
int io_open_below(int dir_fd, const char *path, int flags, int *fdp);
/* Makes PATH below DIR_FD a symbolic link to TARGET, with the same checks, and missing folders. */
int io_link_below(int dir_fd, const char *path, const char *target);
/* Removes PATH below DIR_FD, with the same checks. */
int io_remove_below(int dir_fd, const char *path);
/* Renames FROM to TO, both below DIR_FD, with the same checks; makes missing folders. -EEXIST when
 * there is something at TO. */
int io_rename_below(int dir_fd, const char *from, const char *to);

/* Replaces PATH by a file of these bytes. After a crash it is the old file or the new one. */
int io_replace_file(const char *path, const void *bytes, size_t n);
/* The same in three steps, for several files at a time: io_replace_begin writes the new file and
 * starts its write-back, io_replace_end waits for that and renames, io_sync_folder_of syncs the
 * folder, once for all files in it. */
struct io_replacement {
    const char *path; /* the caller's; NULL: no replacement is under way */
    int fd;
};
#define IO_REPLACEMENT_EMPTY ((struct io_replacement){NULL, -1})
int io_replace_begin(struct io_replacement *r, const char *path, const void *bytes, size_t n);
int io_replace_end(struct io_replacement *r);
int io_sync_folder_of(const char *path);
bool io_is_same_folder(const char *path, const char *other);
/* Reads a whole file of at most MAX bytes (-EFBIG); *BYTESP is the caller's. */
int io_read_file(const char *path, size_t max, uint8_t **bytesp, size_t *np);

#endif
