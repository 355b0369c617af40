/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/bencode/bencode.h"
#include "conjure/bencode/schema.h"
#include "conjure/bencode/writer.h"

/*
 * Any bytes: no crash; sorted B-coding is written back byte for byte, because it has only one
 * coding.
 */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct bencode_schema small = SCHEMA_INTEGER(-3, 3);
static const struct bencode_schema item =
    SCHEMA_DICT({"i", SCHEMA_OPTIONAL, &small}, {"l", SCHEMA_REQUIRED, &schema_text_list});
static const struct bencode_schema schema = SCHEMA_LIST(&item, 1, 5);

static void rewrite(struct bencode_writer *w, const struct bencode *tree,
                    const struct bencode_node *node)
{
    const uint8_t *text;
    size_t n;
    bool is_key = true;

    if (node->kind == BENCODE_INTEGER) {
        bencode_put_integer(w, bencode_integer(tree, node));
        return;
    }
    if (node->kind == BENCODE_STRING) {
        text = bencode_string(tree, node, &n);
        bencode_put_string(w, text, n);
        return;
    }
    if (node->kind == BENCODE_DICT)
        bencode_begin_dict(w);
    else
        bencode_begin_list(w);
    for (const struct bencode_node *c = bencode_first(node); c; c = bencode_next(node, c)) {
        if (node->kind == BENCODE_DICT && is_key) {
            text = bencode_string(tree, c, &n);
            bencode_put_key_bytes(w, text, n);
        } else {
            rewrite(w, tree, c);
        }
        is_key = !is_key;
    }
    bencode_end(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct bencode tree = BENCODE_EMPTY;
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    char reason[SCHEMA_REASON_MAX];
    bool sorted = true;
    int r = bencode_parse(&tree, bytes, n, 4096);

    if (!r || r == BENCODE_TRAILING) {
        for (uint32_t i = 0; i < tree.n_nodes; i++)
            sorted &= !tree.nodes[i].unsorted;
        if (sorted) {
            rewrite(&w, &tree, bencode_root(&tree));
            if (bencode_writer_finish(&w) || w.n != tree.n_used || memcmp(w.bytes, bytes, w.n))
                abort();
        }
    } else if (tree.n_nodes) {
        abort();
    }
    if (bencode_check(&tree, bencode_root(&tree), &schema, reason) && !*reason)
        abort();
    bencode_writer_deinit(&w);
    bencode_deinit(&tree);
    return 0;
}
