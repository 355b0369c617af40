/* SPDX-License-Identifier: MIT */
/*
 * The files of a torrent: lengths, attributes, and names, which are mended where they cannot be
 * used. A name depends on the torrent alone: first each name is made safe by itself, then files
 * whose paths clash get their numbers added.
 */
#include "torrent/metainfo_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torrent/names.h"

#define CLASH_ROUNDS_MAX 8   /* more need a torrent that was made for it */
#define ORIGINAL_MAX     300 /* bytes of a name that is shown as it was */

/* The result R of text_append. */
static int text_result(struct loader *l, int r)
{
    return r == -E2BIG ? loader_refuse(l, "the names of the files are too long together") : r;
}

/* Appends the name NODE, mended; sets *MENDEDP if it had to be. WHERE is for the reason. */
static int append_name(struct loader *l, struct text *t, const struct bencode_node *node,
                       enum name_place place, const char *where, bool *mendedp)
{
    size_t start = t->n, n;
    const uint8_t *bytes = bencode_string(&l->tree, node, &n);
    int r;

    if (!bytes)
        return loader_refuse(l, "%s is not a string", where);
    r = text_result(l, name_append(t, bytes, n, place));
    if (!r && (t->n - start != n || memcmp(t->bytes + start, bytes, n)))
        *mendedp = true;
    return r;
}

/* Appends a name as it was, in one line: a slash in it gets a backslash. */
static int append_original(struct text *t, const uint8_t *bytes, size_t n)
{
    bool cut = n > ORIGINAL_MAX;
    int r = 0;

    for (n = cut ? ORIGINAL_MAX : n; n && !r;) {
        const uint8_t *slash = memchr(bytes, '/', n);
        size_t size = slash ? (size_t)(slash - bytes) : n;

        r = text_append_clean(t, bytes, size, '?');
        if (slash && !r)
            r = text_append(t, "\\/", 2);
        bytes += size + (slash != NULL);
        n -= size + (slash != NULL);
    }
    return r || !cut ? r : text_append(t, "...", 3);
}

int metainfo_files_load_name(struct loader *l)
{
    struct text t = TEXT_EMPTY(METAINFO_FILE_MAX * 4ull), original = TEXT_EMPTY(ORIGINAL_MAX * 4);
    const struct bencode_node *node =
        loader_find_utf8(l, l->info, "name.utf-8", "name", BENCODE_STRING);
    const uint8_t *bytes;
    bool mended = false;
    size_t n;
    int r = append_name(l, &t, node, NAME_TOP, "info.name", &mended);

    if (!r)
        r = text_append(&t, "", 1);
    if (!r && mended) {
        bytes = bencode_string(&l->tree, node, &n);
        r = append_original(&original, bytes, n);
        if (!r)
            r = text_append(&original, "", 1);
    }
    text_trim(&t);
    l->m->name = t.bytes;
    l->m->original_name = original.bytes;
    return r;
}

static const struct bencode_node *find_path(const struct loader *l, const struct bencode_node *dict)
{
    return loader_find_utf8(l, dict, "path.utf-8", "path", BENCODE_LIST);
}

static int append_path(struct loader *l, const struct bencode_node *dict, uint32_t file,
                       bool *mendedp)
{
    const struct bencode_node *path = find_path(l, dict);
    struct text *t = &l->m->paths;
    size_t start = t->n;
    char where[64];
    int r = text_append(t, l->m->name, strlen(l->m->name));

    snprintf(where, sizeof where, "info.files[%" PRIu32 "].path: a name", file);
    for (const struct bencode_node *c = bencode_first(path); c && !r; c = bencode_next(path, c)) {
        r = text_append(t, "/", 1);
        if (!r)
            r = append_name(l, t, c, NAME_BELOW, where, mendedp);
        if (!r && t->n - start > METAINFO_PATH_MAX)
            return loader_refuse(l, "info.files[%" PRIu32 "].path: is longer than %u bytes", file,
                                 METAINFO_PATH_MAX);
    }
    if (!r)
        r = text_append(t, "", 1);
    return text_result(l, r);
}

static bool has_attr(struct loader *l, const struct bencode_node *dict, char attr)
{
    size_t n;
    const uint8_t *text = bencode_find_string(&l->tree, dict, "attr", &n);

    return text && memchr(text, attr, n);
}

static int add_length(struct loader *l, struct metainfo_file *file, uint64_t length)
{
    file->offset = l->m->geometry.total_length;
    file->length = length;
    l->m->geometry.total_length += length;
    /* Both were below 2^63, so the sum has not wrapped. */
    if (l->m->geometry.total_length > INT64_MAX)
        return loader_refuse(l, "info.files: the lengths add up to more than 2^63 bytes");
    return 0;
}

static int load_file(struct loader *l, const struct bencode_node *dict, uint32_t index,
                     bool *mendedp)
{
    struct metainfo_file *file = &l->m->files[index];
    const struct bencode_node *length = bencode_find(&l->tree, dict, "length");
    int64_t n = bencode_integer(&l->tree, length);
    bool link = !n && has_attr(l, dict, 'l');

    if (!length && !link)
        return loader_refuse(l, "info.files[%" PRIu32 "].length: missing", index);
    file->padding = !link && has_attr(l, dict, 'p');
    file->executable = has_attr(l, dict, 'x');
    file->link = link ? "" : NULL; /* until load_links */
    return add_length(l, file, (uint64_t)n) ?: append_path(l, dict, index, mendedp);
}

static void take_paths(struct metainfo *m)
{
    const char *path;

    text_trim(&m->paths);
    path = m->paths.bytes;
    for (uint32_t i = 0; i < m->n_files; i++) {
        m->files[i].path = path;
        path += strlen(path) + 1;
    }
}

/* --- clashes --------------------------------------------------------------------------------- */

/* Adds the number of FILE, as `conjure show` has it, to its last name. */
static int distinguish(struct loader *l, uint32_t file, unsigned attempt)
{
    struct metainfo *m = l->m;
    const char *path = m->files[file].path;
    char *other;

    if (!m->own_paths && !(m->own_paths = calloc(m->n_files, sizeof *m->own_paths)))
        return -ENOMEM;
    other = malloc(strlen(path) + 24);
    if (!other)
        return -ENOMEM;
    name_distinguish(path, file + 1, attempt, other);
    free(m->own_paths[file]);
    m->files[file].path = m->own_paths[file] = other;
    if (strlen(other) > METAINFO_PATH_MAX)
        return loader_refuse(l, "info.files[%" PRIu32 "].path: is longer than %u bytes", file,
                             METAINFO_PATH_MAX);
    return 0;
}

/* PATHS and CLASHES are memory for a value of each file. */
static int mend_clashes(struct loader *l, const char **paths, bool *clashes, bool *mended)
{
    struct metainfo *m = l->m;
    size_t prefix = strlen(m->name) + 1;
    uint32_t n;
    int r = 0;

    for (uint32_t i = 0; i < m->n_files; i++) /* padding is never on disk */
        paths[i] = m->files[i].padding ? NULL : m->files[i].path + prefix;
    for (unsigned round = 0; !r; round++) {
        r = names_find_clashes(paths, m->n_files, clashes, &n);
        if (r || !n)
            break;
        if (round == CLASH_ROUNDS_MAX)
            return loader_refuse(l, "info.files: too many names clash");
        for (uint32_t i = 0; i < m->n_files && !r; i++) {
            if (!clashes[i])
                continue;
            mended[i] = true;
            r = distinguish(l, i, round);
            paths[i] = m->files[i].path + prefix;
        }
    }
    return r;
}

/* --- links and original names ---------------------------------------------------------------- */

/* Whether the target leads nowhere but down from the torrent's folder. */
static bool is_inside(const struct loader *l, const struct bencode_node *target)
{
    if (!target || !target->n)
        return false;
    for (const struct bencode_node *c = bencode_first(target); c; c = bencode_next(target, c)) {
        size_t n;
        const uint8_t *bytes = bencode_string(&l->tree, c, &n);

        if (!bytes || !n || memchr(bytes, '/', n) || memchr(bytes, 0, n) ||
            (bytes[0] == '.' && (n == 1 || (n == 2 && bytes[1] == '.'))))
            return false;
    }
    return true;
}

/* Appends the target of FILE, from its folder up to that of the torrent and down from there. */
static int append_target(struct loader *l, const struct metainfo_file *file,
                         const struct bencode_node *target)
{
    struct text *t = &l->m->links;
    size_t start = t->n;
    bool mended = false; /* not of interest */
    int r = 0;

    for (const char *p = file->path + strlen(l->m->name) + 1; (p = strchr(p, '/')) && !r; p++)
        r = text_append(t, "../", 3);
    for (const struct bencode_node *c = bencode_first(target); c && !r;
         c = bencode_next(target, c)) {
        r = text_result(l, append_name(l, t, c, NAME_BELOW, "symlink path", &mended));
        if (!r)
            r = text_append(t, bencode_next(target, c) ? "/" : "", 1);
    }
    if (!r && t->n - start > METAINFO_PATH_MAX)
        return loader_refuse(l, "symlink path: is longer than %u bytes", METAINFO_PATH_MAX);
    return text_result(l, r);
}

/* Links that could lead out of the torrent's folder become empty files. */
static int load_link(struct loader *l, const struct bencode_node *dict, struct metainfo_file *file)
{
    const struct bencode_node *target =
        bencode_find_kind(&l->tree, dict, "symlink path", BENCODE_LIST);

    if (!file->link)
        return 0;
    if (!is_inside(l, target)) {
        file->link = NULL;
        return 0;
    }
    return append_target(l, file, target);
}

static int load_original(struct loader *l, const struct bencode_node *dict)
{
    const struct bencode_node *path = find_path(l, dict);
    struct text *t = &l->m->originals;
    int r = 0;

    for (const struct bencode_node *c = bencode_first(path); c && !r; c = bencode_next(path, c)) {
        size_t n;
        const uint8_t *bytes = bencode_string(&l->tree, c, &n);

        r = append_original(t, bytes, n);
        if (!r)
            r = text_append(t, bencode_next(path, c) ? "/" : "", 1);
    }
    return text_result(l, r);
}

/* Both are hardly ever there, so that the files are visited twice for nothing. */
static int load_details(struct loader *l, const struct bencode_node *list, const bool *mended)
{
    struct metainfo *m = l->m;
    const char *link, *original;
    uint32_t n = 0;
    int r = 0;

    m->links.max = m->originals.max = METAINFO_NAMES_MAX;
    for (const struct bencode_node *i = bencode_first(list); i && !r; i = bencode_next(list, i)) {
        r = load_link(l, i, &m->files[n]);
        if (!r && mended[n])
            r = load_original(l, i);
        n++;
    }
    if (r)
        return r;
    link = m->links.bytes;
    original = m->originals.bytes;
    for (uint32_t i = 0; i < m->n_files; i++) {
        if (m->files[i].link) {
            m->files[i].link = link;
            link += strlen(link) + 1;
        }
        if (mended[i]) {
            m->files[i].original = original;
            original += strlen(original) + 1;
            m->n_mended++;
        }
    }
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int load_many(struct loader *l, const struct bencode_node *list)
{
    struct metainfo *m = l->m;
    bool *mended = calloc(list->n, sizeof *mended), *clashes = calloc(list->n, sizeof *clashes);
    const char **paths = calloc(list->n, sizeof *paths);
    uint32_t n = 0;
    int r = 0;

    m->multi = true;
    m->files = calloc(list->n, sizeof *m->files);
    if (!m->files || !mended || !clashes || !paths)
        r = -ENOMEM;
    m->n_files = list->n;
    m->paths.max = METAINFO_NAMES_MAX;
    for (const struct bencode_node *i = bencode_first(list); i && !r; i = bencode_next(list, i)) {
        r = load_file(l, i, n, &mended[n]);
        n++;
    }
    if (!r) {
        take_paths(m);
        r = mend_clashes(l, paths, clashes, mended);
    }
    if (!r)
        r = load_details(l, list, mended);
    free(mended);
    free(clashes);
    free(paths);
    return r;
}

static int load_single(struct loader *l, const struct bencode_node *length)
{
    struct metainfo *m = l->m;

    m->files = calloc(1, sizeof *m->files);
    if (!m->files)
        return -ENOMEM;
    m->n_files = 1;
    m->files[0].path = m->name;
    m->files[0].executable = has_attr(l, l->info, 'x');
    return add_length(l, &m->files[0], (uint64_t)bencode_integer(&l->tree, length));
}

int metainfo_files_load(struct loader *l)
{
    const struct bencode_node *length = bencode_find(&l->tree, l->info, "length");
    const struct bencode_node *files = bencode_find(&l->tree, l->info, "files");

    if (length && files)
        return loader_refuse(l, "info: has both length and files");
    if (files)
        return load_many(l, files);
    if (length)
        return load_single(l, length);
    return loader_refuse(l, "info: has neither length nor files");
}
