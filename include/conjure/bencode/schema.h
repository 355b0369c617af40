/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BENCODE_SCHEMA_H
#define CONJURE_BENCODE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "conjure/bencode/bencode.h"

/*
 * The type checker: constant tables describe a B-coded value, and one call compares a tree with
 * them. Keys that are not in a table are allowed (every BEP adds some). Tables of dicts stand at
 * file scope, where compound literals are constant. Pure; any thread.
 *
 *     static const struct bencode_schema port = SCHEMA_INTEGER(0, 65535);
 *     static const struct bencode_schema peer = SCHEMA_DICT(
 *         {"ip", SCHEMA_REQUIRED, &schema_text},
 *         {"port", SCHEMA_REQUIRED, &port});
 *     static const struct bencode_schema peers = SCHEMA_LIST(&peer, 0, 1000);
 *
 *     if (bencode_check(&tree, bencode_root(&tree), &peers, reason))
 *         ... reason is "[3].port: must be 0 to 65535"
 */
#define SCHEMA_REASON_MAX 160

struct bencode_field;

struct bencode_schema {
    uint32_t kinds; /* set of 1 << enum bencode_kind that are allowed */
    int64_t min;    /* integer: value; string: bytes; list: items */
    int64_t max;
    const struct bencode_schema *item;  /* list: of every item; NULL: any */
    const struct bencode_field *fields; /* dict: ended by a key of NULL; NULL: any */
};

enum bencode_presence {
    SCHEMA_REQUIRED,
    SCHEMA_OPTIONAL,
};

struct bencode_field {
    const char *key;
    enum bencode_presence presence;
    const struct bencode_schema *schema;
};

#define SCHEMA_INTEGER(lowest, highest)                                   \
    {                                                                     \
        .kinds = 1u << BENCODE_INTEGER, .min = (lowest), .max = (highest) \
    }
#define SCHEMA_STRING(shortest, longest)                                   \
    {                                                                      \
        .kinds = 1u << BENCODE_STRING, .min = (shortest), .max = (longest) \
    }
#define SCHEMA_LIST(each, fewest, most)                                             \
    {                                                                               \
        .kinds = 1u << BENCODE_LIST, .min = (fewest), .max = (most), .item = (each) \
    }
#define SCHEMA_DICT(...)                                                      \
    {                                                                         \
        .kinds = 1u << BENCODE_DICT, .fields = (const struct bencode_field[]) \
        {                                                                     \
            __VA_ARGS__,                                                      \
            {                                                                 \
                0                                                             \
            }                                                                 \
        }                                                                     \
    }

/* Common ones: any integer, any string, a list of any strings, any dict. */
extern const struct bencode_schema schema_integer;
extern const struct bencode_schema schema_natural; /* an integer of 0 or more */
extern const struct bencode_schema schema_text;
extern const struct bencode_schema schema_text_list;
extern const struct bencode_schema schema_dict;

enum {
    SCHEMA_MISMATCH = 1, /* with a REASON */
};

/* Returns 0 when NODE matches SCHEMA; otherwise SCHEMA_MISMATCH, with the path and fault of the
 * first mismatch in REASON, such as "info.files[3].length: must be 0 or more". NODE may be NULL. */
int bencode_check(const struct bencode *tree, const struct bencode_node *node,
                  const struct bencode_schema *schema, char reason[SCHEMA_REASON_MAX]);

#endif
