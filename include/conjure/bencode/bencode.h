/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BENCODE_BENCODE_H
#define CONJURE_BENCODE_BENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * B-coding (BEP 3) as a compact tree over the input: nothing is copied, every node has the range of
 * its raw bytes. The input must not move or change while the tree is used.
 *
 * Pure; any thread may read a tree that does not change.
 */
#define BENCODE_INPUT_MAX   (64u << 20) /* bytes; the largest .torrent we accept */
#define BENCODE_DEPTH_MAX   32         /* lists and dicts within each other; a torrent needs five */
#define BENCODE_NODES_MAX   (1u << 24) /* 256 MiB of nodes: a .torrent of a million files */
#define BENCODE_NODES_SMALL 16384      /* `max_nodes` for messages and tracker replies */

enum bencode_kind {
    BENCODE_INTEGER,
    BENCODE_STRING,
    BENCODE_LIST,
    BENCODE_DICT,
};

/* Conditions of bencode_parse. */
enum {
    BENCODE_TRAILING = 1,  /* bytes follow the value at n_used; the tree is valid */
    BENCODE_TRUNCATED,     /* the input ends within the value */
    BENCODE_MALFORMED,     /* not B-coding; also "-0", leading zeros, integers beyond 64 bits */
    BENCODE_DUPLICATE_KEY, /* within one dict */
    BENCODE_TOO_DEEP,      /* BENCODE_DEPTH_MAX */
    BENCODE_TOO_MANY,      /* more than `max_nodes` */
    BENCODE_TOO_BIG,       /* BENCODE_INPUT_MAX */
};

/*
 * Nodes lie in the order of their first bytes: the first child follows its parent, the first node
 * after a whole subtree is node + node->span. A dict's children are key, value, key, value...
 */
struct bencode_node {
    uint32_t start; /* raw bytes are [start, end) of the input */
    uint32_t end;
    uint32_t span;         /* nodes in this subtree, itself included */
    uint32_t kind : 2;     /* enum bencode_kind */
    uint32_t unsorted : 1; /* a dict whose keys are not in order: common, though BEP 3 forbids it */
    uint32_t n : 29; /* list: items, dict: pairs, string: bytes of the "123:" before the text */
};

struct bencode {
    const uint8_t *bytes;       /* the input, borrowed */
    struct bencode_node *nodes; /* owned; nodes[0] is the root */
    uint32_t n_nodes;
    uint32_t n_allocated;
    size_t n_used; /* bytes of the root; after a failure the offset where the parser stopped */
};
#define BENCODE_EMPTY ((struct bencode){0})

/*
 * Parses one value at the beginning of BYTES into TREE, which is empty (or deinitialised). Returns
 * 0; a condition from above; or -ENOMEM. The tree has nodes only after 0 and BENCODE_TRAILING.
 * Takes O(n) time, and O(k log k) for a dict of k unsorted keys; at most 16 bytes * MAX_NODES.
 */
int bencode_parse(struct bencode *tree, const uint8_t *bytes, size_t n, uint32_t max_nodes);
void bencode_deinit(struct bencode *tree); /* safe twice */

/* "the input ends too early" and the like, for messages. */
const char *bencode_condition_text(int condition);

/*
 * Accessors. For a NULL node, or one of another kind, all return NULL (or 0), so that lookups can
 * be chained and optional fields of a wrong type count as absent.
 */
const struct bencode_node *bencode_root(const struct bencode *tree); /* NULL without a tree */

/* The value at KEY of a dict, or NULL. O(pairs). */
const struct bencode_node *bencode_find(const struct bencode *tree, const struct bencode_node *dict,
                                        const char *key);
/* The same, but only a value of KIND is found. */
const struct bencode_node *bencode_find_kind(const struct bencode *tree,
                                             const struct bencode_node *dict, const char *key,
                                             enum bencode_kind kind);

/* Iteration: for (c = bencode_first(list); c; c = bencode_next(list, c)). In a dict the keys and
 * values take turns. */
const struct bencode_node *bencode_first(const struct bencode_node *parent);
const struct bencode_node *bencode_next(const struct bencode_node *parent,
                                        const struct bencode_node *child);

/* The text of a string, in the input and not NUL-terminated; its size in bytes to *NP. */
const uint8_t *bencode_string(const struct bencode *tree, const struct bencode_node *node,
                              size_t *np);
bool bencode_string_equals(const struct bencode *tree, const struct bencode_node *node,
                           const char *text);
/* The value of an integer; 0 for anything else. */
int64_t bencode_integer(const struct bencode *tree, const struct bencode_node *node);
/* The raw bytes of any node, as they stand in the input. */
const uint8_t *bencode_raw(const struct bencode *tree, const struct bencode_node *node, size_t *np);

/* Shorthands for the fields of a dict. */
static inline int64_t bencode_find_integer(const struct bencode *tree,
                                           const struct bencode_node *dict, const char *key)
{
    return bencode_integer(tree, bencode_find(tree, dict, key));
}

static inline const uint8_t *bencode_find_string(const struct bencode *tree,
                                                 const struct bencode_node *dict, const char *key,
                                                 size_t *np)
{
    return bencode_string(tree, bencode_find(tree, dict, key), np);
}

#endif
