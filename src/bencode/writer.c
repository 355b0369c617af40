/* SPDX-License-Identifier: MIT */
#include "conjure/bencode/writer.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct bencode_writer *w, size_t n)
{
    uint8_t *bytes;
    size_t want;

    if (w->failed)
        return false;
    if (n <= w->n_allocated - w->n)
        return true;
    if (__builtin_add_overflow(w->n, n, &want) || __builtin_add_overflow(want, want / 2, &want) ||
        !(bytes = realloc(w->bytes, want < 256 ? 256 : want))) {
        w->failed = true;
        return false;
    }
    w->bytes = bytes;
    w->n_allocated = want < 256 ? 256 : want;
    return true;
}

void bencode_put_raw(struct bencode_writer *w, const void *bytes, size_t n)
{
    if (!n || !make_room(w, n))
        return;
    memcpy(w->bytes + w->n, bytes, n);
    w->n += n;
}

static void begin(struct bencode_writer *w, char c)
{
    assert(w->depth < BENCODE_WRITER_DEPTH_MAX);
    w->last_key[w->depth] = 0;
    w->depth++;
    bencode_put_raw(w, &c, 1);
}

void bencode_begin_dict(struct bencode_writer *w)
{
    begin(w, 'd');
}

void bencode_begin_list(struct bencode_writer *w)
{
    begin(w, 'l');
}

void bencode_end(struct bencode_writer *w)
{
    assert(w->depth);
    w->depth--;
    bencode_put_raw(w, "e", 1);
}

void bencode_put_integer(struct bencode_writer *w, int64_t value)
{
    char text[32];

    bencode_put_raw(w, text, (size_t)snprintf(text, sizeof text, "i%" PRId64 "e", value));
}

void bencode_put_string(struct bencode_writer *w, const void *bytes, size_t n)
{
    char text[32];

    bencode_put_raw(w, text, (size_t)snprintf(text, sizeof text, "%zu:", n));
    bencode_put_raw(w, bytes, n);
}

void bencode_put_text(struct bencode_writer *w, const char *text)
{
    bencode_put_string(w, text, strlen(text));
}

/* Whether KEY may follow the last key of the innermost dict. */
static bool key_in_order(const struct bencode_writer *w, const void *key, size_t n)
{
    unsigned at = w->depth - 1;
    size_t n_last = w->last_key_size[at];
    int order;

    if (w->failed || !w->last_key[at])
        return true;
    order = memcmp(w->bytes + w->last_key[at], key, n_last < n ? n_last : n);
    return order < 0 || (!order && n_last < n);
}

void bencode_put_key_bytes(struct bencode_writer *w, const void *key, size_t n)
{
    assert(w->depth);
    assert(key_in_order(w, key, n));
    (void)key_in_order;
    bencode_put_string(w, key, n);
    w->last_key[w->depth - 1] = w->n - n;
    w->last_key_size[w->depth - 1] = n;
}

void bencode_put_key(struct bencode_writer *w, const char *key)
{
    bencode_put_key_bytes(w, key, strlen(key));
}

int bencode_writer_finish(struct bencode_writer *w)
{
    assert(!w->depth);
    return w->failed ? -ENOMEM : 0;
}

int bencode_writer_take(struct bencode_writer *w, uint8_t **bytesp, size_t *np)
{
    int r = bencode_writer_finish(w);

    if (!r) {
        *bytesp = w->bytes;
        *np = w->n;
        w->bytes = NULL;
    }
    bencode_writer_deinit(w);
    return r;
}

void bencode_writer_deinit(struct bencode_writer *w)
{
    free(w->bytes);
    *w = BENCODE_WRITER_EMPTY;
}
