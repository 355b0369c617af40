/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <jansson.h>

#include "captured.h"
#include "conjure/cli/commands.h"
#include "conjure/cli/exit_code.h"

static struct captured c;

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
}

#define TORRENT                                            \
    "d8:announce10:http://a/b7:comment5:hello13:creation " \
    "datei86400e4:infod6:lengthi5e4:name1:x12:"            \
    "piece lengthi16384e7:privatei1e6:pieces20:01234567890123456789ee"
#define SORTED                                             \
    "d8:announce10:http://a/b7:comment5:hello13:creation " \
    "datei86400e4:infod6:lengthi5e4:name1:x12:"            \
    "piece lengthi16384e6:pieces20:012345678901234567897:privatei1eee"

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

START_TEST(one_torrent_is_an_object)
{
    char folder[32];
    json_t *x, *file;

    captured_enter(folder);
    write_text("x.torrent", SORTED);
    capture(&c, cli_show, "show --json x.torrent");
    ck_assert_int_eq(c.code, EXIT_DONE);
    x = json_loads(c.out, 0, NULL);
    ck_assert(json_is_object(x));
    ck_assert_str_eq(text(x, "file"), "x.torrent");
    ck_assert_str_eq(text(x, "name"), "x");
    ck_assert_str_eq(text(x, "comment"), "hello");
    ck_assert_uint_eq(strlen(text(x, "info_hash")), 40);
    ck_assert_int_eq(json_integer_value(json_object_get(x, "size")), 5);
    ck_assert_int_eq(json_integer_value(json_object_get(x, "piece_length")), 16384);
    ck_assert_int_eq(json_integer_value(json_object_get(x, "pieces")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(x, "creation_date")), 86400);
    ck_assert(json_is_true(json_object_get(x, "private")));
    ck_assert(json_is_false(json_object_get(x, "multi")));
    ck_assert_str_eq(
        json_string_value(json_array_get(json_array_get(json_object_get(x, "trackers"), 0), 0)),
        "http://a/b");
    file = json_array_get(json_object_get(x, "files"), 0);
    ck_assert_str_eq(text(file, "path"), "x");
    ck_assert_int_eq(json_integer_value(json_object_get(file, "length")), 5);
    json_decref(x);
    captured_leave(folder);
}
END_TEST

#define MENDED                                                     \
    "d4:infod5:filesld6:lengthi0e4:pathl3:a/beed4:attr1:l6:length" \
    "i0e4:pathl1:le12:symlink pathl1:xeee4:name2:.n12:piece leng"  \
    "thi16384e6:pieces0:ee"

START_TEST(a_mended_name_has_an_original)
{
    char folder[32];
    json_t *x, *files;

    captured_enter(folder);
    write_text("x.torrent", MENDED);
    capture(&c, cli_show, "show --json x.torrent");
    x = json_loads(c.out, 0, NULL);
    files = json_object_get(x, "files");
    ck_assert_str_eq(text(x, "name"), "_n");
    ck_assert_str_eq(text(x, "original_name"), ".n");
    ck_assert_str_eq(text(json_array_get(files, 0), "original"), "a\\/b");
    ck_assert_ptr_null(text(json_array_get(files, 0), "link"));
    ck_assert_ptr_null(text(json_array_get(files, 1), "original"));
    ck_assert_str_eq(text(json_array_get(files, 1), "link"), "x");
    json_decref(x);
    captured_leave(folder);
}
END_TEST

START_TEST(several_are_an_array_and_an_invalid_one_has_its_error)
{
    char folder[32];
    json_t *all;

    captured_enter(folder);
    write_text("x.torrent", SORTED);
    write_text("unsorted.torrent", TORRENT);
    capture(&c, cli_show, "show --json x.torrent absent unsorted.torrent");
    all = json_loads(c.out, 0, NULL);
    ck_assert_uint_eq(json_array_size(all), 3);
    ck_assert_str_eq(text(json_array_get(all, 0), "name"), "x");
    ck_assert_str_eq(text(json_array_get(all, 1), "error"), "No such file or directory");
    ck_assert_str_eq(text(json_array_get(all, 2), "file"), "unsorted.torrent");
    ck_assert_int_ge(c.code, EXIT_ERROR);
    json_decref(all);
    captured_leave(folder);
}
END_TEST

START_TEST(a_path_that_is_not_utf8_gives_valid_json)
{
    json_t *x;

    capture(&c, cli_show, "show --json \xff\xfe");
    ck_assert_int_eq(c.code, EXIT_ERROR);
    x = json_loads(c.out, 0, NULL);
    ck_assert_str_eq(text(x, "file"), "?");
    json_decref(x);
}
END_TEST

RUN_SUITE("show --json", 20, one_torrent_is_an_object, a_mended_name_has_an_original,
          several_are_an_array_and_an_invalid_one_has_its_error,
          a_path_that_is_not_utf8_gives_valid_json);
