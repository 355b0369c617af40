/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_STATE_KNOWN_H
#define CONJURE_STATE_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conjure/torrent/metainfo.h"

/*
 * A torrent that a daemon resumes after a restart. Each has a B-coded file, named after the
 * info-hash:
 *
 *   conjure   version, 1
 *   folder    the download folder, absolute
 *   seeded    seconds that it was seeded after its completion
 *   skipped   numbers of the files that are not wanted, from 0
 *   torrent   the .torrent file, byte for byte
 */
struct known {
    struct metainfo *meta;
    char *folder;
    bool *skip_file; /* one per file, or NULL: all are wanted */
    uint64_t seeded_s;
};
#define KNOWN_EMPTY ((struct known){0})

#define KNOWN_SUFFIX     ".known"
#define KNOWN_NAME_MAX   (2 * SHA1_SIZE + sizeof KNOWN_SUFFIX)
#define KNOWN_REASON_MAX 320

enum known_result {
    KNOWN_CORRUPT = 1, /* see the reason */
};

/* "<info-hash>.known" */
char *known_name(const struct info_hash *info_hash, char name[KNOWN_NAME_MAX]);

/* *BYTESP is the caller's. 0, -EFBIG for a torrent that is too large to be read again, or
 * -ENOMEM. */
int known_encode(const struct known *k, uint8_t **bytesp, size_t *np);
/* Fills K, whose members are the caller's then. 0, KNOWN_CORRUPT with a REASON, or -ENOMEM. */
int known_decode(const uint8_t *bytes, size_t n, struct known *k, char reason[KNOWN_REASON_MAX]);

/* The same with files. Replaces the file atomically: a crash leaves the old or the new one.
 * -errno as well. A metainfo from known_load no longer has the bytes of the .torrent: known_save
 * reads them from the file at PATH, which must still exist and be valid (-ENOENT, -EBADMSG).
 * These block on the disk. */
int known_save(const char *path, const struct known *k);
int known_load(const char *path, struct known *k, char reason[KNOWN_REASON_MAX]);

void known_deinit(struct known *k); /* safe twice */

#endif
