/* SPDX-License-Identifier: MIT */
#include "parsing.h"

#include "conjure/base/bytes.h"

START_TEST(a_single_file)
{
    char hash[41];
    size_t n;

    must_parse(SINGLE);
    ck_assert_str_eq(metainfo_name(m), "file");
    ck_assert_uint_eq(metainfo_total_length(m), 2500);
    ck_assert_uint_eq(metainfo_piece_length(m), 1024);
    ck_assert_uint_eq(metainfo_n_pieces(m), 3);
    ck_assert_uint_eq(geometry_piece_size(metainfo_geometry(m), 1), 1024);
    ck_assert_uint_eq(geometry_piece_size(metainfo_geometry(m), 2), 452);
    ck_assert_mem_eq(metainfo_piece_hash(m, 2), H20, 20);
    ck_assert_uint_eq(metainfo_n_files(m), 1);
    ck_assert_str_eq(metainfo_file(m, 0)->path, "file");
    ck_assert_uint_eq(metainfo_file(m, 0)->length, 2500);
    ck_assert_uint_eq(metainfo_file_at(m, 2499), 0);
    ck_assert(!metainfo_is_multi(m));
    ck_assert(!metainfo_is_private(m));
    ck_assert_uint_eq(tracker_list_n_tiers(metainfo_trackers(m)), 0);
    ck_assert_ptr_null(metainfo_comment(m));
    ck_assert_ptr_null(metainfo_created_by(m));
    ck_assert_int_eq(metainfo_creation_date(m), 0);
    /* sha1sum of the bytes of the info dict */
    ck_assert_str_eq(info_hash_text(metainfo_info_hash(m), hash),
                     "e0d5ab6dac118e244451c75f743e2259c526c437");
    ck_assert_mem_eq(metainfo_raw_info(m, &n), &SINGLE[7], sizeof SINGLE - 9);
    ck_assert_uint_eq(n, sizeof SINGLE - 9);
    ck_assert_mem_eq(metainfo_raw(m, &n), SINGLE, sizeof SINGLE - 1);
    metainfo_free(m);
    metainfo_free(NULL);
}
END_TEST

START_TEST(many_files)
{
    static const char *const paths[] = {"n/a",   "n/empty",   "n/d/b",  "n/.pad/24",
                                        "n/d/c", "n/.pad/24", "n/link", "n/d/link"};

    must_parse("d4:infod5:filesl"
               "d4:attr1:x6:lengthi1000e4:pathl1:aee"
               "d6:lengthi0e4:pathl5:emptyee"
               "d6:lengthi1000e4:pathl1:d1:bee"
               "d4:attr1:p6:lengthi24e4:pathl4:.pad2:24ee"
               "d4:attr2:xh6:lengthi1000e4:pathl1:d1:cee"
               "d4:attr1:p6:lengthi24e4:pathl4:.pad2:24ee"
               "d4:attr1:l4:pathl4:linke12:symlink pathl2:..1:aee"
               "d4:attr1:l4:pathl1:d4:linke12:symlink pathl1:aee"
               "e4:name1:n" PIECE "6:pieces60:" H20 H20 H20 "7:privatei1eee");
    ck_assert(metainfo_is_multi(m));
    ck_assert(metainfo_is_private(m));
    ck_assert_uint_eq(metainfo_n_files(m), 8);
    for (uint32_t i = 0; i < 8; i++)
        ck_assert_str_eq(metainfo_file(m, i)->path, paths[i]);
    ck_assert(metainfo_file(m, 0)->executable && !metainfo_file(m, 0)->padding);
    ck_assert(metainfo_file(m, 3)->padding && metainfo_file(m, 5)->padding);
    ck_assert(metainfo_file(m, 4)->executable);
    ck_assert(!metainfo_file(m, 6)->padding && !metainfo_file(m, 6)->length);
    ck_assert_ptr_null(metainfo_file(m, 6)->link);
    ck_assert_str_eq(metainfo_file(m, 7)->link, "../a");
    ck_assert(!metainfo_n_mended(m) && !metainfo_original_name(m));
    ck_assert_uint_eq(metainfo_file(m, 4)->offset, 2024);
    ck_assert_uint_eq(metainfo_file_at(m, 0), 0);
    ck_assert_uint_eq(metainfo_file_at(m, 999), 0);
    ck_assert_uint_eq(metainfo_file_at(m, 1000), 2);
    ck_assert_uint_eq(metainfo_file_at(m, 2000), 3);
    ck_assert_uint_eq(metainfo_file_at(m, 2024), 4);
    ck_assert_uint_eq(metainfo_file_at(m, 3047), 5);
    metainfo_free(m);
}
END_TEST

START_TEST(empty_files_only_have_no_pieces)
{
    must_parse("d4:infod6:lengthi0e4:name1:n" PIECE NO_REST);
    ck_assert_uint_eq(metainfo_n_pieces(m), 0);
    ck_assert_uint_eq(metainfo_total_length(m), 0);
    metainfo_free(m);
    must_parse(
        "d4:infod5:filesld6:lengthi0e4:pathl1:aeed6:lengthi0e4:pathl1:beee4:name1:n" PIECE NO_REST);
    ck_assert_uint_eq(metainfo_n_files(m), 2);
    metainfo_free(m);
}
END_TEST

RUN_SUITE("Metainfo", 20, a_single_file, many_files, empty_files_only_have_no_pieces);
