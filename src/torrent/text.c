/* SPDX-License-Identifier: MIT */
#include "torrent/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

int text_append(struct text *t, const void *bytes, size_t n)
{
    if (n > t->max - t->n)
        return -E2BIG;
    if (array_reserve(&t->bytes, &t->room, t->n + n, 1))
        return -ENOMEM;
    if (n)
        memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
    return 0;
}

void text_trim(struct text *t)
{
    char *trimmed = t->n ? realloc(t->bytes, t->n) : NULL;

    if (!trimmed)
        return;
    t->bytes = trimmed;
    t->room = t->n;
}

void text_deinit(struct text *t)
{
    free(t->bytes);
    t->bytes = NULL;
    t->n = t->room = 0;
}

/* Bytes of the well-formed UTF-8 sequence at P (no overlong forms, no surrogates, nothing beyond
 * U+10FFFF; RFC 3629), or 0. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t size;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (size > n)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

/* C0, DEL and, in two bytes, C1: control characters of terminals. */
static bool is_control(const uint8_t *p, size_t size)
{
    return (size == 1 && (p[0] < 0x20 || p[0] == 0x7f)) ||
           (size == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

int text_append_clean(struct text *t, const uint8_t *bytes, size_t n, char control)
{
    size_t good = 0; /* bytes before I that are clean and not appended yet */
    size_t i = 0;

    while (i < n) {
        size_t size = utf8_sequence(bytes + i, n - i);
        int r;

        if (size && !is_control(bytes + i, size)) {
            i += size;
            good += size;
            continue;
        }
        r = text_append(t, bytes + i - good, good);
        if (!r)
            r = size ? text_append(t, &control, 1) : text_append(t, "\xef\xbf\xbd", 3);
        if (r)
            return r;
        good = 0;
        i += size ? size : 1;
    }
    return text_append(t, bytes + i - good, good);
}
