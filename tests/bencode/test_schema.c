/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/bencode/schema.h"

static const struct bencode_schema port = SCHEMA_INTEGER(0, 65535);
static const struct bencode_schema below = SCHEMA_INTEGER(INT64_MIN, -1);
static const struct bencode_schema id = SCHEMA_STRING(4, 4);
static const struct bencode_schema short_text = SCHEMA_STRING(1, 5);
static const struct bencode_schema peer =
    SCHEMA_DICT({"port", SCHEMA_REQUIRED, &port}, {"id", SCHEMA_OPTIONAL, &id});
static const struct bencode_schema peers = SCHEMA_LIST(&peer, 1, 3);
static const struct bencode_schema peers_or_compact = {
    .kinds = 1u << BENCODE_LIST | 1u << BENCODE_STRING, .min = 0, .max = 6, .item = &peer};
static const struct bencode_schema reply = SCHEMA_DICT(
    {"n", SCHEMA_REQUIRED, &schema_natural}, {"peers", SCHEMA_OPTIONAL, &peers},
    {"either", SCHEMA_OPTIONAL, &peers_or_compact}, {"text", SCHEMA_OPTIONAL, &short_text},
    {"texts", SCHEMA_OPTIONAL, &schema_text_list}, {"below", SCHEMA_OPTIONAL, &below},
    {"free", SCHEMA_OPTIONAL, &schema_dict});

static const struct {
    const char *text;
    const char *reason; /* NULL: good */
} cases[] = {
    {"d1:ni0ee", NULL},
    {"d1:ni0e7:unknownlee", NULL},
    {"d4:freed1:xi1ee1:ni7e5:peersld4:porti1eee5:textsl1:ae4:text5:abcdee", NULL},
    {"d6:either6:abcdef1:ni0ee", NULL},
    {"d6:eitherld4:porti1eee1:ni0ee", NULL},
    {"i1e", "must be a dictionary"},
    {"de", "n: missing"},
    {"d1:n1:xe", "n: must be an integer"},
    {"d1:ni-1ee", "n: must be 0 or more"},
    {"d1:ni0e5:peersdee", "peers: must be a list"},
    {"d1:ni0e5:peerslee", "peers: must have 1 to 3 items"},
    {"d1:ni0e5:peersld4:porti1eed4:porti1eed4:porti1eed4:porti1eeee",
     "peers: must have 1 to 3 items"},
    {"d1:ni0e5:peersld4:porti1eedeee", "peers[1].port: missing"},
    {"d1:ni0e5:peersld4:porti65536eeee", "peers[0].port: must be 0 to 65535"},
    {"d1:ni0e5:peersld2:id3:abc4:porti1eeee", "peers[0].id: must have 4 bytes"},
    {"d1:ni0e4:text0:e", "text: must have 1 to 5 bytes"},
    {"d1:ni0e4:text6:abcdefe", "text: must have 1 to 5 bytes"},
    {"d1:ni0e5:textsl1:ai1eee", "texts[1]: must be a string"},
    {"d5:belowi0e1:ni0ee", "below: must be -1 or less"},
    {"d6:eitheri1e1:ni0ee", "either: must be a string or a list"},
    {"d6:either7:abcdefg1:ni0ee", "either: must have 0 to 6 bytes"},
};

START_TEST(the_reason_has_the_fault_and_its_place)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bencode tree = BENCODE_EMPTY;
        char reason[SCHEMA_REASON_MAX];
        int r;

        ck_assert_int_eq(
            bencode_parse(&tree, (const uint8_t *)cases[i].text, strlen(cases[i].text), 100), 0);
        r = bencode_check(&tree, bencode_root(&tree), &reply, reason);
        ck_assert_int_eq(r, cases[i].reason ? 1 : 0);
        ck_assert_str_eq(reason, cases[i].reason ? cases[i].reason : "");
        bencode_deinit(&tree);
    }
}
END_TEST

START_TEST(a_missing_root_is_reported)
{
    struct bencode tree = BENCODE_EMPTY;
    char reason[SCHEMA_REASON_MAX];

    ck_assert_int_eq(bencode_check(&tree, NULL, &reply, reason), 1);
    ck_assert_str_eq(reason, "missing");
}
END_TEST

/* A schema that contains itself, for trees of the parser's greatest depth. */
extern const struct bencode_schema nest;
const struct bencode_schema nest =
    SCHEMA_DICT({"a rather long key, for paths that do not fit", SCHEMA_REQUIRED, &nest});

START_TEST(a_long_path_is_cut_not_overrun)
{
    static const char key[] = "44:a rather long key, for paths that do not fit";
    char text[BENCODE_DEPTH_MAX * (sizeof key + 2)];
    struct bencode tree = BENCODE_EMPTY;
    char reason[SCHEMA_REASON_MAX];
    size_t n = 0;

    for (int i = 0; i < BENCODE_DEPTH_MAX; i++) {
        text[n++] = 'd';
        memcpy(text + n, key, sizeof key - 1);
        n += sizeof key - 1;
    }
    memcpy(text + n, "0:", 2);
    n += 2;
    memset(text + n, 'e', BENCODE_DEPTH_MAX);
    n += BENCODE_DEPTH_MAX;
    ck_assert_int_eq(bencode_parse(&tree, (uint8_t *)text, n, 1000), 0);
    ck_assert_int_eq(bencode_check(&tree, bencode_root(&tree), &nest, reason), 1);
    ck_assert_uint_eq(strlen(reason), SCHEMA_REASON_MAX - 1);
    bencode_deinit(&tree);
}
END_TEST

RUN_SUITE("Type checker", 10, the_reason_has_the_fault_and_its_place, a_missing_root_is_reported,
          a_long_path_is_cut_not_overrun);
