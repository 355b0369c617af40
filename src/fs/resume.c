/* SPDX-License-Identifier: MIT */
#include "fs/resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/bencode/bencode.h"
#include "conjure/bencode/schema.h"
#include "conjure/bencode/writer.h"
#include "fs/bits.h"
#include "fs/slots.h"
#include "fs/stamps.h"

#define RESUME_VERSION 1

static const char *const allocations[] = {
    [ALLOCATION_SPARSE] = "sparse",
    [ALLOCATION_FULL] = "full",
    [ALLOCATION_COMPACT] = "compact",
};

struct resume *resume_new(const struct metainfo *meta)
{
    struct resume *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->n_files = metainfo_n_files(meta);
    r->stamps = calloc((size_t)r->n_files + 1, sizeof *r->stamps);
    r->parts = calloc((size_t)r->n_files + 1, sizeof *r->parts);
    r->foreign = calloc((size_t)r->n_files + 1, sizeof *r->foreign);
    if (!r->stamps || !r->parts || !r->foreign ||
        bitfield_init(&r->pieces, metainfo_n_pieces(meta)) ||
        bitfield_init(&r->doubtful, metainfo_n_pieces(meta))) {
        resume_free(r);
        return NULL;
    }
    return r;
}

void resume_free(struct resume *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->n_partials; i++)
        free(r->partials[i].blocks);
    free(r->partials);
    free(r->stamps);
    free(r->parts);
    free(r->foreign);
    free(r->slots);
    bitfield_deinit(&r->pieces);
    bitfield_deinit(&r->doubtful);
    free(r);
}

/* --- encoding -------------------------------------------------------------------------------- */

/* Bits in the order of the wire (BEP 3), the first one in the high bit of the first byte. */
static void put_bits(struct bencode_writer *w, const uint64_t *bits, uint32_t n)
{
    size_t size = bitfield_size(n);
    uint8_t *bytes = calloc(1, size + 1);

    if (!bytes) {
        w->failed = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        if (bit_test(bits, i))
            bytes[i / 8] = (uint8_t)(bytes[i / 8] | 0x80 >> i % 8);
    bencode_put_string(w, bytes, size);
    free(bytes);
}

static void put_slots(struct bencode_writer *w, const uint32_t *slots, uint32_t n)
{
    uint8_t *bytes = malloc((size_t)n * 4 + 1);

    if (!bytes) {
        w->failed = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        put_be32(bytes + (size_t)i * 4, slots[i]);
    bencode_put_string(w, bytes, (size_t)n * 4);
    free(bytes);
}

/* Nothing when there is none: resume data hardly ever has any. */
static void put_foreign(struct bencode_writer *w, const bool *foreign, uint32_t n)
{
    bool any = false;

    for (uint32_t i = 0; i < n; i++) {
        if (!foreign[i])
            continue;
        if (!any) {
            bencode_put_key(w, "foreign");
            bencode_begin_list(w);
        }
        any = true;
        bencode_put_integer(w, i);
    }
    if (any)
        bencode_end(w);
}

int resume_encode(const struct resume *r, const struct metainfo *meta, uint8_t **bytesp, size_t *np)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;

    bencode_begin_dict(&w);
    bencode_put_key(&w, "allocation");
    bencode_put_text(&w, allocations[r->allocation]);
    if (r->checking) {
        bencode_put_key(&w, "checking");
        bencode_put_integer(&w, 1);
    }
    bencode_put_key(&w, "clean");
    bencode_put_integer(&w, r->clean);
    if (r->complete) {
        bencode_put_key(&w, "complete");
        bencode_put_integer(&w, 1);
    }
    bencode_put_key(&w, "conjure");
    bencode_put_integer(&w, RESUME_VERSION);
    if (r->doubtful.n_set) {
        bencode_put_key(&w, "doubtful");
        bencode_put_string(&w, r->doubtful.bytes, bitfield_size(r->doubtful.n_bits));
    }
    bencode_put_key(&w, "downloaded");
    bencode_put_integer(&w, (int64_t)r->downloaded);
    bencode_put_key(&w, "files");
    bencode_begin_list(&w);
    for (uint32_t i = 0; i < r->n_files; i++) {
        bencode_begin_list(&w);
        bencode_put_integer(&w, r->stamps[i].exists ? (int64_t)r->stamps[i].size : -1);
        bencode_put_integer(&w, r->stamps[i].mtime_ns);
        bencode_put_integer(&w, r->parts[i]);
        if (r->stamps[i].inode && r->stamps[i].inode <= INT64_MAX)
            bencode_put_integer(&w, (int64_t)r->stamps[i].inode);
        bencode_end(&w);
    }
    bencode_end(&w);
    put_foreign(&w, r->foreign, r->n_files);
    bencode_put_key(&w, "info-hash");
    bencode_put_string(&w, metainfo_info_hash(meta)->bytes, INFO_HASH_SIZE);
    bencode_put_key(&w, "partial");
    bencode_begin_list(&w);
    for (uint32_t i = 0; i < r->n_partials; i++) {
        bencode_begin_list(&w);
        bencode_put_integer(&w, r->partials[i].piece);
        put_bits(&w, r->partials[i].blocks, r->partials[i].n_blocks);
        bencode_end(&w);
    }
    bencode_end(&w);
    bencode_put_key(&w, "pieces");
    bencode_put_string(&w, r->pieces.bytes, bitfield_size(r->pieces.n_bits));
    if (r->slots) {
        bencode_put_key(&w, "slots");
        put_slots(&w, r->slots, r->pieces.n_bits);
    }
    bencode_put_key(&w, "uploaded");
    bencode_put_integer(&w, (int64_t)r->uploaded);
    bencode_end(&w);
    return bencode_writer_take(&w, bytesp, np);
}

/* --- decoding -------------------------------------------------------------------------------- */

static const struct bencode_schema version_schema = SCHEMA_INTEGER(RESUME_VERSION, RESUME_VERSION);
static const struct bencode_schema flag_schema = SCHEMA_INTEGER(0, 1);
static const struct bencode_schema hash_schema = SCHEMA_STRING(SHA1_SIZE, SHA1_SIZE);
static const struct bencode_schema lists_schema =
    SCHEMA_LIST(&(const struct bencode_schema)SCHEMA_LIST(NULL, 2, 4), 0, INT64_MAX);
static const struct bencode_schema numbers_schema = SCHEMA_LIST(&schema_natural, 0, INT64_MAX);
static const struct bencode_schema resume_schema = SCHEMA_DICT(
    {"allocation", SCHEMA_REQUIRED, &schema_text}, {"checking", SCHEMA_OPTIONAL, &flag_schema},
    {"clean", SCHEMA_REQUIRED, &flag_schema}, {"complete", SCHEMA_OPTIONAL, &flag_schema},
    {"conjure", SCHEMA_REQUIRED, &version_schema}, {"doubtful", SCHEMA_OPTIONAL, &schema_text},
    {"downloaded", SCHEMA_REQUIRED, &schema_natural}, {"files", SCHEMA_REQUIRED, &lists_schema},
    {"foreign", SCHEMA_OPTIONAL, &numbers_schema}, {"info-hash", SCHEMA_REQUIRED, &hash_schema},
    {"partial", SCHEMA_REQUIRED, &lists_schema}, {"pieces", SCHEMA_REQUIRED, &schema_text},
    {"slots", SCHEMA_OPTIONAL, &schema_text}, {"uploaded", SCHEMA_REQUIRED, &schema_natural});

static int take_files(struct resume *r, const struct bencode *tree, const struct bencode_node *list)
{
    uint32_t file = 0;

    if (list->n != r->n_files)
        return RESUME_CORRUPT;
    for (const struct bencode_node *c = bencode_first(list); c; c = bencode_next(list, c)) {
        const struct bencode_node *size = bencode_first(c), *mtime = bencode_next(c, size);
        const struct bencode_node *part = mtime ? bencode_next(c, mtime) : NULL;
        const struct bencode_node *inode = part ? bencode_next(c, part) : NULL;
        int64_t n = bencode_integer(tree, size);

        if (!part || size->kind != BENCODE_INTEGER || mtime->kind != BENCODE_INTEGER ||
            part->kind != BENCODE_INTEGER || (inode && inode->kind != BENCODE_INTEGER))
            return RESUME_CORRUPT;
        if (n >= 0)
            r->stamps[file] =
                (struct file_stamp){true, (uint64_t)n, bencode_integer(tree, mtime),
                                    inode ? (uint64_t)bencode_integer(tree, inode) : 0};
        r->parts[file++] = bencode_integer(tree, part);
    }
    return 0;
}

static int take_foreign(struct resume *r, const struct bencode *tree,
                        const struct bencode_node *list)
{
    for (const struct bencode_node *c = bencode_first(list); c; c = bencode_next(list, c)) {
        int64_t file = bencode_integer(tree, c);

        if (file >= r->n_files)
            return RESUME_CORRUPT;
        r->foreign[file] = true;
    }
    return 0;
}

static int take_partial(struct resume *r, const struct bencode *tree, const struct bencode_node *c,
                        const struct metainfo *meta)
{
    const struct bencode_node *number = bencode_first(c), *bits = bencode_next(c, number);
    int64_t piece = bencode_integer(tree, number);
    struct resume_partial *p = &r->partials[r->n_partials];
    const uint8_t *bytes;
    size_t n;

    if (!bits || number->kind != BENCODE_INTEGER || bits->kind != BENCODE_STRING || piece < 0 ||
        piece >= r->pieces.n_bits)
        return RESUME_CORRUPT;
    bytes = bencode_string(tree, bits, &n);
    p->piece = (uint32_t)piece;
    p->n_blocks = geometry_n_blocks(metainfo_geometry(meta), p->piece);
    if (n != bitfield_size(p->n_blocks))
        return RESUME_CORRUPT;
    p->blocks = calloc(p->n_blocks / 64 + 1, sizeof *p->blocks);
    if (!p->blocks)
        return -ENOMEM;
    r->n_partials++;
    for (uint32_t i = 0; i < p->n_blocks; i++)
        if (bytes[i / 8] & 0x80 >> i % 8)
            bit_set(p->blocks, i);
    return 0;
}

static int take_partials(struct resume *r, const struct bencode *tree,
                         const struct bencode_node *list, const struct metainfo *meta)
{
    int x = 0;

    if (list->n > r->pieces.n_bits)
        return RESUME_CORRUPT;
    r->partials = calloc((size_t)list->n + 1, sizeof *r->partials);
    if (!r->partials)
        return -ENOMEM;
    for (const struct bencode_node *c = bencode_first(list); c && !x; c = bencode_next(list, c))
        x = take_partial(r, tree, c, meta);
    return x;
}

static int take_slots(struct resume *r, const uint8_t *bytes, size_t n)
{
    if (n != (size_t)r->pieces.n_bits * 4)
        return RESUME_CORRUPT;
    r->slots = malloc(n + 1);
    if (!r->slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < r->pieces.n_bits; i++) {
        r->slots[i] = get_be32(bytes + (size_t)i * 4);
        if (r->slots[i] != SLOT_NONE && r->slots[i] >= r->pieces.n_bits)
            return RESUME_CORRUPT;
    }
    return 0;
}

static int take(struct resume *r, const struct bencode *tree, const struct metainfo *meta)
{
    const struct bencode_node *root = bencode_root(tree);
    const struct bencode_node *allocation = bencode_find(tree, root, "allocation");
    const uint8_t *bytes;
    size_t n;
    int x = RESUME_CORRUPT;

    for (unsigned i = 0; i < sizeof allocations / sizeof allocations[0]; i++)
        if (bencode_string_equals(tree, allocation, allocations[i])) {
            r->allocation = (enum allocation)i;
            x = 0;
        }
    if (memcmp(bencode_find_string(tree, root, "info-hash", &n), metainfo_info_hash(meta)->bytes,
               INFO_HASH_SIZE))
        x = RESUME_CORRUPT;
    r->checking = bencode_find_integer(tree, root, "checking");
    r->complete = bencode_find_integer(tree, root, "complete");
    r->clean = bencode_find_integer(tree, root, "clean");
    r->uploaded = (uint64_t)bencode_find_integer(tree, root, "uploaded");
    r->downloaded = (uint64_t)bencode_find_integer(tree, root, "downloaded");
    if (!x) {
        bytes = bencode_find_string(tree, root, "pieces", &n);
        x = bitfield_load(&r->pieces, bytes, n);
        bytes = bencode_find_string(tree, root, "doubtful", &n);
        if (!x && bytes)
            x = bitfield_load(&r->doubtful, bytes, n);
    }
    if (!x)
        x = take_files(r, tree, bencode_find(tree, root, "files"));
    if (!x)
        x = take_foreign(r, tree, bencode_find(tree, root, "foreign"));
    if (!x)
        x = take_partials(r, tree, bencode_find(tree, root, "partial"), meta);
    bytes = bencode_find_string(tree, root, "slots", &n);
    if (!x && bytes)
        x = take_slots(r, bytes, n);
    return x;
}

int resume_decode(const uint8_t *bytes, size_t n, const struct metainfo *meta,
                  struct resume **resumep)
{
    struct bencode tree = BENCODE_EMPTY;
    char reason[SCHEMA_REASON_MAX];
    struct resume *r = NULL;
    int x = bencode_parse(&tree, bytes, n, BENCODE_NODES_MAX);

    if (!x)
        x = bencode_check(&tree, bencode_root(&tree), &resume_schema, reason);
    if (!x) {
        r = resume_new(meta);
        x = r ? take(r, &tree, meta) : -ENOMEM;
    }
    bencode_deinit(&tree);
    if (x) {
        resume_free(r);
        return x < 0 ? x : RESUME_CORRUPT;
    }
    *resumep = r;
    return 0;
}
