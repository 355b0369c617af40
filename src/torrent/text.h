/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_TORRENT_TEXT_H
#define CONJURE_SRC_TORRENT_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Text that grows up to a limit and can be appended as clean UTF-8. Pure; one thread at a time. */
struct text {
    char *bytes; /* owned; not NUL-terminated unless a NUL is appended */
    size_t n, room;
    size_t max; /* of n */
};
#define TEXT_EMPTY(limit) ((struct text){.max = (limit)})

int text_append(struct text *t, const void *bytes, size_t n); /* 0, -ENOMEM or -E2BIG */
/* Frees the unused room. */
void text_trim(struct text *t);
void text_deinit(struct text *t); /* safe twice */

/* Appends N bytes as clean UTF-8 (RFC 3629): a byte that is not UTF-8 becomes U+FFFD, a control
 * character becomes CONTROL. Returns as text_append. */
int text_append_clean(struct text *t, const uint8_t *bytes, size_t n, char control);

#endif
