/* SPDX-License-Identifier: MIT */
#include "conjure/bencode/bencode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * One pass over the input with an explicit stack of open containers. A node is written at its first
 * byte; a container's end, span and count are filled in when it closes. Each key is compared with
 * the previous key, which also finds duplicates in a sorted dict. The keys of an unsorted dict are
 * sorted in a copy, once, when it closes.
 *
 * Every length is checked against the rest of the input before use, and the input is limited to 64
 * MiB, so 32-bit offsets suffice and no sum can overflow.
 */

struct open_container {
    uint32_t node;
    uint32_t last_key; /* its node, when n is not 0 */
    bool wants_value;  /* a dict whose last key has no value yet */
};

struct parser {
    struct bencode *tree;
    const uint8_t *p;
    const uint8_t *end;
    uint32_t max_nodes;
    unsigned depth;
    struct open_container stack[BENCODE_DEPTH_MAX];
};

struct key {
    const uint8_t *text;
    size_t n;
};

static int compare_bytes(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b)
{
    int order = memcmp(a, b, n_a < n_b ? n_a : n_b);

    return order ? order : (n_a > n_b) - (n_a < n_b);
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;

    return compare_bytes(x->text, x->n, y->text, y->n);
}

static int grow(struct parser *ps)
{
    struct bencode *tree = ps->tree;
    uint32_t n = tree->n_allocated ? tree->n_allocated * 2 : 32;
    struct bencode_node *nodes;

    if (tree->n_nodes >= ps->max_nodes)
        return BENCODE_TOO_MANY;
    if (n > ps->max_nodes)
        n = ps->max_nodes;
    nodes = reallocarray(tree->nodes, n, sizeof *nodes);
    if (!nodes)
        return -ENOMEM;
    tree->nodes = nodes;
    tree->n_allocated = n;
    return 0;
}

static int add_node(struct parser *ps, enum bencode_kind kind, struct bencode_node **nodep)
{
    struct bencode *tree = ps->tree;
    struct bencode_node *node;

    if (tree->n_nodes == tree->n_allocated) {
        int r = grow(ps);

        if (r)
            return r;
    }
    node = &tree->nodes[tree->n_nodes++];
    *node = (struct bencode_node){
        .start = (uint32_t)(ps->p - tree->bytes),
        .span = 1,
        .kind = kind,
    };
    *nodep = node;
    return 0;
}

/* "i-42e" at ps->p: checks syntax and range; bencode_integer computes the value. */
static int parse_integer(struct parser *ps)
{
    struct bencode_node *node;
    const uint8_t *p = ps->p + 1;
    bool negative;
    uint64_t value = 0;
    int r = add_node(ps, BENCODE_INTEGER, &node);

    if (r)
        return r;
    if (p == ps->end)
        return BENCODE_TRUNCATED;
    negative = *p == '-';
    if (negative && ++p == ps->end)
        return BENCODE_TRUNCATED;
    if (*p < '0' || *p > '9')
        return BENCODE_MALFORMED;
    if (*p == '0') {
        if (negative)
            return BENCODE_MALFORMED;
        p++;
    } else {
        for (; p < ps->end && *p >= '0' && *p <= '9'; p++) {
            if (value > (uint64_t)INT64_MAX / 10)
                return BENCODE_MALFORMED;
            value = value * 10 + (uint64_t)(*p - '0');
            if (value > (uint64_t)INT64_MAX + negative)
                return BENCODE_MALFORMED;
        }
    }
    if (p == ps->end)
        return BENCODE_TRUNCATED;
    if (*p != 'e')
        return BENCODE_MALFORMED;
    ps->p = p + 1;
    node->end = (uint32_t)(ps->p - ps->tree->bytes);
    return 0;
}

static int parse_string(struct parser *ps)
{
    struct bencode_node *node;
    const uint8_t *p = ps->p;
    uint64_t size = 0;
    int r = add_node(ps, BENCODE_STRING, &node);

    if (r)
        return r;
    for (; p < ps->end && *p >= '0' && *p <= '9'; p++) {
        if (p > ps->p && !size)
            return BENCODE_MALFORMED; /* a leading zero */
        size = size * 10 + (uint64_t)(*p - '0');
        if (size > BENCODE_INPUT_MAX)
            return BENCODE_TRUNCATED; /* no input is that long */
    }
    if (p == ps->end)
        return BENCODE_TRUNCATED;
    if (*p++ != ':')
        return BENCODE_MALFORMED;
    if (size > (uint64_t)(ps->end - p))
        return BENCODE_TRUNCATED;
    node->n = (uint32_t)(p - ps->p) & 0xff;
    ps->p = p + size;
    node->end = (uint32_t)(ps->p - ps->tree->bytes);
    return 0;
}

static int open_container(struct parser *ps, enum bencode_kind kind)
{
    struct bencode_node *node;
    int r;

    if (ps->depth == BENCODE_DEPTH_MAX)
        return BENCODE_TOO_DEEP;
    r = add_node(ps, kind, &node);
    if (r)
        return r;
    ps->stack[ps->depth++] = (struct open_container){.node = ps->tree->n_nodes - 1};
    ps->p++;
    return 0;
}

/* Finds two equal keys of a dict. */
static int check_unsorted_keys(const struct bencode *tree, const struct bencode_node *dict)
{
    struct key *keys = reallocarray(NULL, dict->n, sizeof *keys);
    const struct bencode_node *node = dict + 1;
    int r = 0;

    if (!keys)
        return -ENOMEM;
    for (uint32_t i = 0; i < dict->n; i++) {
        keys[i].text = bencode_string(tree, node, &keys[i].n);
        node += 1 + node[1].span;
    }
    qsort(keys, dict->n, sizeof *keys, compare_keys);
    for (uint32_t i = 1; i < dict->n && !r; i++)
        if (!compare_keys(&keys[i - 1], &keys[i]))
            r = BENCODE_DUPLICATE_KEY;
    free(keys);
    return r;
}

static int close_container(struct parser *ps)
{
    struct bencode *tree = ps->tree;
    struct open_container *top = &ps->stack[ps->depth - 1];
    struct bencode_node *node = &tree->nodes[top->node];

    if (top->wants_value)
        return BENCODE_MALFORMED;
    ps->p++;
    node->end = (uint32_t)(ps->p - tree->bytes);
    node->span = tree->n_nodes - top->node;
    ps->depth--;
    return node->unsorted ? check_unsorted_keys(tree, node) : 0;
}

static int parse_key(struct parser *ps, struct open_container *top)
{
    struct bencode *tree = ps->tree;
    uint32_t key = tree->n_nodes;
    int r;

    if (*ps->p < '0' || *ps->p > '9')
        return BENCODE_MALFORMED;
    r = parse_string(ps);
    if (r)
        return r;
    if (tree->nodes[top->node].n++ && !tree->nodes[top->node].unsorted) {
        size_t n_last, n_key;
        const uint8_t *last = bencode_string(tree, &tree->nodes[top->last_key], &n_last);
        const uint8_t *text = bencode_string(tree, &tree->nodes[key], &n_key);
        int order = compare_bytes(last, n_last, text, n_key);

        if (!order)
            return BENCODE_DUPLICATE_KEY;
        if (order > 0)
            tree->nodes[top->node].unsorted = 1;
    }
    top->last_key = key;
    top->wants_value = true;
    return 0;
}

static int parse_value(struct parser *ps)
{
    switch (*ps->p) {
    case 'i':
        return parse_integer(ps);
    case 'l':
        return open_container(ps, BENCODE_LIST);
    case 'd':
        return open_container(ps, BENCODE_DICT);
    case '0' ... '9':
        return parse_string(ps);
    default:
        return BENCODE_MALFORMED;
    }
}

static int parse_step(struct parser *ps)
{
    struct open_container *top = ps->depth ? &ps->stack[ps->depth - 1] : NULL;

    if (ps->p == ps->end)
        return BENCODE_TRUNCATED;
    if (!top)
        return parse_value(ps);
    if (*ps->p == 'e')
        return close_container(ps);
    if (ps->tree->nodes[top->node].kind == BENCODE_LIST) {
        ps->tree->nodes[top->node].n++;
    } else {
        if (!top->wants_value)
            return parse_key(ps, top);
        top->wants_value = false;
    }
    return parse_value(ps);
}

int bencode_parse(struct bencode *tree, const uint8_t *bytes, size_t n, uint32_t max_nodes)
{
    struct parser ps = {.tree = tree, .p = bytes, .end = bytes + n, .max_nodes = max_nodes};
    int r;

    *tree = (struct bencode){.bytes = bytes};
    if (n > BENCODE_INPUT_MAX)
        return BENCODE_TOO_BIG;
    do
        r = parse_step(&ps);
    while (!r && ps.depth);
    if (r) {
        bencode_deinit(tree);
        tree->n_used = (size_t)(ps.p - bytes);
        return r;
    }
    tree->n_used = (size_t)(ps.p - bytes);
    return tree->n_used < n ? BENCODE_TRAILING : 0;
}

void bencode_deinit(struct bencode *tree)
{
    free(tree->nodes);
    *tree = BENCODE_EMPTY;
}

const char *bencode_condition_text(int condition)
{
    switch (condition) {
    case 0:
        return "good";
    case BENCODE_TRAILING:
        return "bytes follow the end";
    case BENCODE_TRUNCATED:
        return "truncated";
    case BENCODE_MALFORMED:
        return "not B-coding";
    case BENCODE_DUPLICATE_KEY:
        return "a key stands twice";
    case BENCODE_TOO_DEEP:
        return "nested too deeply";
    case BENCODE_TOO_MANY:
        return "too many values";
    case BENCODE_TOO_BIG:
        return "too large";
    default:
        return strerror(condition < 0 ? -condition : EINVAL);
    }
}

const struct bencode_node *bencode_root(const struct bencode *tree)
{
    return tree->n_nodes ? tree->nodes : NULL;
}

const struct bencode_node *bencode_first(const struct bencode_node *parent)
{
    return parent && parent->span > 1 ? parent + 1 : NULL;
}

const struct bencode_node *bencode_next(const struct bencode_node *parent,
                                        const struct bencode_node *child)
{
    const struct bencode_node *next = child + child->span;

    return next < parent + parent->span ? next : NULL;
}

const uint8_t *bencode_string(const struct bencode *tree, const struct bencode_node *node,
                              size_t *np)
{
    *np = 0;
    if (!node || node->kind != BENCODE_STRING)
        return NULL;
    *np = node->end - node->start - node->n;
    return tree->bytes + node->start + node->n;
}

bool bencode_string_equals(const struct bencode *tree, const struct bencode_node *node,
                           const char *text)
{
    size_t n;
    const uint8_t *bytes = bencode_string(tree, node, &n);

    return bytes && n == strlen(text) && !memcmp(bytes, text, n);
}

int64_t bencode_integer(const struct bencode *tree, const struct bencode_node *node)
{
    const uint8_t *p;
    bool negative;
    uint64_t value = 0;

    if (!node || node->kind != BENCODE_INTEGER)
        return 0;
    p = tree->bytes + node->start + 1;
    negative = *p == '-';
    for (p += negative; *p != 'e'; p++)
        value = value * 10 + (uint64_t)(*p - '0');
    return (int64_t)(negative ? 0 - value : value);
}

const uint8_t *bencode_raw(const struct bencode *tree, const struct bencode_node *node, size_t *np)
{
    *np = node ? node->end - node->start : 0;
    return node ? tree->bytes + node->start : NULL;
}

const struct bencode_node *bencode_find(const struct bencode *tree, const struct bencode_node *dict,
                                        const char *key)
{
    const struct bencode_node *node;
    size_t n_key = strlen(key);

    if (!dict || dict->kind != BENCODE_DICT)
        return NULL;
    node = dict + 1;
    for (uint32_t i = 0; i < dict->n; i++) {
        size_t n;
        const uint8_t *text = bencode_string(tree, node, &n);

        if (n == n_key && !memcmp(text, key, n))
            return node + 1;
        node += 1 + node[1].span;
    }
    return NULL;
}

const struct bencode_node *bencode_find_kind(const struct bencode *tree,
                                             const struct bencode_node *dict, const char *key,
                                             enum bencode_kind kind)
{
    const struct bencode_node *node = bencode_find(tree, dict, key);

    return node && node->kind == kind ? node : NULL;
}
