/* SPDX-License-Identifier: MIT */
#include "torrent/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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
 * Collisions: order the paths with '/' before every other byte. Then the paths below "a/b" follow
 * "a/b" itself, and only neighbours need to be compared.
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
            r = NAMES_COLLIDE;
            break;
        }
    }
    free(sorted);
    return r;
}
