/* SPDX-License-Identifier: MIT */
#include "conjure/bencode/schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Walks schema and tree together. The recursion is at most as deep as the tree, which
 * BENCODE_DEPTH_MAX limits. The place of a node is a chain on the stack, which is formatted only on
 * failure.
 */

const struct bencode_schema schema_integer = SCHEMA_INTEGER(INT64_MIN, INT64_MAX);
const struct bencode_schema schema_natural = SCHEMA_INTEGER(0, INT64_MAX);
const struct bencode_schema schema_text = SCHEMA_STRING(0, INT64_MAX);
const struct bencode_schema schema_text_list = SCHEMA_LIST(&schema_text, 0, INT64_MAX);
const struct bencode_schema schema_dict = {.kinds = 1u << BENCODE_DICT};

struct place {
    const struct place *parent; /* NULL at the root */
    const char *key;            /* NULL for an item of a list */
    uint32_t index;
};

struct checker {
    const struct bencode *tree;
    char *reason;
};

static void append(char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char *reason, const char *format, ...)
{
    size_t n = strlen(reason);
    va_list args;

    va_start(args, format);
    vsnprintf(reason + n, SCHEMA_REASON_MAX - n, format, args);
    va_end(args);
}

static void append_place(char *reason, const struct place *place)
{
    if (!place->parent)
        return;
    append_place(reason, place->parent);
    if (!place->key)
        append(reason, "[%" PRIu32 "]", place->index);
    else
        append(reason, "%s%s", *reason ? "." : "", place->key);
}

/* Begins REASON with the place. */
static void begin_reason(struct checker *c, const struct place *place)
{
    *c->reason = '\0';
    append_place(c->reason, place);
    if (*c->reason)
        append(c->reason, ": ");
}

static int fail_kind(struct checker *c, const struct place *place, uint32_t kinds)
{
    static const char *const names[] = {
        [BENCODE_INTEGER] = "an integer",
        [BENCODE_STRING] = "a string",
        [BENCODE_LIST] = "a list",
        [BENCODE_DICT] = "a dictionary",
    };
    const char *separator = "must be ";

    begin_reason(c, place);
    for (unsigned i = 0; i < 4; i++)
        if (kinds & 1u << i) {
            append(c->reason, "%s%s", separator, names[i]);
            separator = " or ";
        }
    return SCHEMA_MISMATCH;
}

static int check_range(struct checker *c, const struct place *place,
                       const struct bencode_schema *schema, int64_t value, const char *verb,
                       const char *unit)
{
    if (value >= schema->min && value <= schema->max)
        return 0;
    begin_reason(c, place);
    if (schema->min == schema->max)
        append(c->reason, "must %s %" PRId64 "%s", verb, schema->min, unit);
    else if (schema->max == INT64_MAX)
        append(c->reason, "must %s %" PRId64 "%s or more", verb, schema->min, unit);
    else if (schema->min == INT64_MIN)
        append(c->reason, "must %s %" PRId64 "%s or less", verb, schema->max, unit);
    else
        append(c->reason, "must %s %" PRId64 " to %" PRId64 "%s", verb, schema->min, schema->max,
               unit);
    return SCHEMA_MISMATCH;
}

static int check_node(struct checker *c, const struct place *place, const struct bencode_node *node,
                      const struct bencode_schema *schema);

static int check_items(struct checker *c, const struct place *place,
                       const struct bencode_node *list, const struct bencode_schema *schema)
{
    struct place at = {.parent = place};

    if (!schema->item)
        return 0;
    for (const struct bencode_node *i = bencode_first(list); i; i = bencode_next(list, i)) {
        if (check_node(c, &at, i, schema->item))
            return SCHEMA_MISMATCH;
        at.index++;
    }
    return 0;
}

static int check_fields(struct checker *c, const struct place *place,
                        const struct bencode_node *dict, const struct bencode_schema *schema)
{
    if (!schema->fields)
        return 0;
    for (const struct bencode_field *f = schema->fields; f->key; f++) {
        struct place at = {.parent = place, .key = f->key};
        const struct bencode_node *value = bencode_find(c->tree, dict, f->key);

        if (!value && f->presence == SCHEMA_OPTIONAL)
            continue;
        if (check_node(c, &at, value, f->schema))
            return SCHEMA_MISMATCH;
    }
    return 0;
}

static int check_node(struct checker *c, const struct place *place, const struct bencode_node *node,
                      const struct bencode_schema *schema)
{
    if (!node) {
        begin_reason(c, place);
        append(c->reason, "missing");
        return SCHEMA_MISMATCH;
    }
    if (!(schema->kinds & 1u << node->kind))
        return fail_kind(c, place, schema->kinds);
    switch ((enum bencode_kind)node->kind) {
    case BENCODE_INTEGER:
        return check_range(c, place, schema, bencode_integer(c->tree, node), "be", "");
    case BENCODE_STRING:
        return check_range(c, place, schema, node->end - node->start - node->n, "have", " bytes");
    case BENCODE_LIST:
        return check_range(c, place, schema, node->n, "have", " items")
                   ?: check_items(c, place, node, schema);
    case BENCODE_DICT:
        return check_fields(c, place, node, schema);
    }
    return 0;
}

int bencode_check(const struct bencode *tree, const struct bencode_node *node,
                  const struct bencode_schema *schema, char reason[SCHEMA_REASON_MAX])
{
    struct checker c = {.tree = tree, .reason = reason};
    struct place root = {0};

    *reason = '\0';
    return check_node(&c, &root, node, schema);
}
