/* SPDX-License-Identifier: MIT */
#include "conjure/state/known.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/bytes.h"
#include "conjure/bencode/bencode.h"
#include "conjure/bencode/schema.h"
#include "conjure/bencode/writer.h"
#include "conjure/fs/io.h"

#define KNOWN_VERSION 1

char *known_name(const struct info_hash *info_hash, char name[KNOWN_NAME_MAX])
{
    info_hash_text(info_hash, name);
    strcat(name, KNOWN_SUFFIX);
    return name;
}

void known_deinit(struct known *k)
{
    metainfo_free(k->meta);
    free(k->folder);
    free(k->skip_file);
    *k = KNOWN_EMPTY;
}

/* --- encoding -------------------------------------------------------------------------------- */

int known_encode(const struct known *k, uint8_t **bytesp, size_t *np)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    const uint8_t *raw;
    size_t n_raw;

    bencode_begin_dict(&w);
    bencode_put_key(&w, "conjure");
    bencode_put_integer(&w, KNOWN_VERSION);
    bencode_put_key(&w, "folder");
    bencode_put_text(&w, k->folder);
    bencode_put_key(&w, "seeded");
    bencode_put_integer(&w, (int64_t)k->seeded_s);
    bencode_put_key(&w, "skipped");
    bencode_begin_list(&w);
    for (uint32_t i = 0; k->skip_file && i < metainfo_n_files(k->meta); i++)
        if (k->skip_file[i])
            bencode_put_integer(&w, i);
    bencode_end(&w);
    bencode_put_key(&w, "torrent");
    raw = metainfo_raw(k->meta, &n_raw);
    bencode_put_string(&w, raw, n_raw);
    bencode_end(&w);
    if (w.n > BENCODE_INPUT_MAX) {
        bencode_writer_deinit(&w);
        return -EFBIG;
    }
    return bencode_writer_take(&w, bytesp, np);
}

/* --- decoding -------------------------------------------------------------------------------- */

static const struct bencode_schema version_schema = SCHEMA_INTEGER(KNOWN_VERSION, KNOWN_VERSION);
static const struct bencode_schema folder_schema = SCHEMA_STRING(1, PATH_MAX - 1);
static const struct bencode_schema number_schema = SCHEMA_INTEGER(0, METAINFO_FILES_MAX - 1);
static const struct bencode_schema numbers_schema =
    SCHEMA_LIST(&number_schema, 0, METAINFO_FILES_MAX);
static const struct bencode_schema torrent_schema = SCHEMA_STRING(1, METAINFO_FILE_MAX);
static const struct bencode_schema known_schema = SCHEMA_DICT(
    {"conjure", SCHEMA_REQUIRED, &version_schema}, {"folder", SCHEMA_REQUIRED, &folder_schema},
    {"seeded", SCHEMA_REQUIRED, &schema_natural}, {"skipped", SCHEMA_REQUIRED, &numbers_schema},
    {"torrent", SCHEMA_REQUIRED, &torrent_schema});

static int corrupt(char reason[KNOWN_REASON_MAX], const char *text)
{
    snprintf(reason, KNOWN_REASON_MAX, "%s", text);
    return KNOWN_CORRUPT;
}

static int decode_folder(struct known *k, const uint8_t *bytes, size_t n, char *reason)
{
    if (bytes[0] != '/' || memchr(bytes, 0, n))
        return corrupt(reason, "folder: not an absolute path");
    k->folder = strndup((const char *)bytes, n);
    return k->folder ? 0 : -ENOMEM;
}

static int decode_skipped(struct known *k, const struct bencode *tree,
                          const struct bencode_node *list, char *reason)
{
    uint32_t n_files = metainfo_n_files(k->meta);

    if (!bencode_first(list))
        return 0;
    k->skip_file = calloc(n_files, sizeof *k->skip_file);
    if (!k->skip_file)
        return -ENOMEM;
    for (const struct bencode_node *c = bencode_first(list); c; c = bencode_next(list, c)) {
        int64_t file = bencode_integer(tree, c);

        if (file >= n_files)
            return corrupt(reason, "skipped: there is no such file in the torrent");
        k->skip_file[file] = true;
    }
    return 0;
}

static int decode_root(struct known *k, const struct bencode *tree, char *reason)
{
    const struct bencode_node *root = bencode_root(tree);
    char fault[METAINFO_REASON_MAX];
    const uint8_t *bytes;
    size_t n;
    int r;

    k->seeded_s = (uint64_t)bencode_find_integer(tree, root, "seeded");
    bytes = bencode_find_string(tree, root, "folder", &n);
    r = decode_folder(k, bytes, n, reason);
    if (r)
        return r;
    bytes = bencode_find_string(tree, root, "torrent", &n);
    r = metainfo_parse(bytes, n, &k->meta, fault);
    if (r > 0) {
        snprintf(reason, KNOWN_REASON_MAX, "torrent: %s", fault);
        r = KNOWN_CORRUPT;
    }
    return r ? r : decode_skipped(k, tree, bencode_find(tree, root, "skipped"), reason);
}

int known_decode(const uint8_t *bytes, size_t n, struct known *k, char reason[KNOWN_REASON_MAX])
{
    struct bencode tree = BENCODE_EMPTY;
    struct known taken = KNOWN_EMPTY;
    char fault[SCHEMA_REASON_MAX];
    int r = bencode_parse(&tree, bytes, n, BENCODE_NODES_MAX);

    if (r > 0)
        r = corrupt(reason, bencode_condition_text(r));
    else if (!r && bencode_check(&tree, bencode_root(&tree), &known_schema, fault))
        r = corrupt(reason, fault);
    if (!r)
        r = decode_root(&taken, &tree, reason);
    bencode_deinit(&tree);
    if (r) {
        known_deinit(&taken);
        return r;
    }
    *k = taken;
    return 0;
}

static int load(const char *path, struct known *k, char reason[KNOWN_REASON_MAX])
{
    uint8_t *bytes;
    size_t n;
    int r = io_read_file(path, BENCODE_INPUT_MAX, &bytes, &n);

    if (r == -EFBIG)
        return corrupt(reason, "larger than any torrent");
    if (r)
        return r;
    r = known_decode(bytes, n, k, reason);
    free(bytes);
    return r;
}

int known_load(const char *path, struct known *k, char reason[KNOWN_REASON_MAX])
{
    int r = load(path, k, reason);

    if (!r)
        metainfo_drop_raw(k->meta);
    return r;
}

int known_save(const char *path, const struct known *k)
{
    struct known whole = *k, old = KNOWN_EMPTY;
    char reason[KNOWN_REASON_MAX];
    uint8_t *bytes;
    size_t n;
    int r = 0;

    if (!metainfo_raw(k->meta, &n)) {
        r = load(path, &old, reason);
        if (r > 0 ||
            (!r && !info_hash_equal(metainfo_info_hash(old.meta), metainfo_info_hash(k->meta))))
            r = -EBADMSG;
        whole.meta = old.meta;
    }
    if (!r)
        r = known_encode(&whole, &bytes, &n);
    known_deinit(&old);
    if (r)
        return r;
    r = io_replace_file(path, bytes, n);
    free(bytes);
    return r;
}
