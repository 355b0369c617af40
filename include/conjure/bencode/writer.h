/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BENCODE_WRITER_H
#define CONJURE_BENCODE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes B-coding to the end of a buffer that grows. After an allocation has failed, all further
 * calls do nothing, and bencode_writer_finish returns the error. Keys of a dict must be
 * in bytewise order (BEP 3), and containers must be closed: both are asserted in debug builds. One
 * thread at a time.
 *
 *     bencode_begin_dict(&w);
 *     bencode_put_key(&w, "interval");
 *     bencode_put_integer(&w, 1800);
 *     bencode_end(&w);
 */
#define BENCODE_WRITER_DEPTH_MAX 32

struct bencode_writer {
    uint8_t *bytes; /* owned; see bencode_writer_take */
    size_t n;       /* bytes written */
    size_t n_allocated;
    bool failed; /* memory was short */
    unsigned depth;
    size_t last_key[BENCODE_WRITER_DEPTH_MAX]; /* by depth: offset of the last key's text, 0 none */
    size_t last_key_size[BENCODE_WRITER_DEPTH_MAX];
};
#define BENCODE_WRITER_EMPTY ((struct bencode_writer){0})

void bencode_begin_dict(struct bencode_writer *w);
void bencode_begin_list(struct bencode_writer *w);
void bencode_end(struct bencode_writer *w); /* of the innermost dict or list */

void bencode_put_key(struct bencode_writer *w, const char *key);
void bencode_put_key_bytes(struct bencode_writer *w, const void *key, size_t n);
void bencode_put_integer(struct bencode_writer *w, int64_t value);
void bencode_put_string(struct bencode_writer *w, const void *bytes, size_t n);
void bencode_put_text(struct bencode_writer *w, const char *text);
/* BYTES are B-coded already. */
void bencode_put_raw(struct bencode_writer *w, const void *bytes, size_t n);

/* Returns 0 when all calls have written to w->bytes, or -ENOMEM. */
int bencode_writer_finish(struct bencode_writer *w);
/* The same, and the caller frees *BYTESP. W is empty afterwards, also on failure. */
int bencode_writer_take(struct bencode_writer *w, uint8_t **bytesp, size_t *np);
void bencode_writer_deinit(struct bencode_writer *w); /* safe twice */

#endif
