/* SPDX-License-Identifier: MIT */
/*
 * Loading checks, in this order: B-coding, types by schema, names, sums, collisions. Every fault of
 * a torrent is found here, once, and reported in one line; the accessors in metainfo.c only return
 * values.
 *
 * Harmless faults (an odd comment, a tracker's URL with blanks, a date that is a string) count as
 * absent: other clients ignore them, and such torrents are in use.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/bencode/schema.h"
#include "torrent/loader.h"
#include "torrent/metainfo_files.h"

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
        return loader_refuse(l, "info.pieces: its %zu bytes are no multiple of %d", n, SHA1_SIZE);
    if (n / SHA1_SIZE != n_needed)
        return loader_refuse(l, "info.pieces: has %zu hashes, the content has %" PRIu64 " pieces",
                             n / SHA1_SIZE, n_needed);
    if (n_needed > METAINFO_PIECES_MAX)
        return loader_refuse(l, "info.pieces: more than %u pieces", METAINFO_PIECES_MAX);
    m->geometry.n_pieces = (uint32_t)n_needed;
    return 0;
}

/* *OUTP is NUL-terminated and clean, or NULL when there is no such string. 0 or -errno. */
static int load_remark(struct loader *l, const char *key_utf8, const char *key, char **outp)
{
    struct text t = TEXT_EMPTY(METAINFO_REMARK_MAX * 4);
    size_t n;
    const uint8_t *bytes =
        bencode_string(&l->tree, loader_find_utf8(l, l->root, key_utf8, key, BENCODE_STRING), &n);
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

/* Adds the URL in NODE to the last tier, if it is a string. */
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
    if (tier->kind != BENCODE_LIST) /* a list of URLs without tiers: wrong, but in use */
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
        return loader_refuse(l, "not a torrent");
    r = bencode_parse(&l->tree, m->bytes, m->n, BENCODE_NODES_MAX);
    if (r == BENCODE_TRUNCATED)
        return loader_refuse(l, "truncated: it ends after %zu bytes", m->n);
    if (r == BENCODE_MALFORMED && l->tree.n_used <= 1)
        return loader_refuse(l, "not a torrent");
    if (r > 0 && r != BENCODE_TRAILING)
        return loader_refuse(l, "not a torrent: %s at byte %zu", bencode_condition_text(r),
                             l->tree.n_used);
    return r < 0 ? r : 0;
}

static int check_types(struct loader *l)
{
    char reason[SCHEMA_REASON_MAX];

    l->root = bencode_root(&l->tree);
    if (!l->root->n)
        return loader_refuse(l, "not a torrent");
    l->info = bencode_find_kind(&l->tree, l->root, "info", BENCODE_DICT);
    if (bencode_find_integer(&l->tree, l->info, "meta version") > 1 &&
        !bencode_find(&l->tree, l->info, "pieces"))
        return loader_refuse(
            l, "a version 2 torrent without a version 1 part (BEP 52): not supported");
    if (bencode_check(&l->tree, l->root, &schema_torrent, reason))
        return loader_refuse(l, "%s", reason);
    return 0;
}

static int load(struct loader *l)
{
    struct metainfo *m = l->m;
    int r = parse_bytes(l);

    r = r ?: check_types(l);
    r = r ?: metainfo_files_load_name(l);
    r = r ?: metainfo_files_load(l);
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
    struct text t = TEXT_EMPTY(METAINFO_FILE_MAX);
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
