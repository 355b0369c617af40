/* SPDX-License-Identifier: MIT */
#include "torrent/metainfo_struct.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/bencode/bencode.h"
#include "conjure/bencode/schema.h"

/*
 * Loading goes from the outside in: B-coding, types by schema, names, sums, collisions. Everything
 * that can be wrong with a torrent is found here, once, and told in one line; the accessors in
 * metainfo.c only look things up.
 *
 * What a torrent gets wrong without harm (an odd comment, a tracker's URL with blanks, a date that
 * is a string) is passed over as if it were absent: others do so and such torrents are about.
 */

struct loader {
    struct metainfo *m;
    struct bencode tree;
    const struct bencode_node *root;
    const struct bencode_node *info;
    char *reason;
};

static const struct bencode_schema schema_piece_length =
    SCHEMA_INTEGER(METAINFO_PIECE_MIN, METAINFO_PIECE_MAX);
static const struct bencode_schema schema_path = SCHEMA_LIST(&schema_text, 1, METAINFO_PATH_MAX);
static const struct bencode_schema schema_file =
    SCHEMA_DICT({"length", SCHEMA_OPTIONAL, &schema_natural}, /* links have none (BEP 47) */
                {"path", SCHEMA_REQUIRED, &schema_path});
static const struct bencode_schema schema_files = SCHEMA_LIST(&schema_file, 1, METAINFO_FILES_MAX);
static const struct bencode_schema schema_info = SCHEMA_DICT(
    {"name", SCHEMA_REQUIRED, &schema_text},
    {"piece length", SCHEMA_REQUIRED, &schema_piece_length},
    {"pieces", SCHEMA_REQUIRED, &schema_text}, {"length", SCHEMA_OPTIONAL, &schema_natural},
    {"files", SCHEMA_OPTIONAL, &schema_files});
static const struct bencode_schema schema_torrent =
    SCHEMA_DICT({"info", SCHEMA_REQUIRED, &schema_info});

static int refuse(struct loader *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct loader *l, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(l->reason, METAINFO_REASON_MAX, format, args);
    va_end(args);
    if (n >= METAINFO_REASON_MAX) {
        /* Cut where a character begins. */
        size_t end = METAINFO_REASON_MAX - 1;

        while (end && ((uint8_t)l->reason[end - 1] & 0xc0) == 0x80)
            end--;
        if (end && (uint8_t)l->reason[end - 1] >= 0xc0)
            end--;
        l->reason[end] = '\0';
    }
    return METAINFO_REFUSED;
}

/* The errors of struct text for the one who reads the reason. */
static int text_refusal(struct loader *l, int r, const char *what)
{
    return r == -E2BIG ? refuse(l, "%s are too long together", what) : r;
}

/* The better of KEY.utf-8 and KEY, of KIND both; the former is what older makers wrote when KEY was
 * in some local coding. */
static const struct bencode_node *find_utf8(struct loader *l, const struct bencode_node *dict,
                                            const char *key_utf8, const char *key,
                                            enum bencode_kind kind)
{
    const struct bencode_node *node = bencode_find_kind(&l->tree, dict, key_utf8, kind);

    return node && (kind == BENCODE_STRING || node->n)
               ? node
               : bencode_find_kind(&l->tree, dict, key, kind);
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
            return text_refusal(l, r, "the names of the files");
        if (t->n - start > NAME_MAX_BYTES)
            fault = "is longer than 255 bytes";
    }
    if (!fault)
        return 0;
    if (file < 0)
        return refuse(l, "%s: %s", where, fault);
    return refuse(l, "info.files[%" PRId64 "].%s: a name %s", file, where, fault);
}

static int load_name(struct loader *l)
{
    struct text t = {.max = METAINFO_REASON_MAX * 4};
    const struct bencode_node *node = find_utf8(l, l->info, "name.utf-8", "name", BENCODE_STRING);
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
    const struct bencode_node *path = find_utf8(l, dict, "path.utf-8", "path", BENCODE_LIST);
    struct text *t = &l->m->paths;
    size_t start = t->n;
    int r = text_append(t, l->m->name, strlen(l->m->name));

    for (const struct bencode_node *c = bencode_first(path); c && !r; c = bencode_next(path, c)) {
        r = text_append(t, "/", 1);
        if (!r)
            r = append_name(l, t, c, "path", file);
        if (!r && t->n - start > METAINFO_PATH_MAX)
            return refuse(l, "info.files[%" PRIu32 "].path: is longer than %u bytes", file,
                          METAINFO_PATH_MAX);
    }
    if (!r)
        r = text_append(t, "", 1);
    return text_refusal(l, r, "the names of the files");
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
    /* Both are below 2^63, so the sum has not wrapped. */
    if (l->m->geometry.total_length > INT64_MAX)
        return refuse(l, "info.files: the lengths add up to more than 2^63 bytes");
    return 0;
}

static int load_file(struct loader *l, const struct bencode_node *dict, uint32_t index)
{
    struct metainfo_file *file = &l->m->files[index];
    const struct bencode_node *length = bencode_find(&l->tree, dict, "length");
    int64_t n = bencode_integer(&l->tree, length);
    bool link = has_attr(l, dict, 'l');

    if (!length && !link)
        return refuse(l, "info.files[%" PRIu32 "].length: missing", index);
    if (n && link)
        return refuse(l, "info.files[%" PRIu32 "]: a symbolic link with content", index);
    file->padding = link || has_attr(l, dict, 'p');
    file->executable = has_attr(l, dict, 'x');
    return add_length(l, file, (uint64_t)n) ?: append_path(l, dict, index);
}

static int load_files(struct loader *l, const struct bencode_node *list)
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
    if (r > 0)
        return refuse(l, "info.files[%" PRIu32 "] and [%" PRIu32 "] collide: %s", first, second,
                      m->files[second].path);
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

static int load_content(struct loader *l)
{
    const struct bencode_node *length = bencode_find(&l->tree, l->info, "length");
    const struct bencode_node *files = bencode_find(&l->tree, l->info, "files");

    if (length && files)
        return refuse(l, "info: has both length and files");
    if (files)
        return load_files(l, files);
    if (length)
        return load_single(l, length);
    return refuse(l, "info: has neither length nor files");
}

static int load_pieces(struct loader *l)
{
    struct metainfo *m = l->m;
    uint64_t n_needed;
    size_t n;

    m->geometry.piece_length = (uint32_t)bencode_find_integer(&l->tree, l->info, "piece length");
    m->pieces = bencode_find_string(&l->tree, l->info, "pieces", &n);
    n_needed = m->geometry.total_length / m->geometry.piece_length +
               !!(m->geometry.total_length % m->geometry.piece_length);
    if (n % SHA1_SIZE)
        return refuse(l, "info.pieces: its %zu bytes are no multiple of %d", n, SHA1_SIZE);
    if (n / SHA1_SIZE != n_needed)
        return refuse(l, "info.pieces: has %zu hashes, the content has %" PRIu64 " pieces",
                      n / SHA1_SIZE, n_needed);
    if (n_needed > METAINFO_PIECES_MAX)
        return refuse(l, "info.pieces: more than %u pieces", METAINFO_PIECES_MAX);
    m->geometry.n_pieces = (uint32_t)n_needed;
    return 0;
}

/* NUL-terminated and clean, or NULL when there is none (then still 0). */
static int load_remark(struct loader *l, const char *key_utf8, const char *key, char **outp)
{
    struct text t = {.max = METAINFO_REMARK_MAX * 4};
    size_t n;
    const uint8_t *bytes =
        bencode_string(&l->tree, find_utf8(l, l->root, key_utf8, key, BENCODE_STRING), &n);
    int r;

    if (!bytes)
        return 0;
    r = text_append_clean(&t, bytes, n < METAINFO_REMARK_MAX ? n : METAINFO_REMARK_MAX, ' ');
    if (!r)
        r = text_append(&t, "", 1);
    if (r)
        text_deinit(&t);
    *outp = t.bytes;
    return r;
}

/* Adds what NODE says to the last tier, if it is a string. */
static int add_tracker(struct loader *l, const struct bencode_node *node)
{
    size_t n;
    const uint8_t *bytes = bencode_string(&l->tree, node, &n);

    return bytes ? tracker_list_add(&l->m->trackers, (const char *)bytes, n) : 0;
}

static int load_tier(struct loader *l, const struct bencode_node *tier)
{
    int r = 0;

    tracker_list_begin_tier(&l->m->trackers);
    if (tier->kind != BENCODE_LIST) /* a list of URLs without tiers: wrong, and seen */
        return add_tracker(l, tier);
    for (const struct bencode_node *t = bencode_first(tier); t && !r; t = bencode_next(tier, t))
        r = add_tracker(l, t);
    return r;
}

static int load_trackers(struct loader *l)
{
    const struct bencode_node *list =
        bencode_find_kind(&l->tree, l->root, "announce-list", BENCODE_LIST);
    int r = 0;

    for (const struct bencode_node *t = bencode_first(list); t && !r; t = bencode_next(list, t))
        r = load_tier(l, t);
    if (!r && !tracker_list_n_tiers(&l->m->trackers))
        r = add_tracker(l, bencode_find(&l->tree, l->root, "announce"));
    return r;
}

static void load_info_hash(struct loader *l)
{
    size_t n;
    const uint8_t *raw = bencode_raw(&l->tree, l->info, &n);

    sha1(raw, n, l->m->info_hash.bytes);
    l->m->info_start = (size_t)(raw - l->m->bytes);
    l->m->info_end = l->m->info_start + n;
}

static int parse_bytes(struct loader *l)
{
    struct metainfo *m = l->m;
    int r;

    if (!m->n || m->bytes[0] != 'd')
        return refuse(l, "not a torrent");
    r = bencode_parse(&l->tree, m->bytes, m->n, BENCODE_NODES_MAX);
    if (r == BENCODE_TRUNCATED)
        return refuse(l, "truncated: it ends after %zu bytes", m->n);
    if (r == BENCODE_MALFORMED && l->tree.n_used <= 1)
        return refuse(l, "not a torrent");
    if (r > 0 && r != BENCODE_TRAILING)
        return refuse(l, "not a torrent: %s at byte %zu", bencode_condition_text(r),
                      l->tree.n_used);
    return r < 0 ? r : 0;
}

static int check_types(struct loader *l)
{
    char reason[SCHEMA_REASON_MAX];

    l->root = bencode_root(&l->tree);
    if (!l->root->n)
        return refuse(l, "not a torrent");
    l->info = bencode_find_kind(&l->tree, l->root, "info", BENCODE_DICT);
    if (bencode_find_integer(&l->tree, l->info, "meta version") > 1 &&
        !bencode_find(&l->tree, l->info, "pieces"))
        return refuse(l, "a version 2 torrent without a version 1 part (BEP 52): not supported");
    if (bencode_check(&l->tree, l->root, &schema_torrent, reason))
        return refuse(l, "%s", reason);
    return 0;
}

static int load(struct loader *l)
{
    struct metainfo *m = l->m;
    int r = parse_bytes(l);

    r = r ?: check_types(l);
    r = r ?: load_name(l);
    r = r ?: load_content(l);
    r = r ?: load_pieces(l);
    r = r ?: load_trackers(l);
    r = r ?: load_remark(l, "comment.utf-8", "comment", &m->comment);
    r = r ?: load_remark(l, "created by.utf-8", "created by", &m->created_by);
    if (r)
        return r;
    m->creation_date = bencode_find_integer(&l->tree, l->root, "creation date");
    if (m->creation_date < 0)
        m->creation_date = 0;
    m->private = bencode_find_integer(&l->tree, l->info, "private") == 1;
    load_info_hash(l);
    return 0;
}

/* Takes BYTES over. */
static int load_owned(uint8_t *bytes, size_t n, struct metainfo **outp,
                      char reason[METAINFO_REASON_MAX])
{
    struct loader l = {.m = NEW(struct metainfo), .tree = BENCODE_EMPTY, .reason = reason};
    int r;

    *reason = '\0';
    l.m->bytes = bytes;
    l.m->n = n;
    r = load(&l);
    bencode_deinit(&l.tree);
    if (r) {
        metainfo_free(l.m);
        return r;
    }
    *outp = l.m;
    return 0;
}

int metainfo_parse(const uint8_t *bytes, size_t n, struct metainfo **outp,
                   char reason[METAINFO_REASON_MAX])
{
    uint8_t *copy;

    if (n > METAINFO_FILE_MAX) {
        snprintf(reason, METAINFO_REASON_MAX, "larger than %u MiB", METAINFO_FILE_MAX >> 20);
        return METAINFO_REFUSED;
    }
    copy = malloc(n + 1);
    if (!copy)
        return -ENOMEM;
    if (n)
        memcpy(copy, bytes, n);
    return load_owned(copy, n, outp, reason);
}

/* All of FD, at most METAINFO_FILE_MAX + 1 bytes of it. */
static int read_all(int fd, struct text *t)
{
    for (;;) {
        char part[16384];
        ssize_t n = read(fd, part, sizeof part);
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        r = text_append(t, part, (size_t)n);
        if (r)
            return r;
    }
}

int metainfo_load(const char *path, struct metainfo **outp, char reason[METAINFO_REASON_MAX])
{
    struct text t = {.max = METAINFO_FILE_MAX};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r;

    *reason = '\0';
    if (fd < 0)
        return -errno;
    r = read_all(fd, &t);
    close(fd);
    text_trim(&t);
    if (r) {
        text_deinit(&t);
        if (r != -E2BIG)
            return r;
        snprintf(reason, METAINFO_REASON_MAX, "larger than %u MiB", METAINFO_FILE_MAX >> 20);
        return METAINFO_REFUSED;
    }
    return load_owned((uint8_t *)t.bytes, t.n, outp, reason);
}
