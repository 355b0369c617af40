/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <stdio.h>
#include <string.h>

#include "conjure/bencode/bencode.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static int parse_only(const char *text, size_t n)
{
    /* A copy of exact size lets the sanitizer see a read beyond the end. */
    uint8_t *copy = malloc(n ? n : 1);
    struct bencode tree = BENCODE_EMPTY;
    int r;

    memcpy(copy, text, n);
    r = bencode_parse(&tree, copy, n, 1000);
    bencode_deinit(&tree);
    free(copy);
    return r;
}

static const struct {
    const char *fault;
    const char *text;
    int condition;
} bad[] = {
    {"nothing", "", BENCODE_TRUNCATED},
    {"not B-coding", "hello", BENCODE_MALFORMED},
    {"an end without a beginning", "e", BENCODE_MALFORMED},
    {"a blank before the value", " i1e", BENCODE_MALFORMED},
    {"integer: empty", "ie", BENCODE_MALFORMED},
    {"integer: only a sign", "i-e", BENCODE_MALFORMED},
    {"integer: plus", "i+1e", BENCODE_MALFORMED},
    {"integer: minus zero", "i-0e", BENCODE_MALFORMED},
    {"integer: leading zero", "i01e", BENCODE_MALFORMED},
    {"integer: leading zero after the sign", "i-01e", BENCODE_MALFORMED},
    {"integer: two signs", "i--1e", BENCODE_MALFORMED},
    {"integer: a fraction", "i1.5e", BENCODE_MALFORMED},
    {"integer: one above 64 bits", "i9223372036854775808e", BENCODE_MALFORMED},
    {"integer: one below 64 bits", "i-9223372036854775809e", BENCODE_MALFORMED},
    {"integer: wraps around", "i18446744073709551617e", BENCODE_MALFORMED},
    {"integer: endless", "i111111111111111111111111111111e", BENCODE_MALFORMED},
    {"string: leading zero", "01:a", BENCODE_MALFORMED},
    {"string: two zeros", "00:", BENCODE_MALFORMED},
    {"string: negative length", "-1:a", BENCODE_MALFORMED},
    {"string: no colon", "3abc", BENCODE_MALFORMED},
    {"string: longer than the input", "4:abc", BENCODE_TRUNCATED},
    {"string: length that wraps around 32 bits", "4294967297:a", BENCODE_TRUNCATED},
    {"string: length that wraps around 64 bits", "18446744073709551617:a", BENCODE_TRUNCATED},
    {"dict: integer as a key", "di1ei2ee", BENCODE_MALFORMED},
    {"dict: list as a key", "dlei2ee", BENCODE_MALFORMED},
    {"dict: key without a value", "d1:ae", BENCODE_MALFORMED},
    {"dict: second key without a value", "d1:ai1e1:be", BENCODE_MALFORMED},
    {"dict: the same key twice", "d1:ai1e1:ai2ee", BENCODE_DUPLICATE_KEY},
    {"dict: the same key twice, apart and unsorted", "d1:bi1e1:ai2e1:bi3ee", BENCODE_DUPLICATE_KEY},
    {"dict: the empty key twice", "d0:i1e0:i1ee", BENCODE_DUPLICATE_KEY},
    {"dict within: the same key twice", "ld1:ai1e1:ai2eee", BENCODE_DUPLICATE_KEY},
};

START_TEST(refuses_other_bytes_than_b_coding)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(parse_only(bad[i].text, strlen(bad[i].text)) == bad[i].condition,
                      "%s: wanted %s, got %s", bad[i].fault,
                      bencode_condition_text(bad[i].condition),
                      bencode_condition_text(parse_only(bad[i].text, strlen(bad[i].text))));
}
END_TEST

START_TEST(cut_at_every_byte_it_is_truncated)
{
    static const char whole[] = "d1:ali-12ei0e0:e3:keyd1:x10:0123456789e2:zzllelei7eee";
    size_t n = sizeof whole - 1;

    for (size_t cut = 0; cut < n; cut++)
        ck_assert_msg(parse_only(whole, cut) == BENCODE_TRUNCATED, "cut at %zu", cut);
    ck_assert_int_eq(parse_only(whole, n), 0);
}
END_TEST

START_TEST(integers_reach_both_ends_of_64_bits)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"i0e", 0},
        {"i-1e", -1},
        {"i1234567890e", 1234567890},
        {"i9223372036854775807e", INT64_MAX},
        {"i-9223372036854775808e", INT64_MIN},
        {"i-9223372036854775807e", -INT64_MAX},
    };

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct bencode tree = BENCODE_EMPTY;

        ck_assert_int_eq(
            bencode_parse(&tree, (const uint8_t *)good[i].text, strlen(good[i].text), 1), 0);
        ck_assert_int_eq(bencode_integer(&tree, bencode_root(&tree)), good[i].value);
        bencode_deinit(&tree);
    }
}
END_TEST

START_TEST(nodes_know_their_raw_bytes)
{
    static const char text[] = "d4:infod1:ai1e1:bli2e2:xyee3:zzz0:e";
    struct bencode tree = BENCODE_EMPTY;
    const struct bencode_node *info, *list, *item;
    const uint8_t *raw;
    size_t n;

    ck_assert_int_eq(bencode_parse(&tree, BYTES(text), 100), 0);
    info = bencode_find(&tree, bencode_root(&tree), "info");
    raw = bencode_raw(&tree, info, &n);
    ck_assert_uint_eq(n, 20);
    ck_assert_mem_eq(raw, "d1:ai1e1:bli2e2:xyee", 20);
    list = bencode_find_kind(&tree, info, "b", BENCODE_LIST);
    ck_assert_uint_eq(list->n, 2);
    item = bencode_first(list);
    ck_assert_int_eq(bencode_integer(&tree, item), 2);
    item = bencode_next(list, item);
    ck_assert(bencode_string_equals(&tree, item, "xy"));
    ck_assert(!bencode_string_equals(&tree, item, "x"));
    ck_assert_ptr_null(bencode_next(list, item));
    ck_assert_ptr_nonnull(bencode_find_string(&tree, bencode_root(&tree), "zzz", &n));
    ck_assert_uint_eq(n, 0);
    bencode_deinit(&tree);
    bencode_deinit(&tree);
}
END_TEST

START_TEST(a_wrong_kind_counts_as_absent)
{
    struct bencode tree = BENCODE_EMPTY;
    const struct bencode_node *root;
    size_t n = 7;

    ck_assert_ptr_null(bencode_root(&tree));
    ck_assert_int_eq(bencode_parse(&tree, BYTES("d1:a1:x1:bi5e1:clee"), 100), 0);
    root = bencode_root(&tree);
    ck_assert_int_eq(bencode_find_integer(&tree, root, "a"), 0);
    ck_assert_ptr_null(bencode_find_string(&tree, root, "b", &n));
    ck_assert_uint_eq(n, 0);
    ck_assert_ptr_null(bencode_first(bencode_find(&tree, root, "c")));
    ck_assert_ptr_null(bencode_first(bencode_find(&tree, root, "d")));
    ck_assert_ptr_null(bencode_find(&tree, bencode_find(&tree, root, "b"), "x"));
    ck_assert_ptr_null(bencode_find(&tree, NULL, "x"));
    ck_assert_ptr_null(bencode_find_kind(&tree, root, "a", BENCODE_LIST));
    ck_assert_ptr_null(bencode_raw(&tree, NULL, &n));
    ck_assert(!bencode_string_equals(&tree, NULL, ""));
    bencode_deinit(&tree);
}
END_TEST

START_TEST(unsorted_keys_are_taken_and_flagged)
{
    struct bencode tree = BENCODE_EMPTY;
    const struct bencode_node *root;

    ck_assert_int_eq(bencode_parse(&tree, BYTES("d1:bi1e1:ad2:aai3e1:ai4eee"), 100), 0);
    root = bencode_root(&tree);
    ck_assert(root->unsorted);
    ck_assert_int_eq(bencode_find_integer(&tree, root, "b"), 1);
    ck_assert(bencode_find(&tree, root, "a")->unsorted); /* "aa" before "a" */
    ck_assert_int_eq(bencode_find_integer(&tree, bencode_find(&tree, root, "a"), "a"), 4);
    bencode_deinit(&tree);
    ck_assert_int_eq(bencode_parse(&tree,
                                   BYTES("d0:i1e1:ai1e2:aai1e1:\xff"
                                         "i1ee"),
                                   100),
                     0);
    ck_assert(!bencode_root(&tree)->unsorted);
    bencode_deinit(&tree);
}
END_TEST

START_TEST(trailing_bytes_have_a_condition_of_their_own)
{
    struct bencode tree = BENCODE_EMPTY;

    ck_assert_int_eq(bencode_parse(&tree, BYTES("d1:ai1eeDATA"), 100), BENCODE_TRAILING);
    ck_assert_uint_eq(tree.n_used, 8);
    ck_assert_int_eq(bencode_find_integer(&tree, bencode_root(&tree), "a"), 1);
    bencode_deinit(&tree);
    ck_assert_int_eq(parse_only("i1e\n", 4), BENCODE_TRAILING);
}
END_TEST

START_TEST(depth_and_count_are_limited)
{
    char text[2 * BENCODE_DEPTH_MAX + 3];
    struct bencode tree = BENCODE_EMPTY;

    memset(text, 'l', BENCODE_DEPTH_MAX);
    memset(text + BENCODE_DEPTH_MAX, 'e', BENCODE_DEPTH_MAX);
    ck_assert_int_eq(parse_only(text, 2 * BENCODE_DEPTH_MAX), 0);
    memset(text, 'l', BENCODE_DEPTH_MAX + 1);
    memset(text + BENCODE_DEPTH_MAX + 1, 'e', BENCODE_DEPTH_MAX + 1);
    ck_assert_int_eq(parse_only(text, 2 * BENCODE_DEPTH_MAX + 2), BENCODE_TOO_DEEP);

    ck_assert_int_eq(bencode_parse(&tree, BYTES("li1ei2ee"), 3), 0);
    bencode_deinit(&tree);
    ck_assert_int_eq(bencode_parse(&tree, BYTES("li1ei2ee"), 2), BENCODE_TOO_MANY);
    ck_assert_ptr_null(bencode_root(&tree));
    ck_assert_int_eq(bencode_parse(&tree, BYTES("le"), 0), BENCODE_TOO_MANY);
    ck_assert_int_eq(bencode_parse(&tree, (const uint8_t *)"", (size_t)BENCODE_INPUT_MAX + 1, 10),
                     BENCODE_TOO_BIG);
}
END_TEST

START_TEST(many_unsorted_keys_take_no_quadratic_time)
{
    /* Descending keys: a search for each key among the earlier ones would take hours. */
    enum { N = 1000000 };
    char *text = malloc(12 * N + 2);
    struct bencode tree = BENCODE_EMPTY;
    size_t n = 0;

    text[n++] = 'd';
    for (unsigned i = N; i-- > 0;)
        n += (size_t)sprintf(text + n, "7:%07u0:", i);
    text[n++] = 'e';
    ck_assert_int_eq(bencode_parse(&tree, (uint8_t *)text, n, BENCODE_NODES_MAX), 0);
    ck_assert_uint_eq(bencode_root(&tree)->n, N);
    ck_assert_uint_eq(bencode_root(&tree)->span, 2 * N + 1);
    bencode_deinit(&tree);
    free(text);
}
END_TEST

RUN_SUITE("B-coding", 20, refuses_other_bytes_than_b_coding, cut_at_every_byte_it_is_truncated,
          integers_reach_both_ends_of_64_bits, nodes_know_their_raw_bytes,
          a_wrong_kind_counts_as_absent, unsorted_keys_are_taken_and_flagged,
          trailing_bytes_have_a_condition_of_their_own, depth_and_count_are_limited,
          many_unsorted_keys_take_no_quadratic_time);
