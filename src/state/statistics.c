/* SPDX-License-Identifier: MIT */
#include "conjure/state/statistics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "conjure/bencode/bencode.h"
#include "conjure/bencode/schema.h"
#include "conjure/bencode/writer.h"
#include "conjure/fs/io.h"

#define STATISTICS_VERSION  1
#define STATISTICS_FILE_MAX 4096

int statistics_encode(const struct statistics *s, uint8_t **bytesp, size_t *np)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;

    bencode_begin_dict(&w);
    bencode_put_key(&w, "conjure");
    bencode_put_integer(&w, STATISTICS_VERSION);
    bencode_put_key(&w, "downloaded");
    bencode_put_integer(&w, (int64_t)s->downloaded);
    bencode_put_key(&w, "running");
    bencode_put_integer(&w, (int64_t)s->running_s);
    bencode_put_key(&w, "starts");
    bencode_put_integer(&w, (int64_t)s->n_starts);
    bencode_put_key(&w, "uploaded");
    bencode_put_integer(&w, (int64_t)s->uploaded);
    bencode_end(&w);
    return bencode_writer_take(&w, bytesp, np);
}

static const struct bencode_schema version_schema =
    SCHEMA_INTEGER(STATISTICS_VERSION, STATISTICS_VERSION);
static const struct bencode_schema statistics_schema = SCHEMA_DICT(
    {"conjure", SCHEMA_REQUIRED, &version_schema}, {"downloaded", SCHEMA_REQUIRED, &schema_natural},
    {"running", SCHEMA_REQUIRED, &schema_natural}, {"starts", SCHEMA_REQUIRED, &schema_natural},
    {"uploaded", SCHEMA_REQUIRED, &schema_natural});

int statistics_decode(const uint8_t *bytes, size_t n, struct statistics *s,
                      char reason[STATISTICS_REASON_MAX])
{
    struct bencode tree = BENCODE_EMPTY;
    char fault[SCHEMA_REASON_MAX];
    int r = bencode_parse(&tree, bytes, n, BENCODE_NODES_SMALL);

    if (r > 0) {
        snprintf(reason, STATISTICS_REASON_MAX, "%s", bencode_condition_text(r));
        r = STATISTICS_CORRUPT;
    } else if (!r && bencode_check(&tree, bencode_root(&tree), &statistics_schema, fault)) {
        snprintf(reason, STATISTICS_REASON_MAX, "%s", fault);
        r = STATISTICS_CORRUPT;
    } else if (!r) {
        const struct bencode_node *root = bencode_root(&tree);

        *s = (struct statistics){
            .uploaded = (uint64_t)bencode_find_integer(&tree, root, "uploaded"),
            .downloaded = (uint64_t)bencode_find_integer(&tree, root, "downloaded"),
            .n_starts = (uint64_t)bencode_find_integer(&tree, root, "starts"),
            .running_s = (uint64_t)bencode_find_integer(&tree, root, "running"),
        };
    }
    bencode_deinit(&tree);
    return r;
}

int statistics_save(const char *path, const struct statistics *s)
{
    uint8_t *bytes;
    size_t n;
    int r = statistics_encode(s, &bytes, &n);

    if (r)
        return r;
    r = io_replace_file(path, bytes, n);
    free(bytes);
    return r;
}

int statistics_load(const char *path, struct statistics *s, char reason[STATISTICS_REASON_MAX])
{
    uint8_t *bytes;
    size_t n;
    int r = io_read_file(path, STATISTICS_FILE_MAX, &bytes, &n);

    if (r == -EFBIG) {
        snprintf(reason, STATISTICS_REASON_MAX, "larger than statistics can be");
        return STATISTICS_CORRUPT;
    }
    if (r)
        return r;
    r = statistics_decode(bytes, n, s, reason);
    free(bytes);
    return r;
}
