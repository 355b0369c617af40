/* SPDX-License-Identifier: MIT */
#include "torrent/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXTENSION_MAX 32 /* bytes, with the dot; what is longer is no extension */

/* --- one name -------------------------------------------------------------------------------- */

/* How many of the first N bytes of clean UTF-8 are whole characters. */
static size_t whole_characters(const char *name, size_t n)
{
    while (n && ((uint8_t)name[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* Where the extension of the N bytes begins; N: there is none. */
static size_t find_extension(const char *name, size_t n)
{
    for (size_t at = n; at > 1 && n - at < EXTENSION_MAX; at--)
        if (name[at - 1] == '.')
            return at - 1;
    return n;
}

/* Makes the name, which begins at START of T, short enough. */
static void shorten(struct text *t, size_t start)
{
    char *name = t->bytes + start;
    size_t n = t->n - start, extension = find_extension(name, n), size = n - extension, stem;

    if (n <= NAME_MAX_BYTES)
        return;
    stem = whole_characters(name, NAME_MAX_BYTES - size);
    memmove(name + stem, name + extension, size);
    t->n = start + stem + size;
}

int name_append(struct text *t, const uint8_t *bytes, size_t n, enum name_place place)
{
    size_t start = t->n;
    int r = n ? text_append_clean(t, bytes, n, '_') : text_append(t, "_", 1);
    char *name = t->bytes + start;

    if (r)
        return r;
    for (size_t i = 0; i < t->n - start; i++)
        if (name[i] == '/')
            name[i] = '_';
    shorten(t, start);
    n = t->n - start;
    if (name[0] == '.' && (place == NAME_TOP || n == 1 || (n == 2 && name[1] == '.')))
        name[0] = '_';
    return 0;
}

void name_distinguish(const char *path, uint32_t number, unsigned attempt, char *out)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t folder = (size_t)(name - path), n = strlen(name), extension = find_extension(name, n);
    size_t size = n - extension, stem = extension;
    char mark[24];
    int n_mark = attempt ? snprintf(mark, sizeof mark, ".%u-%u", number, attempt)
                         : snprintf(mark, sizeof mark, ".%u", number);

    if (stem + (size_t)n_mark + size > NAME_MAX_BYTES)
        stem = whole_characters(name, NAME_MAX_BYTES - (size_t)n_mark - size);
    memcpy(out, path, folder + stem);
    out += folder + stem;
    memcpy(out, mark, (size_t)n_mark);
    memcpy(out + n_mark, name + extension, size + 1);
}

/* --- clashes --------------------------------------------------------------------------------- */

/*
 * Order the paths with '/' before every other character, and without regard to case. Then all paths
 * equal to "a/b" are neighbours, and those below "a/b" follow them.
 *
 * Case is folded for the alphabets with a simple rule: Latin-1, Greek and Cyrillic. What file
 * systems fold beyond that differs between them.
 */
static uint32_t fold(uint32_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
        (c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
        return c + 0x20;
    return c >= 0x400 && c <= 0x40f ? c + 0x50 : c;
}

/* The next character of clean UTF-8; 0 at the end, 1 for a slash. */
static uint32_t next_folded(const char **p)
{
    uint8_t lead = (uint8_t) * *p;
    uint32_t c = lead;
    unsigned n_more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;

    if (!lead)
        return 0;
    if (n_more)
        c &= 0x3fu >> n_more;
    for (++*p; n_more; n_more--, ++*p)
        c = c << 6 | ((uint8_t) * *p & 0x3f);
    return c == '/' ? 1 : fold(c);
}

static int compare_paths(const char *a, const char *b)
{
    uint32_t x, y;

    do {
        x = next_folded(&a);
        y = next_folded(&b);
    } while (x && x == y);
    return x == y ? 0 : x < y ? -1 : 1;
}

/* Whether B lies below the folder A. */
static bool is_below(const char *a, const char *b)
{
    uint32_t x, y;

    do {
        x = next_folded(&a);
        y = next_folded(&b);
    } while (x && x == y);
    return !x && y == 1;
}

struct sortable {
    const char *path;
    uint32_t at;
};

static int compare_sortables(const void *a, const void *b)
{
    const struct sortable *x = a, *y = b;
    int order = compare_paths(x->path, y->path);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

int names_find_clashes(const char *const *paths, uint32_t n, bool *clashes, uint32_t *np)
{
    struct sortable *sorted = malloc(((size_t)n + 1) * sizeof *sorted);
    bool in_order = true;
    uint32_t n_sorted = 0;

    *np = 0;
    if (!sorted)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        clashes[i] = false;
        if (!paths[i])
            continue;
        sorted[n_sorted] = (struct sortable){paths[i], i};
        if (n_sorted)
            in_order &= compare_paths(sorted[n_sorted - 1].path, paths[i]) <= 0;
        n_sorted++;
    }
    if (!in_order)
        qsort(sorted, n_sorted, sizeof *sorted, compare_sortables);
    for (uint32_t i = 0, next; i < n_sorted; i = next) {
        for (next = i + 1; next < n_sorted && !compare_paths(sorted[i].path, sorted[next].path);
             next++)
            clashes[sorted[next].at] = true;
        clashes[sorted[i].at] = next < n_sorted && is_below(sorted[i].path, sorted[next].path);
        *np += next - i - 1 + clashes[sorted[i].at];
    }
    free(sorted);
    return 0;
}
