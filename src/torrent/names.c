/* SPDX-License-Identifier: MIT */
#include "torrent/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

int text_append(struct text *t, const void *bytes, size_t n)
{
    if (n > t->max - t->n)
        return -E2BIG;
    if (n > t->n_allocated - t->n) {
        size_t want = (t->n + n) * 2;
        char *grown = realloc(t->bytes, want);

        if (!grown)
            return -ENOMEM;
        t->bytes = grown;
        t->n_allocated = want;
    }
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
    t->n_allocated = t->n;
}

void text_deinit(struct text *t)
{
    free(t->bytes);
    t->bytes = NULL;
    t->n = t->n_allocated = 0;
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

/* C0, DEL and, in two bytes, C1: all that could steer a terminal. */
static bool is_control(const uint8_t *p, size_t size)
{
    return (size == 1 && (p[0] < 0x20 || p[0] == 0x7f)) ||
           (size == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

int text_append_clean(struct text *t, const uint8_t *bytes, size_t n, char control)
{
    size_t good = 0; /* of what is not yet appended */
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

const char *name_fault(const uint8_t *bytes, size_t n)
{
    if (!n)
        return "is empty";
    if (n > NAME_MAX_BYTES)
        return "is longer than 255 bytes";
    if (memchr(bytes, '/', n))
        return "contains a slash";
    if (memchr(bytes, 0, n))
        return "contains a NUL byte";
    if (n == 1 && bytes[0] == '.')
        return "is \".\"";
    if (n == 2 && bytes[0] == '.' && bytes[1] == '.')
        return "is \"..\"";
    return NULL;
}

/*
 * Collisions: order the paths with '/' before every other byte. Then whatever lies below "a/b"
 * comes right after "a/b" itself, and it is enough to look at neighbours.
 */
struct sortable {
    const char *path;
    uint32_t file;
};

static int compare_paths(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    if (*a == *b)
        return 0;
    if (!*a || !*b)
        return *a ? 1 : -1;
    if (*a == '/' || *b == '/')
        return *a == '/' ? -1 : 1;
    return (uint8_t)*a < (uint8_t)*b ? -1 : 1;
}

static int compare_sortables(const void *a, const void *b)
{
    const struct sortable *x = a, *y = b;
    int order = compare_paths(x->path, y->path);

    return order ? order : (x->file > y->file) - (x->file < y->file);
}

/* Whether B, which comes after A, is A or lies below it. */
static bool is_at_or_below(const char *a, const char *b)
{
    size_t n = strlen(a);

    return !strncmp(a, b, n) && (!b[n] || b[n] == '/');
}

int names_find_collision(const struct metainfo_file *files, uint32_t n_files, size_t prefix,
                         uint32_t *firstp, uint32_t *secondp)
{
    struct sortable *sorted;
    bool in_order = true;
    uint32_t n = 0;
    int r = 0;

    sorted = malloc(((size_t)n_files + 1) * sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    for (uint32_t i = 0; i < n_files; i++) {
        if (files[i].padding)
            continue;
        sorted[n] = (struct sortable){.path = files[i].path + prefix, .file = i};
        if (n)
            in_order &= compare_paths(sorted[n - 1].path, sorted[n].path) < 0;
        n++;
    }
    if (!in_order)
        qsort(sorted, n, sizeof *sorted, compare_sortables);
    for (uint32_t i = 1; i < n; i++) {
        uint32_t a = sorted[i - 1].file, b = sorted[i].file;

        if (is_at_or_below(sorted[i - 1].path, sorted[i].path)) {
            *firstp = a < b ? a : b;
            *secondp = a < b ? b : a;
            r = 1;
            break;
        }
    }
    free(sorted);
    return r;
}
