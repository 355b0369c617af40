/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_FAULTS_SHADOW_H
#define CONJURE_TESTS_FAULTS_SHADOW_H

#include <limits.h>
#include <stdbool.h>

/*
 * What a disk would keep at a loss of power, in a folder: data/KEY is a file as its last sync left
 * it, and `journal` lists syncs and changes of names in their order. KEY is INODE-SEQUENCE. Files
 * that exist at the start have the sequence 0, and the driver makes their copies.
 *
 * After a sync that failed, the pages that were not synced are lost for good, as in the kernel:
 * later syncs do not write them, and POSIX_FADV_DONTNEED makes them visible as lost.
 *
 * Any thread. The calls below are made by raw system calls, which the library does not replace.
 */
#define PATH_SIZE (2 * PATH_MAX)

void shadow_begin(const char *folder); /* NULL: off */
bool shadow_is_on(void);

void shadow_made(int fd, const char *path);                /* by O_CREAT */
void shadow_sync(int fd, const char *path, bool succeeds); /* a file or a folder */
void shadow_drop(int fd, const char *path);                /* from the page cache */
void shadow_renamed(const char *from, const char *to);
void shadow_removed(const char *path);

#endif
