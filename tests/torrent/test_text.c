/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <string.h>

#include "torrent/text.h"

START_TEST(text_grows_up_to_its_limit)
{
    struct text t = TEXT_EMPTY(1000);

    for (int i = 0; i < 333; i++)
        ck_assert_int_eq(text_append(&t, "abc", 3), 0);
    ck_assert_uint_eq(t.n, 999);
    ck_assert_int_eq(text_append(&t, "xy", 2), -E2BIG);
    ck_assert_uint_eq(t.n, 999);
    ck_assert_int_eq(text_append(&t, "x", 1), 0);
    ck_assert_int_eq(text_append(&t, "", 0), 0);
    ck_assert_mem_eq(t.bytes + 996, "abcx", 4);
    text_trim(&t);
    ck_assert_uint_eq(t.room, 1000);
    ck_assert_mem_eq(t.bytes, "abcabc", 6);
    text_deinit(&t);
    text_deinit(&t);
    ck_assert_uint_eq(t.n, 0);
}
END_TEST

START_TEST(bytes_become_clean_utf8)
{
    static const struct {
        const char *raw, *clean;
    } cases[] = {
        {"plain", "plain"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb2", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xb2"},
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}, /* cut */
        {"a\tb\x7f\xc2\x9b", "a_b__"},            /* C0, DEL, C1 */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text t = TEXT_EMPTY(100);

        ck_assert_int_eq(
            text_append_clean(&t, (const uint8_t *)cases[i].raw, strlen(cases[i].raw), '_'), 0);
        ck_assert_int_eq(text_append(&t, "", 1), 0);
        ck_assert_str_eq(t.bytes, cases[i].clean);
        text_deinit(&t);
    }
}
END_TEST

RUN_SUITE("text", 10, text_grows_up_to_its_limit, bytes_become_clean_utf8);
