/* SPDX-License-Identifier: MIT */
/* The files of a torrent: names, lengths, attributes, collisions. */
#include "torrent/metainfo_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "torrent/names.h"

/* The result R of text_append. */
static int text_result(struct loader *l, int r, const char *what)
{
    return r == -E2BIG ? loader_refuse(l, "%s are too long together", what) : r;
}

/* Appends one component; WHERE and FILE are for the reason. */
static int append_name(struct loader *l, struct text *t, const struct bencode_node *node,
                       const char *where, int64_t file)
{
    size_t start = t->n, n;
    const uint8_t *bytes = bencode_string(&l->tree, node, &n);
    const char *fault = bytes ? name_fault(bytes, n) : "is not a string";
    int r = 0;

    if (!fault) {
        r = text_append_clean(t, bytes, n, '_');
        if (r)
            return text_result(l, r, "the names of the files");
        if (t->n - start > NAME_MAX_BYTES)
            fault = "is longer than 255 bytes";
    }
    if (!fault)
        return 0;
    if (file < 0)
        return loader_refuse(l, "%s: %s", where, fault);
    return loader_refuse(l, "info.files[%" PRId64 "].%s: a name %s", file, where, fault);
}

int metainfo_files_load_name(struct loader *l)
{
    struct text t = TEXT_EMPTY(METAINFO_REASON_MAX * 4);
    const struct bencode_node *node =
        loader_find_utf8(l, l->info, "name.utf-8", "name", BENCODE_STRING);
    int r = append_name(l, &t, node, "info.name", -1);

    if (!r)
        r = text_append(&t, "", 1);
    if (r) {
        text_deinit(&t);
        return r;
    }
    l->m->name = t.bytes;
    return 0;
}

static int append_path(struct loader *l, const struct bencode_node *dict, uint32_t file)
{
    const struct bencode_node *path = loader_find_utf8(l, dict, "path.utf-8", "path", BENCODE_LIST);
    struct text *t = &l->m->paths;
    size_t start = t->n;
    int r = text_append(t, l->m->name, strlen(l->m->name));

    for (const struct bencode_node *c = bencode_first(path); c && !r; c = bencode_next(path, c)) {
        r = text_append(t, "/", 1);
        if (!r)
            r = append_name(l, t, c, "path", file);
        if (!r && t->n - start > METAINFO_PATH_MAX)
            return loader_refuse(l, "info.files[%" PRIu32 "].path: is longer than %u bytes", file,
                                 METAINFO_PATH_MAX);
    }
    if (!r)
        r = text_append(t, "", 1);
    return text_result(l, r, "the names of the files");
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

static int load_file(struct loader *l, const struct bencode_node *dict, uint32_t index)
{
    struct metainfo_file *file = &l->m->files[index];
    const struct bencode_node *length = bencode_find(&l->tree, dict, "length");
    int64_t n = bencode_integer(&l->tree, length);
    bool link = has_attr(l, dict, 'l');

    if (!length && !link)
        return loader_refuse(l, "info.files[%" PRIu32 "].length: missing", index);
    if (n && link)
        return loader_refuse(l, "info.files[%" PRIu32 "]: a symbolic link with content", index);
    file->padding = link || has_attr(l, dict, 'p');
    file->executable = has_attr(l, dict, 'x');
    return add_length(l, file, (uint64_t)n) ?: append_path(l, dict, index);
}

static int load_many(struct loader *l, const struct bencode_node *list)
{
    struct metainfo *m = l->m;
    uint32_t n = 0, first, second;
    const char *path;
    int r;

    m->multi = true;
    m->files = calloc(list->n, sizeof *m->files);
    if (!m->files)
        return -ENOMEM;
    m->n_files = list->n;
    m->paths.max = METAINFO_NAMES_MAX;
    for (const struct bencode_node *i = bencode_first(list); i; i = bencode_next(list, i)) {
        r = load_file(l, i, n++);
        if (r)
            return r;
    }
    text_trim(&m->paths);
    path = m->paths.bytes;
    for (uint32_t i = 0; i < m->n_files; i++) {
        m->files[i].path = path;
        path += strlen(path) + 1;
    }
    r = names_find_collision(m->files, m->n_files, strlen(m->name) + 1, &first, &second);
    if (r == NAMES_COLLIDE)
        return loader_refuse(l, "info.files[%" PRIu32 "] and [%" PRIu32 "] collide: %s", first,
                             second, m->files[second].path);
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
