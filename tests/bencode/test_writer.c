/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <string.h>

#include "conjure/bencode/bencode.h"
#include "conjure/bencode/writer.h"

START_TEST(writes_every_kind)
{
    static const char expected[] =
        "d0:i0e1:ali-9223372036854775808ei9223372036854775807e3:a\0be2:aad3:keyd1:xi1eee1:b0:e";
    struct bencode_writer w = BENCODE_WRITER_EMPTY;

    bencode_begin_dict(&w);
    bencode_put_key(&w, "");
    bencode_put_integer(&w, 0);
    bencode_put_key(&w, "a");
    bencode_begin_list(&w);
    bencode_put_integer(&w, INT64_MIN);
    bencode_put_integer(&w, INT64_MAX);
    bencode_put_string(&w, "a\0b", 3);
    bencode_end(&w);
    bencode_put_key_bytes(&w, "aa", 2);
    bencode_begin_dict(&w);
    bencode_put_key(&w, "key");
    bencode_put_raw(&w, "d1:xi1ee", 8);
    bencode_end(&w);
    bencode_put_key(&w, "b");
    bencode_put_text(&w, "");
    bencode_end(&w);
    ck_assert_int_eq(bencode_writer_finish(&w), 0);
    ck_assert_uint_eq(w.n, sizeof expected - 1);
    ck_assert_mem_eq(w.bytes, expected, w.n);
    bencode_writer_deinit(&w);
    bencode_writer_deinit(&w);
    ck_assert_ptr_null(w.bytes);
}
END_TEST

START_TEST(grows_as_needed_and_reads_back)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    struct bencode tree = BENCODE_EMPTY;
    static char big[100000];
    size_t n;

    memset(big, 'x', sizeof big);
    bencode_begin_list(&w);
    for (int i = 0; i < 20; i++)
        bencode_put_string(&w, big, sizeof big);
    bencode_end(&w);
    ck_assert_int_eq(bencode_writer_finish(&w), 0);
    ck_assert_int_eq(bencode_parse(&tree, w.bytes, w.n, 100), 0);
    ck_assert_uint_eq(bencode_root(&tree)->n, 20);
    ck_assert_mem_eq(bencode_string(&tree, bencode_first(bencode_root(&tree)), &n), big,
                     sizeof big);
    ck_assert_uint_eq(n, sizeof big);
    bencode_deinit(&tree);
    bencode_writer_deinit(&w);
}
END_TEST

START_TEST(a_shortage_of_memory_is_returned_at_the_end)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;

    bencode_begin_list(&w);
    bencode_put_string(&w, "", SIZE_MAX - 8); /* never read: there is no room for it */
    bencode_put_integer(&w, 1);
    bencode_end(&w);
    ck_assert_int_lt(bencode_writer_finish(&w), 0);
    bencode_writer_deinit(&w);
}
END_TEST

START_TEST(taken_bytes_are_the_callers)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    uint8_t *bytes = NULL;
    size_t n = 0;

    bencode_put_integer(&w, 7);
    ck_assert_int_eq(bencode_writer_take(&w, &bytes, &n), 0);
    ck_assert_ptr_null(w.bytes);
    ck_assert_uint_eq(n, 3);
    ck_assert_mem_eq(bytes, "i7e", 3);
    free(bytes);
    bytes = NULL;
    bencode_put_string(&w, "", SIZE_MAX - 8);
    ck_assert_int_eq(bencode_writer_take(&w, &bytes, &n), -ENOMEM);
    ck_assert_ptr_null(bytes);
    ck_assert_ptr_null(w.bytes);
}
END_TEST

RUN_SUITE("B-coding writer", 10, writes_every_kind, grows_as_needed_and_reads_back,
          a_shortage_of_memory_is_returned_at_the_end, taken_bytes_are_the_callers);
