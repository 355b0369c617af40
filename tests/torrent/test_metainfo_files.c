/* SPDX-License-Identifier: MIT */
#include "parsing.h"

#include <stdio.h>

START_TEST(names_become_clean_utf8)
{
    static const struct {
        const char *raw;
        const char *clean;
    } cases[] = {
        {"plain name.txt", "plain name.txt"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"latin \xfc", "latin \xef\xbf\xbd"},
        {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
        {"overlong \xc0\xaf", "overlong \xef\xbf\xbd\xef\xbf\xbd"},
        {"overlong \xe0\x80\xaf", "overlong \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"surrogate \xed\xa0\x80", "surrogate \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"beyond \xf4\x90\x80\x80", "beyond \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"tab\tnew\nline\x1b\x7f", "tab_new_line__"},
        {"c1 \xc2\x85.", "c1 _."},
        {"...", "..."},
        {"..a", "..a"},
        {"back\\slash", "back\\slash"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[300];
        int n = snprintf(text, sizeof text, "d4:infod6:lengthi0e4:name%zu:%s" PIECE NO_REST,
                         strlen(cases[i].raw), cases[i].raw);

        must_parse_n(text, (size_t)n);
        ck_assert_str_eq(metainfo_name(m), cases[i].clean);
        metainfo_free(m);
    }
}
END_TEST

START_TEST(utf8_names_are_preferred)
{
    must_parse("d4:infod5:filesld6:lengthi0e4:pathl1:\xfc"
               "e10:path.utf-8l1:a2:\xc3\xbc"
               "eee"
               "4:name1:\xe4"
               "10:name.utf-82:\xc3\xa4" PIECE NO_REST);
    ck_assert_str_eq(metainfo_name(m), "\xc3\xa4");
    ck_assert_str_eq(metainfo_file(m, 0)->path, "\xc3\xa4/a/\xc3\xbc");
    metainfo_free(m);
    /* but not when they are of a wrong type or empty */
    must_parse("d4:infod5:filesld6:lengthi0e4:pathl1:ae10:path.utf-8leee"
               "4:name1:n10:name.utf-8le" PIECE NO_REST);
    ck_assert_str_eq(metainfo_file(m, 0)->path, "n/a");
    metainfo_free(m);
}
END_TEST

/* A torrent of one file at DEPTH names of SIZE bytes of C each. */
static int parse_path(unsigned depth, unsigned size, char c)
{
    size_t room = depth * (size + 8) + 300;
    char *text = malloc(room);
    size_t n = (size_t)snprintf(text, room, "d4:infod5:filesld6:lengthi0e4:pathl");
    int r;

    for (unsigned i = 0; i < depth; i++) {
        n += (size_t)sprintf(text + n, "%u:", size);
        memset(text + n, c, size);
        n += size;
    }
    n += (size_t)sprintf(text + n, "eee4:name1:n" PIECE NO_REST);
    r = parse_n(text, n);
    free(text);
    return r;
}

START_TEST(long_names_and_paths)
{
    ck_assert_int_eq(parse_path(1, 255, 'a'), 0);
    metainfo_free(m);
    ck_assert_int_eq(parse_path(1, 256, 'a'), METAINFO_REFUSED);
    ck_assert_str_eq(reason, "info.files[0].path: a name is longer than 255 bytes");
    ck_assert_int_eq(parse_path(1, 300, 'a'), METAINFO_REFUSED);
    /* U+FFFD takes three bytes in place of one */
    ck_assert_int_eq(parse_path(1, 85, '\xff'), 0);
    metainfo_free(m);
    ck_assert_int_eq(parse_path(1, 86, '\xff'), METAINFO_REFUSED);
    ck_assert_str_eq(reason, "info.files[0].path: a name is longer than 255 bytes");
    ck_assert_int_eq(parse_path(15, 255, 'a'), 0);
    metainfo_free(m);
    ck_assert_int_eq(parse_path(2047, 1, 'a'), 0); /* "n" and 2047 times "/a": 4095 bytes */
    ck_assert_uint_eq(strlen(metainfo_file(m, 0)->path), METAINFO_PATH_MAX);
    metainfo_free(m);
    ck_assert_int_eq(parse_path(2048, 1, 'a'), METAINFO_REFUSED);
    ck_assert_str_eq(reason, "info.files[0].path: is longer than 4095 bytes");
}
END_TEST

/* The path of file I of N, in an order far from sorted. */
static char *many(unsigned n_files, bool with_collision, size_t *np)
{
    size_t room = (size_t)n_files * 64 + 300;
    char *text = malloc(room);
    size_t n = (size_t)snprintf(text, room, "d4:infod5:filesl");

    for (unsigned i = 0; i < n_files; i++) {
        unsigned k = (unsigned)((uint64_t)i * 7919 % n_files);

        if (with_collision && i == n_files - 1)
            k = (unsigned)((uint64_t)5 * 7919 % n_files);
        n += (size_t)sprintf(text + n, "d6:lengthi0e4:pathl3:dir9:f%08uee", k);
    }
    n += (size_t)sprintf(text + n, "e4:name1:n" PIECE NO_REST);
    *np = n;
    return text;
}

START_TEST(a_hundred_thousand_files_load_quickly)
{
    size_t n;
    char *text = many(100000, false, &n);

    must_parse_n(text, n);
    ck_assert_uint_eq(metainfo_n_files(m), 100000);
    metainfo_free(m);
    free(text);
    text = many(100000, true, &n);
    ck_assert_int_eq(parse_n(text, n), METAINFO_REFUSED);
    ck_assert_str_eq(reason, "info.files[5] and [99999] collide: n/dir/f00039595");
    free(text);
}
END_TEST

RUN_SUITE("Files of a torrent", 20, names_become_clean_utf8, utf8_names_are_preferred,
          long_names_and_paths, a_hundred_thousand_files_load_quickly);
