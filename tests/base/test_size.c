/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/alloc.h"
#include "conjure/base/size.h"

START_TEST(sizes_are_short_and_never_four_digits_wide)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {999, "999 B"},
        {1000, "0.9 KiB"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1023 * 1024, "0.9 MiB"},
        {UINT64_C(256) << 20, "256.0 MiB"},
        {UINT64_C(3) << 29, "1.5 GiB"},
        {UINT64_C(999) << 30, "999.0 GiB"},
        {UINT64_C(1000) << 30, "0.9 TiB"},
        {UINT64_MAX, "15.9 EiB"},
    };
    char text[SIZE_TEXT_MAX];

    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        ck_assert_str_eq(size_format(cases[i].bytes, text), cases[i].text);
    ck_assert_str_eq(size_format_rate(UINT64_C(80) << 20, text), "80.0 MiB/s");
    ck_assert_str_eq(size_format_rate(UINT64_MAX, text), "15.9 EiB/s");
}
END_TEST

START_TEST(durations_have_their_two_largest_units)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {59, "59s"},
        {60, "1m00s"},
        {192, "3m12s"},
        {3599, "59m59s"},
        {3600, "1h00m"},
        {7500, "2h05m"},
        {86399, "23h59m"},
        {86400, "1d00h"},
        {349200, "4d01h"},
        {31536000, "365d00h"},
        {31622400, "over a year"},
        {UINT64_MAX, "over a year"},
    };
    char text[SIZE_TEXT_MAX];

    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        ck_assert_str_eq(size_format_duration(cases[i].seconds, text), cases[i].text);
    ck_assert_str_eq(size_format_elapsed(UINT64_C(3240000000), text), "3.2 s");
    ck_assert_str_eq(size_format_elapsed(UINT64_C(59999999999), text), "59.9 s");
    ck_assert_str_eq(size_format_elapsed(UINT64_C(60000000000), text), "1m00s");
    ck_assert_str_eq(size_format_elapsed(UINT64_MAX, text), "over a year");
}
END_TEST

START_TEST(one_has_no_plural_ending)
{
    ck_assert_str_eq(size_plural(0), "s");
    ck_assert_str_eq(size_plural(1), "");
    ck_assert_str_eq(size_plural(2), "s");
}
END_TEST

START_TEST(sizes_are_read_with_suffix_and_fraction)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"0K", 0},
        {"1", 1},
        {"512", 512},
        {"1k", 1024},
        {"1.5M", 1572864},
        {".5K", 512},
        {"2.", 2},
        {"2g", UINT64_C(2) << 30},
        {"3T", UINT64_C(3) << 40},
    };
    static const char *const bad[] = {
        "",    "K",   ".",  "-1",  "+1",    "1e3", "0x10",     "nan",
        "1KB", "1 K", " 1", "1,5", "1.2.3", "0.4", "9999999T", "1111111111111111111111111111111"};
    uint64_t bytes;

    for (size_t i = 0; i < N_ELEMENTS(good); i++) {
        ck_assert_int_eq(size_parse(good[i].text, &bytes), 0);
        ck_assert_uint_eq(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < N_ELEMENTS(bad); i++)
        ck_assert_msg(size_parse(bad[i], &bytes) == 1, "'%s' was taken", bad[i]);
}
END_TEST

START_TEST(counts_and_decimals_are_strict)
{
    uint32_t count = 7;
    double value;

    ck_assert_int_eq(size_parse_count("65535", 0, 65535, &count), 0);
    ck_assert_uint_eq(count, 65535);
    ck_assert_int_eq(size_parse_count("4294967295", 1, UINT32_MAX, &count), 0);
    ck_assert_uint_eq(count, UINT32_MAX);
    ck_assert_int_eq(size_parse_count("65536", 0, 65535, &count), 1);
    ck_assert_int_eq(size_parse_count("0", 1, 5, &count), 1);
    ck_assert_int_eq(size_parse_count("", 0, 5, &count), 1);
    ck_assert_int_eq(size_parse_count("1x", 0, 5, &count), 1);
    ck_assert_int_eq(size_parse_count("-1", 0, 5, &count), 1);
    ck_assert_int_eq(size_parse_count("99999999999999999999", 0, UINT32_MAX, &count), 1);
    ck_assert_uint_eq(count, UINT32_MAX);
    ck_assert_int_eq(size_parse_decimal("1.25", &value), 0);
    ck_assert_double_eq(value, 1.25);
    ck_assert_int_eq(size_parse_decimal("1.25K", &value), 1);
    ck_assert_int_eq(size_parse_decimal("inf", &value), 1);
}
END_TEST

RUN_SUITE("sizes", 10, sizes_are_short_and_never_four_digits_wide,
          durations_have_their_two_largest_units, one_has_no_plural_ending,
          sizes_are_read_with_suffix_and_fraction, counts_and_decimals_are_strict);
