/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "torrent/names.h"

/* The N bytes as a name. */
static const char *mend_n(const char *bytes, size_t n, enum name_place place)
{
    static char name[NAME_MAX_BYTES + 1];
    struct text t = TEXT_EMPTY(1 << 20);

    ck_assert_int_eq(text_append(&t, "before/", 7), 0);
    ck_assert_int_eq(name_append(&t, (const uint8_t *)bytes, n, place), 0);
    ck_assert_uint_le(t.n - 7, NAME_MAX_BYTES);
    memcpy(name, t.bytes + 7, t.n - 7);
    name[t.n - 7] = '\0';
    text_deinit(&t);
    return name;
}

#define MEND(literal) mend_n(literal, sizeof(literal) - 1, NAME_BELOW)
#define TOP(literal)  mend_n(literal, sizeof(literal) - 1, NAME_TOP)

START_TEST(a_name_is_mended_only_where_it_cannot_be_used)
{
    ck_assert_str_eq(MEND("plain name.txt"), "plain name.txt");
    ck_assert_str_eq(MEND(".hidden"), ".hidden");
    ck_assert_str_eq(MEND("..."), "...");
    ck_assert_str_eq(MEND("..a"), "..a");
    ck_assert_str_eq(MEND(""), "_");
    ck_assert_str_eq(MEND("."), "_");
    ck_assert_str_eq(MEND(".."), "_.");
    ck_assert_str_eq(MEND("../../etc/passwd"), ".._.._etc_passwd");
    ck_assert_str_eq(MEND("a\0b\n"), "a_b_");
    ck_assert_str_eq(TOP(".bashrc"), "_bashrc");
    ck_assert_str_eq(TOP("."), "_");
    ck_assert_str_eq(TOP(".."), "_.");
    ck_assert_str_eq(TOP("/etc"), "_etc");
    ck_assert_str_eq(TOP("a.b"), "a.b");
}
END_TEST

/* A name of N times TEXT, and END. */
static const char *mend_long(size_t n, const char *text, const char *end)
{
    static char name[4096];
    size_t size = strlen(text);

    for (size_t i = 0; i < n; i++)
        memcpy(name + i * size, text, size);
    strcpy(name + n * size, end);
    return mend_n(name, strlen(name), NAME_BELOW);
}

START_TEST(a_long_name_is_cut_before_its_extension)
{
    const char *name = mend_long(255, "a", "");

    ck_assert_uint_eq(strlen(name), 255);
    name = mend_long(256, "a", "");
    ck_assert_uint_eq(strlen(name), 255);
    name = mend_long(300, "a", ".tar");
    ck_assert_uint_eq(strlen(name), 255);
    ck_assert_str_eq(name + 251, ".tar");
    /* whole characters of three bytes: 83 of them and the extension */
    name = mend_long(200, "\xe2\x82\xac", ".flac");
    ck_assert_uint_eq(strlen(name), 83 * 3 + 5);
    ck_assert_str_eq(name + 82 * 3, "\xe2\x82\xac.flac");
    /* what is longer than 32 bytes is no extension */
    name = mend_long(300, "a", ".0123456789012345678901234567890");
    ck_assert_ptr_nonnull(strchr(name, '.'));
    name = mend_long(300, "a", ".01234567890123456789012345678901");
    ck_assert_ptr_null(strchr(name, '.'));
    ck_assert_uint_eq(strlen(name), 255);
    name = mend_long(300, "\xff", "");
    ck_assert_uint_eq(strlen(name), 255);
}
END_TEST

START_TEST(a_number_stands_before_the_extension)
{
    char out[5000], path[300], expected[300];

    name_distinguish("n/a.b/c.tar.gz", 17, 0, out);
    ck_assert_str_eq(out, "n/a.b/c.tar.17.gz");
    name_distinguish("n/a.b/c", 4294967295, 3, out);
    ck_assert_str_eq(out, "n/a.b/c.4294967295-3");
    name_distinguish("n/.hidden", 2, 0, out);
    ck_assert_str_eq(out, "n/.hidden.2");
    memset(path, 'a', 250);
    strcpy(path + 250, ".flac");
    memset(expected, 'a', 247);
    strcpy(expected + 247, ".12.flac");
    name_distinguish(path, 12, 0, out);
    ck_assert_str_eq(out, expected);
}
END_TEST

/* Which of the N paths clash, as bits. */
static unsigned clash(const char *const *paths, uint32_t n)
{
    bool clashes[8];
    unsigned bits = 0;
    uint32_t n_clashes;

    ck_assert_int_eq(names_find_clashes(paths, n, clashes, &n_clashes), 0);
    for (uint32_t i = 0; i < n; i++)
        bits |= (unsigned)clashes[i] << i;
    ck_assert_uint_eq(n_clashes, (unsigned)__builtin_popcount(bits));
    return bits;
}

START_TEST(equal_paths_and_files_in_place_of_folders_clash)
{
    static const char *const good[] = {"b", "a/b", "a!", "ab", "a-/c"};
    static const char *const twice[] = {"x", "a", NULL, "m", "a", NULL, "a"};
    static const char *const folder[] = {"a/b/c", "a-z", "a!b", "a", "a/b"};
    static const char *const both[] = {"A", "a", "a/b"};
    static const char *const cases[] = {"README",
                                        "readme",
                                        "D/x",
                                        "d/X",
                                        "\xc3\x84",
                                        "\xc3\xa4",
                                        /* Ä ä */ "\xd0\x96/\xd0\xaf",
                                        "\xd0\xb6/\xd1\x8f" /* Ж/Я ж/я */};
    static const char *const other[] = {"\xc3\x97", "\xc3\xb7", "[", "{", "@", "`"};

    ck_assert_uint_eq(clash(good, 5), 0);
    ck_assert_uint_eq(clash(twice, 7), 0x50);
    ck_assert_uint_eq(clash(folder, 5), 0x18);
    ck_assert_uint_eq(clash(both, 3), 0x3);
    ck_assert_uint_eq(clash(cases, 8), 0xaa);
    ck_assert_uint_eq(clash(other, 6), 0);
    ck_assert_uint_eq(clash(good, 0), 0);
}
END_TEST

RUN_SUITE("names", 10, a_name_is_mended_only_where_it_cannot_be_used,
          a_long_name_is_cut_before_its_extension, a_number_stands_before_the_extension,
          equal_paths_and_files_in_place_of_folders_clash);
