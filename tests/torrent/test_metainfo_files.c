/* SPDX-License-Identifier: MIT */
#include "parsing.h"

#include <stdio.h>
#include <strings.h>

#include "conjure/base/rng.h"

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
        {".bashrc", "_bashrc"},
        {"..", "_."},
        {"a/b", "a_b"},
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
    ck_assert_int_eq(parse_path(1, 256, 'a'), 0);
    ck_assert_uint_eq(strlen(metainfo_file(m, 0)->path), 257);
    metainfo_free(m);
    /* U+FFFD takes three bytes in place of one */
    ck_assert_int_eq(parse_path(1, 86, '\xff'), 0);
    ck_assert_uint_eq(strlen(metainfo_file(m, 0)->path), 257);
    metainfo_free(m);
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
enum names {
    ALL_DIFFER,
    ONE_COLLIDES,
};

static char *many(unsigned n_files, enum names names, size_t *np)
{
    size_t room = (size_t)n_files * 64 + 300;
    char *text = malloc(room);
    size_t n = (size_t)snprintf(text, room, "d4:infod5:filesl");

    for (unsigned i = 0; i < n_files; i++) {
        unsigned k = (unsigned)((uint64_t)i * 7919 % n_files);

        if (names == ONE_COLLIDES && i == n_files - 1)
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
    char *text = many(100000, ALL_DIFFER, &n);

    must_parse_n(text, n);
    ck_assert_uint_eq(metainfo_n_files(m), 100000);
    metainfo_free(m);
    free(text);
    text = many(100000, ONE_COLLIDES, &n);
    must_parse_n(text, n);
    ck_assert_str_eq(metainfo_file(m, 99999)->path, "n/dir/f00039595.100000");
    ck_assert_uint_eq(metainfo_n_mended(m), 1);
    metainfo_free(m);
    free(text);
}
END_TEST

#define FILES(files)       "d4:infod5:filesl" files "e4:name2:.n" PIECE NO_REST
#define AT(path)           "d6:lengthi0e4:pathl" path "ee"
#define LINK(path, target) "d4:attr1:l6:lengthi0e4:pathl" path "e12:symlink pathl" target "ee"

START_TEST(mended_names_are_shown_as_they_were)
{
    must_parse(FILES(AT("1:a") AT("2:..3:b/c") AT("1:A") AT("1:a1:d")));
    ck_assert_str_eq(metainfo_name(m), "_n");
    ck_assert_str_eq(metainfo_original_name(m), ".n");
    ck_assert_str_eq(metainfo_file(m, 0)->path, "_n/a.1");
    ck_assert_str_eq(metainfo_file(m, 0)->original, "a");
    ck_assert_str_eq(metainfo_file(m, 1)->path, "_n/_./b_c");
    ck_assert_str_eq(metainfo_file(m, 1)->original, "../b\\/c");
    ck_assert_str_eq(metainfo_file(m, 2)->path, "_n/A.3");
    ck_assert_str_eq(metainfo_file(m, 2)->original, "A");
    ck_assert_str_eq(metainfo_file(m, 3)->path, "_n/a/d");
    ck_assert_ptr_null(metainfo_file(m, 3)->original);
    ck_assert_uint_eq(metainfo_n_mended(m), 4);
    metainfo_free(m);
}
END_TEST

/* The mended name of one file may be the name of another. */
START_TEST(names_that_clash_again_are_mended_again)
{
    must_parse(FILES(AT("1:a") AT("1:a") AT("3:a.2") AT("5:a.2.2") AT("7:a.2.2-1")));
    ck_assert_str_eq(metainfo_file(m, 0)->path, "_n/a");
    ck_assert_str_eq(metainfo_file(m, 1)->path, "_n/a.2");
    ck_assert_str_eq(metainfo_file(m, 2)->path, "_n/a.3-1.2");
    ck_assert_str_eq(metainfo_file(m, 3)->path, "_n/a.2.2");
    metainfo_free(m);
}
END_TEST

START_TEST(links_are_kept_when_they_stay_inside)
{
    static const char *const targets[] = {
        "a", "../a", "../../c/a_b", NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    };

    must_parse(FILES(LINK("1:l", "1:a") LINK("1:d1:l", "1:a") LINK("1:d1:e1:l", "1:c3:a\nb") LINK(
        "2:l3", "2:..1:a") LINK("2:l4", "1:a2:..") LINK("2:l5", "4:/etc") LINK("2:l6", "0:")
                         LINK("2:l7", "") LINK("2:l8", "i5e") "d4:attr1:l4:pathl2:l9ee"));
    for (uint32_t i = 0; i < 10; i++) {
        const struct metainfo_file *f = metainfo_file(m, i);

        ck_assert_msg(!f->padding && !f->length, "file %u", i);
        ck_assert_msg(targets[i] ? f->link && !strcmp(f->link, targets[i]) : !f->link, "file %u",
                      i);
    }
    metainfo_free(m);
    /* With content it is a file. */
    must_parse("d4:infod5:filesld4:attr1:l6:lengthi5e4:pathl1:ae12:symlink pathl1:beee"
               "4:name1:n" PIECE "6:pieces20:" H20 "ee");
    ck_assert(!metainfo_file(m, 0)->link && metainfo_file(m, 0)->length == 5);
    metainfo_free(m);
}
END_TEST

/* --- hostile names --------------------------------------------------------------------------- */

static uint32_t draw(struct rng *rng, uint32_t n)
{
    return rng_below(rng, n);
}

/* A B-coded name: pieces of what is dangerous, in any order. */
static size_t put_hostile(char *out, struct rng *rng)
{
    static const char *const parts[] = {".",    "..",       "/",  "a", "A",        "b.c",
                                        "\xff", "\xc3\xa4", "\n", "~", "\xc3\x84", ".2",
                                        ".3",   "-1",       "\\", ""};
    char name[1200];
    size_t n = 0;

    for (unsigned i = draw(rng, 4); i; i--) {
        const char *part = parts[draw(rng, sizeof parts / sizeof parts[0])];

        memcpy(name + n, part, strlen(part));
        n += strlen(part);
    }
    if (!draw(rng, 8))
        name[n++] = '\0';
    if (!draw(rng, 16)) {
        memset(name + n, 'x', 300);
        n += 300;
    }
    return (size_t)sprintf(out, "%zu:", n) + (memcpy(out + strcspn(out, ":") + 1, name, n), n);
}

static void expect_safe_name(const char *name, size_t n, bool top)
{
    ck_assert(n && n <= 255);
    ck_assert(!(n == 1 && name[0] == '.') && !(n == 2 && !memcmp(name, "..", 2)));
    ck_assert(!top || name[0] != '.');
    for (size_t i = 0; i < n; i++)
        ck_assert((uint8_t)name[i] >= 0x20 && name[i] != 0x7f);
}

static void expect_safe_path(const char *path)
{
    bool top = true;

    for (size_t n; *path; path += n + (path[n] == '/'), top = false) {
        n = strcspn(path, "/");
        expect_safe_name(path, n, top);
    }
}

/* No two files of M are equal, or one below the other, in lower-case ASCII. */
static void expect_distinct_paths(void)
{
    for (uint32_t i = 0; i < metainfo_n_files(m); i++)
        for (uint32_t k = 0; k < metainfo_n_files(m); k++) {
            const char *a = metainfo_file(m, i)->path, *b = metainfo_file(m, k)->path;
            size_t n = strlen(a);

            ck_assert_msg(i == k || strncasecmp(a, b, n) || (b[n] && b[n] != '/'), "%s %s", a, b);
        }
}

START_TEST(no_hostile_name_leaves_the_download_folder)
{
    static char text[200000];
    struct rng rng;
    unsigned n_loaded = 0;

    rng_seed(&rng, 47);
    for (unsigned round = 0; round < 3000; round++) {
        size_t n = (size_t)sprintf(text, "d4:infod5:filesl");

        for (unsigned i = 1 + draw(&rng, 12); i; i--) {
            n += (size_t)sprintf(text + n, draw(&rng, 5) ? "d6:lengthi0e4:pathl"
                                                         : "d4:attr1:l6:lengthi0e4:pathl");
            for (unsigned k = 1 + draw(&rng, 3); k; k--)
                n += put_hostile(text + n, &rng);
            n += (size_t)sprintf(text + n, "e12:symlink pathl");
            for (unsigned k = draw(&rng, 3); k; k--)
                n += put_hostile(text + n, &rng);
            n += (size_t)sprintf(text + n, "ee");
        }
        n += (size_t)sprintf(text + n, "e4:name");
        n += put_hostile(text + n, &rng);
        n += (size_t)sprintf(text + n, PIECE NO_REST);
        if (parse_n(text, n)) {
            ck_assert_msg(!strcmp(reason, "info.files: too many names clash"), "%s", reason);
            continue;
        }
        n_loaded++;
        expect_distinct_paths();
        for (uint32_t i = 0; i < metainfo_n_files(m); i++) {
            const struct metainfo_file *f = metainfo_file(m, i);
            const char *target = f->link, *p = f->path + strlen(metainfo_name(m)) + 1;

            expect_safe_path(f->path);
            ck_assert(!strncmp(f->path, metainfo_name(m), strlen(metainfo_name(m))));
            if (!target)
                continue;
            /* As many steps up as there are folders between, and then down only. */
            for (; (p = strchr(p, '/')); p++, target += 3)
                ck_assert(!strncmp(target, "../", 3));
            for (size_t size; *target; target += size + (target[size] == '/')) {
                size = strcspn(target, "/");
                expect_safe_name(target, size, false);
            }
        }
        metainfo_free(m);
    }
    ck_assert_uint_gt(n_loaded, 2900);
}
END_TEST

RUN_SUITE("Files of a torrent", 20, names_become_clean_utf8, utf8_names_are_preferred,
          long_names_and_paths, a_hundred_thousand_files_load_quickly,
          mended_names_are_shown_as_they_were, names_that_clash_again_are_mended_again,
          links_are_kept_when_they_stay_inside, no_hostile_name_leaves_the_download_folder);
